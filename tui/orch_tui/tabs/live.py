"""Text that is being written, as rows: only what was added is wrapped anew. JSON is laid out as far as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable
from math import inf

from orch_tui.tabs import pretty
from orch_tui.tabs.page import Page, lines
from orch_tui.text import TAB, Row
from orchestrator.safe import safe

LAID_OUT = 20_000
LONGEST = 1500
"""Characters and rows up to which JSON is laid out while it grows; it is done anew each time."""
PARAGRAPH = 400
"""Characters of an unfinished paragraph that may be wrapped again: it is done with every few letters."""
AGAIN = 1.0
"""Seconds between wrapping all of a text whose beginning is no longer kept."""

LATE = "… from here on; it began before this screen was opened"


class Growing:
    """A source for a listing. `show` takes the whole text each time, which mostly begins as the last one did."""

    def __init__(
        self, width: int, clock: Callable[[], float] = time.monotonic, *, headless: bool = False
    ) -> None:
        """`headless`: the beginning was written before anybody listened, which the first row says."""
        self.width = max(1, width)
        self._mark: list[Row] = [((LATE, "dim"),)] if headless else []
        self._clock = clock
        self._text = ""
        self._done: list[Row] = []
        """Rows that cannot change any more."""
        self._tail = ""
        """What stands behind them."""
        self._column = 0
        """Columns of its paragraph that stand before it: tabs are counted from the paragraph's beginning."""
        self._last: list[Row] = []
        self._wrapped = -inf
        self._json = False
        """Whether it is laid out as JSON now."""
        self._plain = headless  # what has lost its beginning is no JSON
        """Whether it is too long or too deep for that."""

    def __len__(self) -> int:
        return len(self._done) + len(self._last)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 - made for one width
        done = len(self._done)
        return self._done[index] if index < done else self._last[index - done]

    @property
    def text(self) -> str:
        return safe(self._text)

    def show(self, text: str) -> None:
        """The text as it is now."""
        if text == self._text and self._last:
            return
        if self._lay_out(text):
            return
        if self._last and not self._json and text.startswith(self._text):
            self._append(text[len(self._text) :])
            self._text = text
        elif self._due(text):
            self._done, self._tail, self._column, self._json = list(self._mark), "", 0, False
            self._wrapped = self._clock()
            self._append(text)
            self._text = text

    def _due(self, text: str) -> bool:
        return len(text) < LAID_OUT or self._clock() - self._wrapped >= AGAIN

    def _lay_out(self, text: str) -> bool:
        """As JSON, if it is some and not too long."""
        if self._plain or len(text) > LAID_OUT or not pretty.looks_like_json(text):
            return False
        page = Page(self.width)
        pretty.put_partial(page, text)
        self._plain = len(page) > LONGEST
        if not self._plain:
            self._done, self._last, self._text, self._json = [], page.rows, text, True
        return not self._plain

    def _append(self, text: str) -> None:
        self._tail += text
        head, end, last = self._tail.rpartition("\n")
        if end:
            self._done += _rows(lines(self._expanded(head), self.width))
            self._tail, self._column = last, 0
        if len(self._tail) > PARAGRAPH:
            self._settle()
        self._last = _rows(lines(self._expanded(self._tail), self.width)) if self._tail else [()]
        self._last[-1] = (*self._last[-1], ("▌", "run"))

    def _settle(self) -> None:
        """Of an endless paragraph all rows but the last are final: more text does not break them otherwise."""
        text = self._expanded(self._tail)
        found = lines(text, self.width)[:-1]
        at = 0
        for line in found:
            at = text.find(line, at) + len(line)
        self._done += _rows(found)
        self._tail = text[at:].lstrip(" ")
        self._column += len(text) - len(self._tail)

    def _expanded(self, text: str) -> str:
        """Without tabs, as the whole paragraph would be."""
        before = self._column % TAB
        return (" " * before + safe(text)).expandtabs(TAB)[before:]


def _rows(found: list[str]) -> list[Row]:
    return [((line, ""),) if line else () for line in found]
