"""What the three views of a run share: a column of lines around a listing, and rows that do not scroll. Knows no run."""

from __future__ import annotations

from typing import Self

from textual.containers import Vertical
from textual.strip import Strip
from textual.widget import Widget

from orch_tui.listing import Listing
from orch_tui.text import Row, Styles, strip


class Lines(Widget):
    """Rows above or below a listing, as many as there are; none take no room."""

    DEFAULT_CSS = "Lines { height: auto; width: 1fr; background: $panel; }"

    def __init__(self, *rows: Row, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.rows: tuple[Row, ...] = rows
        self._styles: Styles | None = None

    def show(self, *rows: Row) -> None:
        """Draw these from now on; the same ones cost nothing."""
        if rows == self.rows:
            return
        resized = len(rows) != len(self.rows)
        self.rows = rows
        self.refresh(layout=resized)

    def get_content_height(self, *_: object) -> int:
        return len(self.rows)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def on_unmount(self) -> None:
        self.app.theme_changed_signal.unsubscribe(self)  # it would hold the widget, and the run with it

    def _theme_changed(self, _theme: object) -> None:
        self._styles = None
        self.refresh()

    def render_line(self, y: int) -> Strip:
        if self._styles is None:
            self._styles = Styles(self.app.theme_variables)
        row = self.rows[y] if y < len(self.rows) else ()
        return strip(row, self.size.width, self._styles, self.rich_style)


class Pane(Vertical):
    """A view made of a listing with lines around it: to focus it is to focus the listing."""

    def focus(self, scroll_visible: bool = True) -> Self:
        self.query(Listing).first().focus(scroll_visible)
        return self
