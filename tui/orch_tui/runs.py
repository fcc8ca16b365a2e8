"""The list of runs: what has run here and what runs now, filtered, sorted, deleted with a question first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen, Screen

from orch_tui.copying import Copied, command_for
from orch_tui.dialogs import Confirm, paragraphs, told
from orch_tui.find import FindBar
from orch_tui.footer import KeyBar
from orch_tui.listing import Listing, Rows
from orch_tui.pane import Lines
from orch_tui.runs_table import RunsReader, RunsTable, moment
from orch_tui.settings import bindings
from orch_tui.table import TableList
from orch_tui.text import Role
from orch_tui.viewless import VIEWS, Viewless
from orch_tui.watching import Watch
from orchestrator.errors import OrchError
from orchestrator.report import words

if TYPE_CHECKING:
    from orch_tui.ports import World
    from orchestrator.store.rows import RunRow

LOOK = 1.0
"""Seconds between looks at the store."""
REST = 10
"""At least so many times as long as a look took nothing is read: a slow store does not keep a core busy."""


class RunsList(TableList):
    """The runs; only here enter has its place among the keys at the bottom."""

    BINDINGS = bindings("zoom", shown=("zoom",))


class RunsScreen(Viewless, Screen[None]):
    """Every run of the store, the newest first. Looks at the store only while nothing lies above it."""

    CSS = """
    RunsScreen #notice { padding: 1 2; }
    """
    BINDINGS: ClassVar[list[BindingType]] = bindings(
        "search",
        "approvals",
        "replay",
        "sort",
        "delete",
        "cancel",
        "approve",
        "copy",
        "copy_command",
        "back",
        *VIEWS,
        shown=("search", "sort", "replay", "delete", "approvals"),
    )

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.table = RunsTable(world.now)
        self.trouble = ""
        """Why the store cannot be read now."""
        self._reader = RunsReader(world.store)
        self._read = False
        self._watched = Watch(LOOK, rest=REST)

    def compose(self) -> ComposeResult:
        yield Lines(id="totals")
        yield Lines(id="header")
        yield RunsList(self.table, id="runs")
        yield Listing(Rows(), cursor_shown=False, id="notice")
        yield FindBar(id="filter")
        yield KeyBar()

    def on_mount(self) -> None:
        self._notice([("Reading the runs…", "dim")])
        self._watch()

    def on_screen_resume(self) -> None:
        self._watched.wake()

    def on_resize(self, event: events.Resize) -> None:
        self._draw(event.size.width)

    # -- reading

    @work(exclusive=True)
    async def _watch(self) -> None:
        await self._watched.go_on(self._look, lambda: self.in_sight)

    @property
    def in_sight(self) -> bool:
        """Nothing but dialogs lies above it: Textual draws everything anew for what changes below."""
        above = self.app.screen_stack
        return self in above and all(isinstance(one, ModalScreen) for one in above[above.index(self) + 1 :])

    async def _look(self) -> None:
        try:
            runs = await asyncio.to_thread(self._reader.read)
            self.trouble, self._read = "", True
        except OrchError as error:
            runs, self.trouble = self.table.runs, told(error)
        if not self.query("#totals"):
            return  # it was left meanwhile
        if runs is not self.table.runs:
            self._change(lambda: self.table.take(runs, self._reader.marks))
        self._draw(self.size.width)

    def _change(self, change: Callable[[], None]) -> None:
        """Change what the table shows; the cursor stays on its run, and the run where it is on the screen."""
        listing = self.query_one(RunsList)
        row, before = self.table.at(listing.cursor), listing.cursor
        change()
        place = self.table.place(row.id) if row is not None else None
        listing.redraw()
        if place is None or place == before:
            return
        if listing.scroll_offset.y > 0:
            listing.scroll_relative(y=place - before, animate=False, immediate=True, force=True)
        listing.move_to(place)

    # -- drawing

    def _draw(self, width: int) -> None:
        table = self.table
        warning = ((f"  ✗ {self.trouble}", "bad"),) if self.trouble and table.runs else ()
        self.query_one("#totals", Lines).show((*table.totals(), *warning))
        self.query_one("#header", Lines).show(table.header(width - 1))
        self.query_one(RunsList).redraw()
        if not table.shown:
            self._notice(self._why_nothing())
        self.query_one("#notice").display = not table.shown
        self.query_one(RunsList).display = bool(table.shown)
        self.query_one("#header").display = bool(table.shown)

    def _why_nothing(self) -> list[tuple[str, Role]]:
        """What stands in place of an empty list."""
        where = self.world.store.where
        if self.trouble:
            return [(self.trouble, "bad"), ("It is tried again every second.", "dim")]
        if not self._read:
            return [("Reading the runs…", "dim")]
        if self.table.runs:
            return [
                (f"No run has “{self.table.needle.strip()}”.", ""),
                ("esc shows all of them again.", "dim"),
            ]
        return [
            ("No run yet.", "bold"),
            ("Start one from a shell: orch run WORKFLOW", ""),
            ("Or learn with the first steps of a new project: orch init", ""),
            (f"Runs are kept in {where} and appear here by themselves.", "dim"),
        ]

    def _notice(self, texts: list[tuple[str, Role]]) -> None:
        notice = self.query_one("#notice", Listing)
        notice.source = Rows(paragraphs(texts, max(20, self.size.width - 6)))
        notice.redraw()

    # -- keys

    @property
    def row(self) -> RunRow | None:
        """The run under the cursor."""
        return self.table.at(self.query_one(RunsList).cursor)

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        from orch_tui.run_screen import RunScreen

        if message.listing.id == "runs" and self.row is not None:
            self.app.push_screen(RunScreen(self.world, self.row.id))

    def action_replay(self) -> None:
        """Play what is recorded of a run; one that goes on is watched instead."""
        from orch_tui.replay_screen import open_replay

        row = self.row
        if row is not None and row.live:
            self.notify(f"run {row.id} is being executed: open it to watch it live", severity="warning")
        elif row is not None:
            open_replay(self.app, self.world, row.id)

    def action_sort(self) -> None:
        self._change(self.table.sort_next)
        self._draw(self.size.width)

    def action_approve(self) -> None:
        from orch_tui.approvals import ApprovalsScreen

        self.app.push_screen(ApprovalsScreen(self.world, at=self.row.id if self.row is not None else ""))

    def action_approvals(self) -> None:
        self.action_approve()

    def action_copy(self) -> None:
        if self.row is not None:
            self._copy(Copied(self.row.id, "the id of the run"))

    def action_copy_command(self) -> None:
        if self.row is not None:
            self._copy(Copied(command_for(self.row.id), "the command that shows the run"))

    def _copy(self, copied: Copied) -> None:
        self.app.copy_to_clipboard(copied.text)
        self.notify(f"{copied.sentence}: {copied.text}", markup=False)

    # -- filter

    def action_search(self) -> None:
        self.query_one(FindBar).open()

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        self._filter(message.text)

    def on_find_bar_done(self) -> None:
        self.query_one(RunsList).focus()

    def on_find_bar_cancelled(self) -> None:
        self._filter("")
        self.query_one(RunsList).focus()

    def action_back(self) -> None:
        """Out of the filter: everything is shown again."""
        if self.query_one(FindBar).is_open:
            self.query_one(FindBar).cancel()

    def _filter(self, needle: str) -> None:
        self._change(lambda: self.table.filter(needle))
        self.query_one(RunsList).search(needle.strip() if len(needle.split()) == 1 else "")
        self._draw(self.size.width)

    # -- what changes something

    @work
    async def action_delete(self) -> None:
        row = self.row
        if row is None:
            return
        if row.live:
            self.notify(f"run {row.id} is being executed; cancel it first", severity="warning", markup=False)
        elif await self.app.push_screen_wait(Confirm(f"Delete run {row.id}?", _about(row, self.world))):
            await self._try(lambda: _deleted(self.world, row.id))

    @work
    async def action_cancel(self) -> None:
        from orch_tui.canceling import cancel, why_not

        row = self.row
        if row is None:
            return
        question = Confirm(
            f"Cancel run {row.id}?",
            f"What has finished is kept; it goes on from there with: orch resume {row.id}",
            "Cancel the run",
        )
        if not row.live:
            self.notify(why_not(row.status, row.id), severity="warning", markup=False)
        elif await self.app.push_screen_wait(question):
            await self._try(lambda: cancel(self.world.store, row.id, self.world.user))

    async def _try(self, act: Callable[[], str]) -> None:
        """Do it in a thread, and say what came of it."""
        try:
            self.notify(await asyncio.to_thread(act), markup=False)
        except OrchError as error:
            self.notify(told(error), severity="error", markup=False)
        self._watched.wake()


def _deleted(world: World, run: str) -> str:
    world.store.delete(run)
    return f"deleted run {run}"


def _about(row: RunRow, world: World) -> str:
    name = f"{row.workflow}@{row.revision}" if row.revision else row.workflow
    return (
        f"{name}, {row.status}, {moment(row.started, world.now())}, {words.count(row.finished, 'step')} done.\n"
        f"Its prompts, answers and values are removed from {world.store.where}. This cannot be undone."
    )
