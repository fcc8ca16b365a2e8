"""The right side: one span in full, in tabs. What the tabs show is made in a thread; here it is put on the screen.

The tab and the place in it stay when the person goes from span to span; what is written now is followed to its end.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.timer import Timer

from orch_tui.against import option, others
from orch_tui.detail_bar import TabLine, headline, run_headline
from orch_tui.detail_pages import ATTEMPTS, PROMPT, RAW, SOURCES, WHY, Chosen, Pages
from orch_tui.detail_read import is_span, wanted
from orch_tui.doing import refuse
from orch_tui.find import FindBar
from orch_tui.listing import Listing
from orch_tui.pane import Lines
from orch_tui.scroller import OUTPUT, Scroller
from orch_tui.settings import bindings
from orch_tui.tabs.live import Growing
from orch_tui.tabs.page import Page
from orch_tui.tabs.whole import whole
from orch_tui.trace import NOWHERE
from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed
    from orchestrator.store.rows import RunRow

SETTLE = 0.06
"""Seconds the cursor must stay on a span before it is read."""
RENEW = 1.0
"""Seconds between readings of a group that runs."""

DIFFERENCES = {True: "the attempt before (of this run)", False: "nothing: whole answers"}
"""What is done with the attempts, in words."""


class DetailPanel(Vertical):
    """`show` a span; tell it of news with `flush`."""

    DEFAULT_CSS = "DetailPanel > Scroller { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("tab_1", "tab_2", "tab_3", "tab_4", "tab_5", "tab_6", "next_tab", "previous_tab"),
        *bindings("diff", "search", "next_match", "previous_match", "back"),
    ]

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown
        self._chosen = Chosen()
        self._pages = Pages(shown.world)
        self._tabs = TabLine()
        self._about = Lines((), ())
        self._scroller = Scroller()
        self._settling: Timer | None = None
        self._loading = False
        self._again = False
        self._read_at = 0.0
        self._speed = ""
        self._searched_from = 0
        self._brought_to = self._chosen
        """For what the text was brought to its place; afterwards the person scrolls."""
        self._live = False
        """Whether the text being written is shown."""
        self._opened = shown.world.now()
        self._before: dict[int, int] | None = None
        """How many attempts spans had that were under way when the record was first read to its end."""

    def compose(self) -> ComposeResult:
        yield self._tabs
        yield self._about
        yield self._scroller
        yield FindBar()

    @property
    def text(self) -> str:
        """What the tab shows, as plain text: what `y` copies."""
        source = self._scroller.source
        return source.text if isinstance(source, Page | Growing) else ""

    @property
    def tab(self) -> int:
        """The number of the tab, from 0."""
        return self._chosen.tab

    # -- what is shown

    def show(self, span: int, attempt: int) -> None:
        """Show this span, or one attempt of it, as soon as the cursor rests there."""
        if (span, attempt) == (self._chosen.span, self._chosen.attempt):
            return
        self._speed = ""
        self._choose(replace(self._chosen, span=span, attempt=attempt))
        if self._settling is not None:
            self._settling.stop()
        self._settling = self.set_timer(SETTLE, self._settled)

    def flush(self, news: News) -> None:
        """Keep what runs up to date."""
        if self._before is None and self.shown.feed.caught_up:
            trace = self.shown.trace
            self._before = {span: len(trace.tries.get(span, ())) for span in trace.running()}
        if self._chosen.span == NOWHERE:
            self._flush_run(news)
            return
        if not self._something:
            return
        self._tell()
        self._show_live()
        trace, span = self.shown.trace, self._chosen.span
        touched = span in news.touched or news.changed
        if not touched and trace.children(span) and trace.live(span):
            touched = bool(news.events) and time.monotonic() - self._read_at >= RENEW
        if touched and self._settling is None:
            self._load()

    def _flush_run(self, news: News) -> None:
        """How a run stands matters at once, what it took so far now and then."""
        self._tell()
        due = bool(news.events) and time.monotonic() - self._read_at >= RENEW
        if (news.changed or due) and self._settling is None:
            self._load()

    @property
    def _something(self) -> bool:
        """Whether a span, or the run, is chosen."""
        return self._chosen.span == NOWHERE or is_span(self.shown.trace, self._chosen.span)

    def _choose(self, chosen: Chosen) -> None:
        self._chosen = chosen
        self._live = False
        self._tabs.choose(chosen.tab)
        self._tell()

    def _settled(self) -> None:
        self._settling = None
        self._load()

    def _tell(self) -> None:
        width = self.size.width
        if self._chosen.span == NOWHERE:
            feed = self.shown.feed
            self._about.show(*run_headline(self.shown.trace, feed.status, self.shown.now, width))
        elif self._something:
            at = self._chosen
            self._about.show(
                *headline(self.shown.trace, at.span, at.attempt, self.shown.now, width, self._speed)
            )

    # -- what is being written

    def _show_live(self) -> bool:
        """The text that grows, in the place of the page; false when there is none."""
        text = self._written()
        if not text or not self._scroller.columns:
            return False
        source = self._scroller.source
        if not self._live or not isinstance(source, Growing):
            source = Growing(self._scroller.columns, headless=self._began_before(self._chosen.span))
            source.show(text)
            self._live = True
            self._scroller.swap(source, OUTPUT, growing=True)
        else:
            source.show(text)
            self._scroller.redraw()
        return True

    def _written(self) -> str:
        trace, at = self.shown.trace, self._chosen
        if at.tab != OUTPUT or not is_span(trace, at.span) or not trace.live(at.span):
            return ""
        last = len(trace.tries.get(at.span, ())) - 1
        return self.shown.feed.live.get(trace.path(at.span), "") if at.attempt in (NOWHERE, last) else ""

    def _began_before(self, span: int) -> bool:
        """Whether the attempt under way began before anybody listened: then the beginning of its text is missing."""
        tries = self.shown.trace.tries.get(span, ())
        known = (self._before or {}).get(span, 0)
        return 0 < len(tries) <= known and tries[-1].started < self._opened

    # -- what was recorded

    def _load(self) -> None:
        """Read and show; while that is under way, once more afterwards."""
        if self._loading:
            self._again = True
        elif self._something and self._scroller.columns:
            self._loading = True
            self._load_in_thread()

    @work(group="detail")
    async def _load_in_thread(self) -> None:
        chosen, width = self._chosen, self._scroller.columns
        trace, run = self.shown.trace, self.shown.run
        if chosen.span == NOWHERE:
            status = self.shown.feed.status if self.shown.feed.caught_up else "running"  # outputs come last
            of_run = whole(trace, run, status)
            last = trace.state.events - 1
            page, speed, looked_up = (
                await asyncio.to_thread(self._pages.of_run, of_run, last, chosen, width),
                "",
                False,
            )
        else:
            wish = wanted(trace, run, chosen.span, chosen.attempt)
            page, speed, looked_up = await asyncio.to_thread(self._pages.of_span, wish, chosen, width)
        self._loading, self._read_at = False, time.monotonic()
        again, self._again = self._again, False
        if (chosen, width) == (self._chosen, self._scroller.columns):
            self._speed = speed
            self._tabs.choose(chosen.tab, looked_up=looked_up)
            self._put(page)
            self._tell()
        else:
            again = self._settling is None
        if again:
            self._load()

    def _put(self, page: Page) -> None:
        if self._show_live():
            return
        self._live = False
        self._scroller.swap(page, self._chosen.tab)
        if page.anchor is not None and self._brought_to != self._chosen:
            self._scroller.scroll_to(y=page.anchor, animate=False, immediate=True, force=True)
        self._brought_to = self._chosen

    def on_scroller_resized(self, message: Scroller.Resized) -> None:
        message.stop()
        self._live = False
        self._tell()
        self._load()

    # -- tabs

    def on_tab_line_chosen(self, message: TabLine.Chosen) -> None:
        message.stop()
        self._to_tab(message.tab)

    def action_tab_1(self) -> None:
        self._to_tab(OUTPUT)

    def action_tab_2(self) -> None:
        self._to_tab(PROMPT)

    def action_tab_3(self) -> None:
        self._to_tab(ATTEMPTS)

    def action_tab_4(self) -> None:
        self._to_tab(WHY)

    def action_tab_5(self) -> None:
        self._to_tab(RAW)

    def action_tab_6(self) -> None:
        self._to_tab(SOURCES)

    def action_next_tab(self) -> None:
        self._to_tab((self._chosen.tab + 1) % self._tabs.count)

    def action_previous_tab(self) -> None:
        self._to_tab((self._chosen.tab - 1) % self._tabs.count)

    def action_diff(self) -> None:
        """Beside another run of the workflow, or each attempt beside the one before."""
        self.run_worker(self._choose_diff(), group="diff", exclusive=True)

    async def _choose_diff(self) -> None:
        state, run, world = self.shown.trace.state, self.shown.run, self.shown.world
        try:
            runs = await asyncio.to_thread(others, world.store, run, state.workflow)
        except OrchError as error:
            refuse(self.screen, error)
            return
        if not runs:
            self._differ()
        elif self.is_mounted and self.screen.is_current:  # it was not left meanwhile
            await self._choose_of(runs)

    async def _choose_of(self, runs: list[RunRow]) -> None:
        """Ask with which of the runs to compare; where there are several attempts, also those."""
        from orch_tui.dialogs import Choose

        trace, now = self.shown.trace, self.shown.world.now()
        several = len(trace.tries.get(self._chosen.span, ())) > 1
        first = [DIFFERENCES[self._next_differences]] if several else []
        words = [*first, *(option(run, now, trace.made_of) for run in runs)]
        chosen = await self.app.push_screen_wait(Choose("Compare with", words))
        if chosen is not None and chosen < len(first):
            self._differ()
        elif chosen is not None:
            other = runs[chosen - len(first)].id
            self._choose(replace(self._chosen, tab=ATTEMPTS, against=other))
            self._load()

    @property
    def _next_differences(self) -> bool:
        """Whether the attempts are to be shown by what changed from one to the next, or in full."""
        at = self._chosen
        return not at.differences if at.tab == ATTEMPTS and not at.against else True

    def _differ(self) -> None:
        """What changed from attempt to attempt, or the whole answers again."""
        differences = self._next_differences
        self._choose(replace(self._chosen, tab=ATTEMPTS, differences=differences, against=""))
        self._load()

    def _to_tab(self, tab: int) -> None:
        self._choose(replace(self._chosen, tab=tab, against=""))
        self._load()

    # -- finding

    def action_search(self) -> None:
        self._searched_from = self._scroller.scroll_offset.y
        self.query_one(FindBar).open()

    def action_next_match(self) -> None:
        self._scroller.find(1)

    def action_previous_match(self) -> None:
        self._scroller.find(-1)

    def action_back(self) -> None:
        """Take the search away; without one this key is for those outside."""
        if not self._scroller.needle:
            raise SkipAction
        self.query_one(FindBar).cancel()

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        message.stop()
        self._scroller.search(message.text)
        found = self._scroller.find_from(self._searched_from)
        message.bar.say("" if found or not message.text else "nothing found")

    def on_find_bar_done(self, message: FindBar.Done) -> None:
        message.stop()
        self._scroller.focus()

    def on_find_bar_cancelled(self, message: FindBar.Cancelled) -> None:
        message.stop()
        self._scroller.search("")
        self._scroller.focus()

    def on_listing_moved(self, message: Listing.Moved) -> None:
        message.stop()  # there is no cursor here
