"""The line that says why a run cannot be read now. There is none while it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orch_tui.pane import Lines
from orch_tui.text import Row

if TYPE_CHECKING:
    from orch_tui.feed import Feed, News
    from orch_tui.view import Followed


class Trouble(Lines):
    """What the feed of a run says."""

    DEFAULT_CSS = "Trouble { height: auto; width: 1fr; background: $panel; }"

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def flush(self, news: News) -> None:  # noqa: ARG002 - the same words cost nothing
        self.show(*_said(self.shown.feed))


def _said(feed: Feed) -> tuple[Row, ...]:
    if feed.gone:
        return (((f"{feed.trouble}: it was deleted", "bad"),),)
    if feed.trouble:
        return (((feed.trouble, "bad"), ("; trying again", "dim")),)
    if feed.damaged:
        what = f"the record of run {feed.run} is damaged: {feed.damaged}"
        return (((what, "bad"),), ((f"see all of it: orch verify {feed.run}", "dim"),))
    return (((feed.odd, "warn"),),) if feed.odd else ()
