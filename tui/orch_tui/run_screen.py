"""The screen of one run: its header, the view that is chosen, the bar of what it uses. Ten times a second it takes news.

Each part draws itself; here stands only which of them is visible and what the keys do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer

from orch_tui.bars import RunHeader, UsageBar
from orch_tui.detail import DetailPanel
from orch_tui.feed import Feed, News
from orch_tui.graph import GraphView
from orch_tui.logs import LogsView
from orch_tui.settings import bindings
from orch_tui.timeline import TimelineView
from orch_tui.tree import SpanTree
from orch_tui.view import Followed, View

if TYPE_CHECKING:
    from orch_tui.ports import World

HERTZ = 10
STILL = 1.0
"""Seconds after which durations are drawn again although nothing happened."""


class RunScreen(Screen[None]):
    """Attached to a run, live or finished. Leaving it does nothing to the run."""

    CSS = """
    RunScreen #trace { height: 1fr; }
    RunScreen #tree { width: 1fr; }
    RunScreen #detail { width: 1fr; border-left: vkey $panel; }
    RunScreen.-narrow #trace { layout: vertical; }
    RunScreen.-narrow #tree { width: 1fr; height: 2fr; }
    RunScreen.-narrow #detail { width: 1fr; height: 3fr; border-left: none; border-top: hkey $panel; }
    RunScreen.zoomed #tree { display: none; }
    RunScreen ContentSwitcher { height: 1fr; }
    """
    BINDINGS = bindings(
        "back",
        "trace",
        "graph",
        "timeline",
        "logs",
        "other_pane",
        shown=("back", "graph", "timeline", "logs"),
    )

    def __init__(self, world: World, run: str) -> None:
        super().__init__()
        self.shown = Followed(world, Feed(world.store, run))
        self._still = 0.0
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]

    def compose(self) -> ComposeResult:
        shown = self.shown
        yield RunHeader(shown)
        with ContentSwitcher(initial="trace"):
            with Horizontal(id="trace"):
                yield SpanTree(shown, id="tree")
                yield DetailPanel(shown, id="detail")
            yield GraphView(shown, id="graph")
            yield TimelineView(shown, id="timeline")
            yield LogsView(shown, id="logs")
        yield UsageBar(shown)
        yield Footer()

    def on_mount(self) -> None:
        self.shown.feed.start()
        self._listen()
        self.set_interval(1 / HERTZ, self._tick)
        self.query_one("#tree").focus()

    def on_unmount(self) -> None:
        self.shown.feed.close()

    @work(exclusive=True)
    async def _listen(self) -> None:
        await self.shown.feed.listen()

    # -- news

    def _tick(self) -> None:
        news = self.shown.feed.take()
        now = self.shown.world.now()
        if news or now - self._still >= STILL:
            self._still = now
            self._flush(news)

    def _flush(self, news: News) -> None:
        for part in self._parts():
            part.flush(news)

    def _parts(self) -> list[View]:
        parts: list[View] = [self.query_one(RunHeader), self.query_one(UsageBar)]
        view = self.query_one(ContentSwitcher).current
        if view == "trace":
            return [*parts, self.query_one(SpanTree), self.query_one(DetailPanel)]
        match view:
            case "graph":
                return [*parts, self.query_one(GraphView)]
            case "timeline":
                return [*parts, self.query_one(TimelineView)]
            case _:
                return [*parts, self.query_one(LogsView)]

    def on_span_tree_selected(self, message: SpanTree.Selected) -> None:
        self.query_one(DetailPanel).show(message.span, message.attempt)

    # -- what is visible

    def action_trace(self) -> None:
        self._switch("trace")

    def action_graph(self) -> None:
        self._switch("graph")

    def action_timeline(self) -> None:
        self._switch("timeline")

    def action_logs(self) -> None:
        self._switch("logs")

    def _switch(self, view: str) -> None:
        self.query_one(ContentSwitcher).current = view
        self.query_one("#tree" if view == "trace" else f"#{view}").focus()
        self._flush(News())

    def on_listing_chosen(self) -> None:
        if self.query_one(ContentSwitcher).current == "trace":
            self.add_class("zoomed")
            self.action_other_pane()

    def action_other_pane(self) -> None:
        self.focus_next() if self.query_one("#tree").has_focus else self.query_one("#tree").focus()

    def action_back(self) -> None:
        """One step outwards: from a span in full, from a view, from the run."""
        if self.has_class("zoomed"):
            self.remove_class("zoomed")
            self.query_one("#tree").focus()
        elif self.query_one(ContentSwitcher).current != "trace":
            self._switch("trace")
        else:
            self.dismiss()
