"""The right side: one span in full, in tabs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.containers import Vertical

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class DetailPanel(Vertical):
    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def show(self, span: int, attempt: int) -> None:
        """Show this span, or one attempt of it."""

    def flush(self, news: News) -> None:
        """Keep what runs up to date."""

    @property
    def text(self) -> str:
        """What the tab shows, as plain text: what `y` copies."""
        return ""
