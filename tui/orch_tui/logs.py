"""Every event as a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orch_tui.listing import Listing

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class LogsView(Listing):
    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def flush(self, news: News) -> None:
        self.redraw()
