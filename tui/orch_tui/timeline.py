"""Every span along the time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from orch_tui.listing import Listing

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class TimelineView(Listing):
    class SpanChosen(Message):
        """Enter: to the trace."""

        def __init__(self, span: int) -> None:
            super().__init__()
            self.span = span

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def flush(self, news: News) -> None:
        self.redraw()
