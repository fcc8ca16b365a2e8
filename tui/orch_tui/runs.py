"""The list of runs: what has run here, filtered, sorted, deleted with a question first."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from orch_tui.listing import Listing, Rows
from orch_tui.ports import World


class RunsScreen(Screen[None]):
    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world

    def compose(self) -> ComposeResult:
        yield Listing(Rows([((row.id, ""), ("  " + row.workflow, "dim")) for row in self.world.store.runs()]))
        yield Footer()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        from orch_tui.run_screen import RunScreen

        self.app.push_screen(RunScreen(self.world, self.world.store.runs()[message.index].id))
