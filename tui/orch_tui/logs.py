"""Every event as a line, read from the store where the person looks; `/` shows only lines with certain words.

What a line says is `report.lines`, how pages are read `event_pages.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.message import Message

from orch_tui.event_pages import HITS, PAGE, Log, LogLine, LogPages, Search
from orch_tui.find import FindBar
from orch_tui.listing import Listing
from orch_tui.pane import Lines, Pane
from orch_tui.settings import bindings
from orch_tui.text import MARK, Row, clean, cut, wrapped
from orch_tui.trace import NOWHERE
from orchestrator.errors import OrchError
from orchestrator.report import words
from orchestrator.report.lines import line

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.trace import Trace
    from orch_tui.view import Followed

GROWS = 0.2
"""Seconds between rows of new events."""
WHOLE = 4
"""Lines for the whole of what the cursor stands on."""


class LogSource:
    """The rows: all events, or those a search has found. Pages that are not here yet are `wanted`; then `ask` is called."""

    def __init__(self, shown: Followed, ask: Callable[[], None]) -> None:
        self.shown = shown
        self.ask = ask
        self.pages = LogPages()
        self.search: Search | None = None
        self.wanted: set[int] = set()
        self.count = 0
        """Events that are rows: those of the last moment become rows when they were read, so that none blinks."""

    def __len__(self) -> int:
        return self.count if self.search is None else len(self.search)

    def seq(self, index: int) -> int:
        return index if self.search is None else self.search[index]

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 - cut where it is drawn
        found = self.line(index)
        if found is None:
            return ((f"{MARK:>{self._digits}}", "dim"),)
        return ((f"{self.seq(index):>{self._digits}} ", "track"), (said(found, self.shown.trace), found.role))

    def line(self, index: int) -> LogLine | None:
        seq = self.seq(index)
        found = self.pages.line(seq)
        if found is None:
            self.wanted.add(seq // PAGE)
            self.ask()
        return found

    @property
    def _digits(self) -> int:
        return len(str(self.shown.trace.state.events))


def said(found: LogLine, trace: Trace) -> str:
    """What the line says; of a container that ended also what it was made of, as far as the trace knows."""
    return found.text if found.end is None else line(found.end, size_of(trace, trace.find(found.path)))


def size_of(trace: Trace, span: int) -> str:
    """`8 items`, `2 passes`, `3 steps`; empty for a span that has not begun."""
    if span == NOWHERE:
        return ""
    if span in trace.items:
        return words.count(trace.items[span], "item")
    inside = trace.children(span)
    if inside and trace.names[inside[0]][0] == "~":
        return words.count(len(inside), "pass", "passes")
    return words.count(len(inside), "step")


class LogsView(Pane):
    """The log of the run. Posts `SpanChosen` for the step a line tells of."""

    BINDINGS = bindings("search", "next_match", "previous_match", "follow", "back")

    class SpanChosen(Message):
        """Enter on a line that tells of a step; `path` is that of its instance."""

        def __init__(self, path: str) -> None:
            super().__init__()
            self.path = path

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown
        self.source = LogSource(shown, self._ask)
        self._loading = False
        self._growing = False
        self.listing = Listing(self.source, follow_end=True)
        self._said = Lines()
        self._whole = Lines()
        self._bar = FindBar()
        self._trouble = ""
        self._log = Log(shown.world.store, shown.run)

    def compose(self) -> ComposeResult:
        yield self._said
        yield self.listing
        yield self._whole
        yield self._bar

    def flush(self, news: News) -> None:  # noqa: ARG002 - it draws what is on the screen
        search = self.source.search
        if search is not None and self.shown.trace.state.events > search.high:
            self._search_newer(search)
        if self.shown.trace.state.events > self.source.count and not self._growing:
            self._growing = True
            self._grow()
        if not self._growing:
            self._show()

    def on_resize(self) -> None:
        """What stands under the listing is wrapped to the width, and there is none before this."""
        self._show()

    @property
    def path(self) -> str:
        """The instance of a step that the line under the cursor tells of; empty for one of the run."""
        found = self.source.line(self.listing.cursor) if self.listing.cursor < len(self.source) else None
        return found.path if found is not None else ""

    # -- keys

    def action_search(self) -> None:
        self._bar.open()

    def action_back(self) -> None:
        """Out of the filter, then out of the view."""
        if self.source.search is None:
            raise SkipAction
        self._bar.cancel()

    def action_follow(self) -> None:
        """Keep the newest line in sight, or stay."""
        self.listing.follow_end = not self.listing.follow_end
        self._show()

    def action_next_match(self) -> None:
        self.listing.action_down()

    def action_previous_match(self) -> None:
        self.listing.action_up()

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        message.stop()
        self.find(message.text)

    def on_find_bar_done(self, message: FindBar.Done) -> None:
        message.stop()
        self.listing.focus()

    def on_find_bar_cancelled(self, message: FindBar.Cancelled) -> None:
        message.stop()
        self.find("")
        self.listing.focus()

    def on_listing_moved(self, message: Listing.Moved) -> None:
        message.stop()
        self._show()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        message.stop()
        found = self.source.line(message.index)
        if found is not None and found.path:
            self.post_message(self.SpanChosen(found.path))

    # -- the filter

    def find(self, text: str) -> None:
        """Show only lines with every word of the text; all of them when it is empty."""
        at = self.source.seq(self.listing.cursor) if len(self.source) else 0
        self.workers.cancel_group(self, "search")
        search = Search(text, self.shown.trace.state.events) if text.strip() else None
        self.source.search = search
        self.listing.needle = text.strip() if search is not None and len(search.words) == 1 else ""
        if search is None:
            self.listing.follow_end = at == len(self.source) - 1
            self.listing.move_to(at, centre=True)
        else:
            self.listing.follow_end = True
            self._search_older(search)
        self._show()

    @work(group="search", exclusive=True)
    async def _search_older(self, search: Search) -> None:
        """Down from the newest line, a page at a time: between two of them the person may have changed the words."""
        while not search.done:
            await self._search_page(search)
            self._show()

    async def _search_page(self, search: Search) -> None:
        first = max(0, search.low - 4 * PAGE)
        hits = await self._scan(search, first, search.low, HITS - len(search))
        if hits is None:
            search.cut = True
            return
        found = len(search)
        search.older(hits, first)
        if not self.listing.follow_end:  # the cursor stays on its line
            self.listing.move_to(self.listing.cursor + len(search) - found)

    @work(group="newer", exclusive=True)
    async def _search_newer(self, search: Search) -> None:
        first, end = search.high, self.shown.trace.state.events
        hits = await self._scan(search, first, end, HITS)
        if hits is not None and search is self.source.search:
            search.newer(hits, end)
            self._show()

    async def _scan(self, search: Search, first: int, end: int, most: int) -> list[int] | None:
        """The hits among these numbers, the newest first; None when the store cannot be read."""
        hits: list[int] = []

        def tell(found: list[int], at: int) -> bool:  # noqa: ARG001 - a few pages go in one piece
            hits.extend(found)
            return True

        try:
            await asyncio.to_thread(self._log.scan, search.words, first, end, most, tell)
        except OrchError as error:
            self._trouble = error.message
            return None
        return hits

    # -- drawing

    def _show(self) -> None:
        self.listing.redraw()
        self._show_words()

    def _show_words(self) -> None:
        self._said.show(*self._status())
        self._whole.show(*self._under_cursor())
        search = self.source.search
        self._bar.say(found_words(search) if search is not None else "")

    def _status(self) -> list[Row]:
        return [((self._trouble, "bad"),)] if self._trouble else []

    def _under_cursor(self) -> list[Row]:
        """The line of the cursor in full when it is too long for its row."""
        if not len(self.source):
            return []
        found = self.source.pages.line(self.source.seq(self.listing.cursor))
        width = self.size.width
        text = said(found, self.shown.trace) if found is not None else ""
        if found is None or len(self.source.row(self.listing.cursor, width)[0][0]) + len(text) <= width:
            return []
        lines = wrapped(clean(text), width)
        if len(lines) > WHOLE:
            lines[WHOLE - 1 :] = [cut(lines[WHOLE - 1] + " " * width, width)]
        return [((text, found.role),) for text in lines]

    @work(group="growing")
    async def _grow(self) -> None:
        """Make rows of the newest events, a few times a second."""
        while self.shown.trace.state.events > self.source.count:
            events = self.shown.trace.state.events
            if events - self.source.count <= PAGE:
                for page in sorted({self.source.count // PAGE, (events - 1) // PAGE}):
                    await self._load_page(page)
            self.source.count = events
            self._show()
            await asyncio.sleep(GROWS)
        self._growing = False

    def _ask(self) -> None:
        if not self._loading:
            self._loading = True
            self._load()

    @work(group="pages")
    async def _load(self) -> None:
        """Read what was looked for, the newest first, until nothing on the screen is missing."""
        await asyncio.sleep(0)  # first let the frame say everything it misses
        while self.source.wanted:
            page = max(self.source.wanted)
            self.source.wanted.clear()  # what is still in sight is asked for again
            if not await self._load_page(page):
                break
            self._show()
        self._loading = False
        self.source.wanted.clear()
        self._show_words()

    async def _load_page(self, page: int) -> bool:
        first, count = self.source.pages.missing(page)
        try:
            lines = await asyncio.to_thread(self._log.read, first, count)
        except OrchError as error:
            self._trouble = error.message
            return False
        self._trouble = ""
        self.source.pages.put(first, lines)
        return bool(lines)


def found_words(search: Search) -> str:
    """`12 lines, 40,000 to look at`: how far the search is."""
    found = words.count(len(search), "line")
    if search.cut:
        return f"the newest {found}; there may be more further up"
    return found if search.done else f"{found}, {words.number(search.low)} to look at"
