"""The screen without any colour, for NO_COLOR: what a background told is told by reversed or underlined letters.

Textual's own way turns colours into greys, which are colours to a terminal still. Knows no widget.
"""

from __future__ import annotations

from functools import lru_cache

from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

STRONG, SLIGHT = 0.18, 0.03
"""How much brighter or darker than its widget a place must be to be reversed, and to be underlined (of 1)."""


class Uncoloured(LineFilter):
    """Takes every colour away. Bold, dim and the like stay."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [
            segment
            if segment.style is None
            else Segment(segment.text, bare(segment.style, background, not segment.text.isspace()))
            for segment in segments
        ]


@lru_cache(4096)
def bare(style: Style, background: Color, letters: bool = True) -> Style:
    """The style without colour, on a widget of this background: a cursor line is reversed, the letters of one in a
    list without the focus are underlined."""
    away = distance(style.bgcolor, background)
    plain = style.without_color
    if away >= STRONG:
        return plain + Style(reverse=not style.reverse)
    return plain + Style(underline=True) if letters and away >= SLIGHT else plain


def distance(color: RichColor | None, background: Color) -> float:
    """Between two colours' brightness, 0 to 1; 0 where the terminal's own shows."""
    if color is None or color.is_default:
        return 0.0
    return abs(Color.from_rich_color(color).brightness - background.brightness)
