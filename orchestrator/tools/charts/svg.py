"""A picture as SVG: shapes and texts only. Every text is escaped; there is no script, no link, no style, no font file."""

from __future__ import annotations

from typing import assert_never
from xml.sax.saxutils import escape

from orchestrator.tools.charts.shapes import PAPER, Box, Dot, Line, Picture, Point, Polygon, Shape, Text

FONTS = "DejaVu Sans, Helvetica, Arial, sans-serif"


def as_svg(picture: Picture) -> str:
    """A whole document."""
    size = f'width="{picture.width}" height="{picture.height}" viewBox="0 0 {picture.width} {picture.height}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONTS}">',
        f"<title>{escape(picture.title or 'chart')}</title>",
        f'<rect width="{picture.width}" height="{picture.height}" fill="{PAPER}"/>',
        *(_shape(one) for one in picture.shapes),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _shape(shape: Shape) -> str:
    match shape:
        case Line(points, colour, width):
            return f'<polyline points="{_points(points)}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"/>'
        case Box((x, y), (width, height), colour):
            return (
                f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" fill="{colour}"/>'
            )
        case Dot((x, y), radius, colour):
            return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{colour}"/>'
        case Polygon(points, colour):
            return f'<polygon points="{_points(points)}" fill="{colour}"/>'
        case Text((x, y), text, size, anchor, colour, bold):
            weight = ' font-weight="bold"' if bold else ""
            place = f'x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}"'
            return f'<text {place} fill="{colour}"{weight}>{escape(text)}</text>'
        case _:
            assert_never(shape)


def _points(points: tuple[Point, ...]) -> str:
    return " ".join(f"{_n(x)},{_n(y)}" for x, y in points)


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
