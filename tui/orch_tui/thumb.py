"""The scrollbar of a list: only its lines that differ are drawn. Textual draws all of them, and what stands beside.

Knows no list.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region
from textual.reactive import Reactive
from textual.scrollbar import ScrollBar, ScrollBarRender
from textual.strip import Strip


class Thumb(ScrollBar):
    """A vertical scrollbar of one column."""

    window_virtual_size: Reactive[int] = Reactive(100, repaint=False)
    window_size: Reactive[int] = Reactive(0, repaint=False)
    position: Reactive[float] = Reactive(0.0, repaint=False)

    def __init__(self) -> None:
        self._cells: list[Segment] = []
        """How each line looks now."""
        self._strips: dict[Segment, Strip] = {}
        """Few are unlike the others: their colours are worked out once."""
        self._filtered: object = None
        super().__init__(vertical=True, name="vertical", thickness=1)

    def stand(self, rows: int, top: float) -> None:
        """So many rows there are, and this is the first one in sight."""
        self.set_reactive(Thumb.window_virtual_size, rows)
        self.set_reactive(Thumb.position, self.validate_position(top))
        self._settle()

    def watch_window_virtual_size(self) -> None:
        self._settle()

    def watch_window_size(self) -> None:
        self._settle()

    def watch_position(self) -> None:
        self._settle()

    def _settle(self) -> None:
        """Draw the lines that look different from now on."""
        if not self.is_attached:
            return  # its list was taken off the screen, and is told of once more
        before, cells = self._cells, self._made()
        if len(before) != len(cells):
            self.refresh()
            return
        changed = [y for y, cell in enumerate(cells) if cell != before[y]]
        if changed:
            self.refresh(*(Region(0, y, self.size.width, 1) for y in changed))

    def _made(self) -> list[Segment]:
        bar = self.render()
        if not isinstance(bar, ScrollBarRender) or not isinstance(bar.style, Style):
            return []
        back, front = bar.style.bgcolor, bar.style.color
        if back is None or front is None:
            return []
        drawn = bar.render_bar(
            size=self.size.height,
            virtual_size=bar.virtual_size,
            window_size=bar.window_size,
            position=bar.position,
            back_color=back,
            bar_color=front,
        )
        return list(drawn.segments)

    def render_lines(self, crop: Region) -> list[Strip]:
        if not self.is_attached:
            return [Strip.blank(crop.width)] * crop.height
        self._cells = self._made()
        if len(self._cells) != self.size.height or self.size.width != 1 or crop.width != 1:
            return super().render_lines(crop)
        return self._lines(self._cells[crop.y : crop.bottom])

    def _lines(self, cells: Sequence[Segment]) -> list[Strip]:
        """As the terminal can show them, e.g. without colour."""
        filters, background = self.get_line_filters(), self.background_colors[1]
        if (filters, background) != self._filtered:
            self._filtered = filters, background
            self._strips.clear()
        for cell in {*cells} - self._strips.keys():
            line = Strip([cell], 1)
            for one in filters:
                line = line.apply_filter(one, background)
            self._strips[cell] = line
        return [self._strips[cell] for cell in cells]
