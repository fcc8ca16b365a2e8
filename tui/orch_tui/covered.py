"""What lies wholly beneath its own children draws nothing: Textual has every container make and cut lines nobody sees.

On a screen of panes within panes that is two fifths of the time of a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.strip import Strip

if TYPE_CHECKING:
    from textual.widget import Widget as _Base
else:
    _Base = object  # a widget in its own right would be what styles and queries take the container for


class Covered(_Base):
    """To be put before a container; as soon as anything of it can be seen it is drawn as usual."""

    def render_lines(self, crop: Region) -> list[Strip]:
        if covers([child.region for child in self.displayed_children if child.visible], self.region):
            return []
        return super().render_lines(crop)


def covers(parts: Sequence[Region], whole: Region) -> bool:
    """Whether these regions, side by side or one below the other, are exactly the whole."""
    return _stacked(parts, whole) or _side_by_side(parts, whole)


def _stacked(parts: Sequence[Region], whole: Region) -> bool:
    y = whole.y
    for part in sorted(parts, key=lambda part: part.y):
        if part.height and (part.x, part.width, part.y) != (whole.x, whole.width, y):
            return False
        y += part.height
    return y == whole.bottom and whole.height > 0


def _side_by_side(parts: Sequence[Region], whole: Region) -> bool:
    x = whole.x
    for part in sorted(parts, key=lambda part: part.x):
        if part.width and (part.y, part.height, part.x) != (whole.y, whole.height, x):
            return False
        x += part.width
    return x == whole.right and whole.width > 0
