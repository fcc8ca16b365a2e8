"""The screen of models: what is loaded on this machine, its memory, and what each model did in the run that is open."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from orch_tui.dialogs import told
from orch_tui.footer import KeyBar
from orch_tui.listing import Listing, Rows
from orch_tui.models_table import model_rows
from orch_tui.pane import Lines
from orch_tui.settings import bindings
from orch_tui.watching import Watch
from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orch_tui.ports import Machine, World
    from orch_tui.view import Followed

LOOK = 2.0
"""Seconds between looks at the machine."""


class ModelsScreen(Screen[None]):
    """`shown` is the run whose models stand below; it goes on being followed by its own screen."""

    CSS = "ModelsScreen Listing { padding: 1 1; }"
    BINDINGS: ClassVar[list[BindingType]] = bindings("back", "models", shown=("back",))

    def __init__(self, world: World, shown: Followed | None = None) -> None:
        super().__init__()
        self.world = world
        self.shown = shown
        self.machine: Machine | None = None
        self.trouble = ""
        self._watched = Watch(LOOK)

    def compose(self) -> ComposeResult:
        yield Lines((("Models", "bold"),), id="title")
        yield Listing(Rows(), cursor_shown=False, id="models")
        yield KeyBar()

    def on_mount(self) -> None:
        self.query_one(Listing).focus()
        self._watch()

    def on_screen_resume(self) -> None:
        self._watched.wake()

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    @work(exclusive=True)
    async def _watch(self) -> None:
        await self._watched.go_on(self._look, lambda: self.is_current)

    async def _look(self) -> None:
        try:
            self.machine, self.trouble = await asyncio.to_thread(self.world.machine), ""
        except OrchError as error:
            self.trouble = told(error)
        except OSError as error:
            self.trouble = f"this machine could not be asked: {error.strerror or error}"
        if self.query("#title"):  # it may have been left meanwhile
            self._draw(self.size.width)

    def _draw(self, width: int) -> None:
        trace = self.shown.trace if self.shown is not None else None
        run, ready = (trace.summary, trace.state.models) if trace is not None else (None, {})
        of_run = ((f" · run {self.shown.run}", "dim"),) if self.shown is not None else ()
        warning = ((f"  ✗ {self.trouble}", "bad"),) if self.trouble else ()
        self.query_one("#title", Lines).show((("Models", "bold"), *of_run, *warning))
        listing = self.query_one(Listing)
        listing.source = Rows(model_rows(self.machine, run, self.world.now(), max(20, width - 3), ready))
        listing.redraw()

    def action_models(self) -> None:
        """They are here."""

    def action_back(self) -> None:
        self.dismiss()
