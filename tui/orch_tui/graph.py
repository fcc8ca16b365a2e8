"""The workflow as a drawing with what runs now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.message import Message

from orch_tui.listing import Listing

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class GraphView(Listing):
    class StepChosen(Message):
        """Enter: to the trace."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def flush(self, news: News) -> None:
        self.redraw()
