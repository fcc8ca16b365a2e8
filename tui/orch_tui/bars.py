"""The lines above and below a run: what it is and how far, what it uses and what stayed here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.strip import Strip
from textual.widget import Widget

from orch_tui.text import Row, Styles, strip

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed


class Bar(Widget):
    """Some rows of fixed height, drawn like those of a listing."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; background: $panel; }"

    def rows(self, width: int) -> list[Row]:
        raise NotImplementedError

    def render_line(self, y: int) -> Strip:
        rows = self.rows(self.size.width)
        return strip(
            rows[y] if y < len(rows) else (),
            self.size.width,
            Styles(self.app.theme_variables),
            self.rich_style,
        )


class RunHeader(Bar):
    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown

    def rows(self, width: int) -> list[Row]:  # noqa: ARG002
        return [((self.shown.run, "bold"), (f" {self.shown.feed.status}", "dim"))]

    def flush(self, news: News) -> None:
        self.refresh()


class UsageBar(Bar):
    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown

    def rows(self, width: int) -> list[Row]:  # noqa: ARG002
        return [()]

    def flush(self, news: News) -> None:
        self.refresh()
