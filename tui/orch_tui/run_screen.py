"""The screen of one run: its header, the view that is chosen, the bar of what it uses. Ten times a second it takes news.

Each part draws itself; here stands only which of them is visible and what the keys do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from textual import work
from textual._styles_cache import StylesCache
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from orch_tui.acting import Acting, Views
from orch_tui.covered import Covered
from orch_tui.detail import DetailPanel
from orch_tui.feed import Feed, News
from orch_tui.footer import KeyBar
from orch_tui.graph import GraphView
from orch_tui.listing import Listing
from orch_tui.logs import LogsView
from orch_tui.pieces import Pieces, draw_now
from orch_tui.run_header import RunHeader
from orch_tui.settings import bindings
from orch_tui.timeline import TimelineView
from orch_tui.trace import NOWHERE
from orch_tui.tree import SpanTree, TreePane
from orch_tui.trouble import Trouble
from orch_tui.usage_bar import UsageBar
from orch_tui.view import Followed, View
from orchestrator.report.paths import step_of

if TYPE_CHECKING:
    from orch_tui.ports import World

HERTZ = 10
LOADS = 4
LOAD = 0.012
"""How often and for how many seconds a record is gone on with between two ticks while it loads."""
SHARES = range(20, 81, 5)
"""Per cent of the room that the tree may have."""
SIDE_BY_SIDE = 100
"""Columns from which the detail stands beside the tree instead of below it."""

PARTS: Mapping[str, tuple[type[Widget], ...]] = {
    "trace": (SpanTree, DetailPanel),
    "graph": (GraphView,),
    "timeline": (TimelineView,),
    "logs": (LogsView,),
}
"""What draws itself in each view."""


class Panes(Covered, Horizontal):
    """The tree and what is chosen in it."""


class RunScreen(Covered, Acting):
    """Attached to a run, live or finished. Leaving it does nothing to the run."""

    CSS = """
    RunScreen #trace { height: 1fr; }
    RunScreen #detail { border-left: vkey $panel; }
    RunScreen.-narrow #trace { layout: vertical; }
    RunScreen.-narrow #detail { border-left: none; border-top: hkey $panel; }
    RunScreen.zoomed #left { display: none; }
    RunScreen ContentSwitcher { height: 1fr; }
    """
    BINDINGS = bindings(
        "approve",
        "zoom",
        "again",
        "graph",
        "timeline",
        "logs",
        "back",
        "other_pane",
        "trace",
        "copy",
        "copy_command",
        "open_file",
        "save",
        "reject",
        "cancel",
        "wider",
        "narrower",
        "tab_1",
        "tab_2",
        "tab_3",
        "tab_4",
        "tab_5",
        "tab_6",
        "next_tab",
        "previous_tab",
        "diff",
        "models",
        "approvals",
        "runs",
        "replay",
        shown=("approve", "again", "other_pane", "graph", "timeline", "logs", "back", "copy"),
    )

    def __init__(self, world: World, run: str, feed: Feed | None = None) -> None:
        super().__init__(Followed(world, feed or Feed(world.store, run)))
        self._compositor = Pieces()
        self._still = 0.0
        self._only_text = False
        """Whether this time only what models write is taken in."""
        self._early = News()
        """What was taken in between two ticks."""
        self._share = 50
        self._stands: tuple[bool, frozenset[str], dict[str, str]] = False, frozenset(), {}
        """What the keys at the bottom go by."""
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (SIDE_BY_SIDE, "-wide")]

    def compose(self) -> ComposeResult:
        shown = self.shown
        yield RunHeader(shown)
        yield Trouble(shown, id="trouble")
        with Views(initial="trace"):
            with Panes(id="trace"):
                yield TreePane(shown, id="left")
                yield DetailPanel(shown, id="detail")
            yield GraphView(shown, id="graph")
            yield TimelineView(shown, id="timeline")
            yield LogsView(shown, id="logs")
        yield UsageBar(shown)
        yield KeyBar()

    def on_mount(self) -> None:
        self.shown.feed.start()
        self._listen()
        self.set_interval(1 / HERTZ, self._tick)
        for tree in self.query("#tree"):  # none when a signal came while it was opening
            tree.focus()

    def on_unmount(self) -> None:
        """Textual remembers the colours of the last thousand widgets, and with them all that those had drawn."""
        self.shown.feed.close()
        StylesCache.get_inner_outer.cache_clear()

    @work(exclusive=True)
    async def _listen(self) -> None:
        await self.shown.feed.listen()

    # -- news

    def _tick(self) -> None:
        """Take what came even when another screen lies above: the reader waits for nobody.

        Spans are taken and shown every second time: with each of them most of the tree moves.
        """
        feed = self.shown.feed
        self._only_text = not self._only_text and feed.caught_up and not self._early
        news, self._early = self._early, News()
        news.add(feed.take_text() if self._only_text else feed.take())
        now = self.shown.world.now()
        if not feed.caught_up and news.events:
            self._load_on()
        if (news or now - self._still >= feed.still) and self._visible:
            self._still = now
            self._flush(news)
            draw_now(self)

    @work(group="loading", exclusive=True)
    async def _load_on(self) -> None:
        """A long record is taken in between the ticks too; keys and drawing come first."""
        feed = self.shown.feed
        for _ in range(LOADS):
            await asyncio.sleep(0.001)
            if feed.caught_up or not self.is_mounted:
                return
            self._early.add(feed.take(LOAD))
            if (tree := self._found.of(SpanTree)) is not None:
                tree.stand()

    @property
    def _visible(self) -> bool:
        """Nothing but dialogs lies above it."""
        above = self.app.screen_stack
        return self in above and all(isinstance(one, ModalScreen) for one in above[above.index(self) + 1 :])

    def on_screen_resume(self) -> None:
        self._flush(News(changed=True))

    def _flush(self, news: News) -> None:
        if not self.is_mounted or self._found.of(Trouble) is None:
            return  # what is in it is not there yet, or not any more
        moved = news.events or news.changed or not news
        for part in self._parts():
            if moved or not isinstance(part, SpanTree):
                part.flush(news)
        stands = bool(self.shown.trace.state.asks), self.idle_keys, self.words_now
        if stands != self._stands:
            self._stands = stands
            self.refresh_bindings()

    def _parts(self) -> list[View]:
        """What is there of the view: while the screen comes or goes, some of it is not."""
        kinds: tuple[type[Widget], ...] = (RunHeader, UsageBar, *PARTS.get(self.view, ()), Trouble)
        return [cast("View", part) for part in self._found.all(*kinds)]

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
        self.remove_class("zoomed")
        self.query_one("#tree" if view == "trace" else f"#{view}").focus()
        self._flush(News())
        self.refresh_bindings()

    def action_zoom(self) -> None:
        """The detail over the whole width, or the tree beside it again."""
        if self.has_class("zoomed"):
            self.action_back()
        else:
            self.add_class("zoomed")
            self._focus_detail()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        if message.listing.id == "tree":
            self.action_zoom()

    def action_other_pane(self) -> None:
        tree = self.query_one("#tree")
        if self._in_detail and not self.has_class("zoomed"):
            tree.focus()
        else:
            self._focus_detail()

    @property
    def _in_detail(self) -> bool:
        return self.focused is not None and self.query_one(DetailPanel) in self.focused.ancestors_with_self

    def _focus_detail(self) -> None:
        panel = self.query_one(DetailPanel)
        for widget in self.focus_chain:
            if panel in widget.ancestors_with_self:
                widget.focus()
                return

    def action_back(self) -> None:
        """One step outwards: from a span in full, from its detail, from a view, from the run."""
        if self.has_class("zoomed"):
            self.remove_class("zoomed")
            self.query_one("#tree").focus()
        elif self.view != "trace":
            self._switch("trace")
        elif self._in_detail:
            self.query_one("#tree").focus()
        else:
            self.dismiss()

    def action_wider(self) -> None:
        self._divide(self._share + SHARES.step)

    def action_narrower(self) -> None:
        self._divide(self._share - SHARES.step)

    def _divide(self, share: int) -> None:
        self._share = max(SHARES[0], min(share, SHARES[-1]))
        self._lay_out()

    def on_resize(self) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        """Side by side, or one above the other where there are few columns."""
        narrow = self.size.width < SIDE_BY_SIDE
        for name, share in (("#left", self._share), ("#detail", 100 - self._share)):
            for pane in self.query(name):  # none while the screen goes
                pane.styles.width = "1fr" if narrow else f"{share}fr"
                pane.styles.height = f"{share}fr" if narrow else "1fr"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Which keys mean something now."""
        if not self.is_mounted:
            return True
        match action:
            case "other_pane" | "wider" | "narrower" | "zoom" | "next_tab" | "previous_tab" | "diff":
                return self.view == "trace"
            case "approve" | "reject":
                return bool(self.shown.trace.state.asks) and self.shown.feed.status in ("running", "waiting")
            case "trace" | "graph" | "timeline" | "logs":
                return self.view != action
            case "replay":
                return not self.shown.feed.running
            case "again":
                return self.view in ("trace", "logs") and self.shown.world.forks is not None
            case _:
                return not action.startswith("tab_") or self.view == "trace"

    @property
    def idle_keys(self) -> frozenset[str]:
        """What does something only while there are errors, or while something runs: at the bottom it has no place now."""
        trace = self.shown.trace
        running = self.shown.feed.running
        idle = {
            "next_error": not (trace.failed or trace.caught),
            "follow": not running,
            "again": running or not self.shown.feed.caught_up,
        }
        return frozenset(action for action, nothing in idle.items() if nothing)

    @property
    def words_now(self) -> dict[str, str]:
        """What a key at the bottom does now, where its action has two sides."""
        return {"follow": "Unfollow"} if self.shown.rows.following else {}

    @property
    def refusals(self) -> dict[str, str]:
        """Why an action cannot be done now, where the screen knows."""
        nothing = "nothing is asked in this run now"
        again = (
            "runs cannot be started from here"
            if self.shown.world.forks is None
            else "only in the trace and the logs"
        )
        return {
            "approve": nothing,
            "reject": nothing,
            "again": again,
            "replay": "only when nobody executes the run",
        }

    # -- from one view to the other

    def on_span_tree_selected(self, message: SpanTree.Selected) -> None:
        self.query_one(DetailPanel).show(message.span, message.attempt)

    def on_timeline_view_span_chosen(self, message: TimelineView.SpanChosen) -> None:
        self._go_to(message.span)

    def on_logs_view_span_chosen(self, message: LogsView.SpanChosen) -> None:
        self._go_to(self.shown.trace.find(message.path))

    def on_graph_view_step_chosen(self, message: GraphView.StepChosen) -> None:
        span = self.shown.trace.find(message.step)
        if span == NOWHERE:
            trace = self.shown.trace
            of_step = (one for one in range(len(trace)) if step_of(trace.path(one)) == message.step)
            span = next(of_step, NOWHERE)
        if span == NOWHERE:
            self.notify(f"'{message.step}' has not begun")
        else:
            self._go_to(span)

    def _go_to(self, span: int) -> None:
        if span == NOWHERE:
            return
        self._switch("trace")
        self.query_one(SpanTree).go_to(span)
