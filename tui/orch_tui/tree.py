"""The left side: every instance of a step as a tree, with a small waterfall. What is a row says `rows.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from orch_tui.listing import Listing
from orch_tui.text import Row
from orch_tui.trace import NOWHERE

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class TreeSource:
    def __init__(self, shown: Followed) -> None:
        self.shown = shown

    def __len__(self) -> int:
        return len(self.shown.rows)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002
        span, attempt = self.shown.rows.at(index)
        trace = self.shown.trace
        indent = "  " * trace.depth(span)
        if attempt != NOWHERE:
            return ((f"{indent}  attempt {attempt + 1}", "dim"),)
        return ((f"{indent}{trace.name(span)}", ""), (f"  {trace.status_of(span)}", "dim"))


class SpanTree(Listing):
    """The tree. Posts `Selected` when the cursor stands on another span or attempt."""

    class Selected(Message):
        """`attempt` counts from 0, NOWHERE for the span as a whole."""

        def __init__(self, span: int, attempt: int) -> None:
            super().__init__()
            self.span = span
            self.attempt = attempt

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(TreeSource(shown), id=id)
        self.shown = shown

    def flush(self, news: News) -> None:
        self.redraw()
