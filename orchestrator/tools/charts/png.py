"""A picture as PNG, drawn with Pillow, twice as large as its points.

Letters are those of DejaVu Sans where the system has it, else the font inside Pillow, which is Latin only.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, assert_never

from orchestrator.tools.charts.shapes import PAPER, Box, Dot, Line, Picture, Point, Polygon, Shape, Text

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

SCALE = 2
FINER = 2
"""Drawn finer than it is kept, so that edges are smooth."""
ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


def as_png(picture: Picture) -> bytes:
    """The file's bytes."""
    from PIL import Image, ImageDraw

    factor = SCALE * FINER
    image = Image.new("RGB", (picture.width * factor, picture.height * factor), PAPER)
    pen = _Pen(ImageDraw.Draw(image), factor)
    for shape in picture.shapes:
        pen.draw(shape)
    small = image.resize((picture.width * SCALE, picture.height * SCALE), Image.Resampling.BOX)
    out = BytesIO()
    small.quantize(256, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


class _Pen:
    """Draws shapes larger by a factor."""

    def __init__(self, on: ImageDraw, factor: int) -> None:
        self._on = on
        self._factor = factor
        self._fonts: dict[tuple[float, bool], FreeTypeFont | ImageFont] = {}

    def draw(self, shape: Shape) -> None:
        match shape:
            case Line(points, colour, width):
                size = max(1, round(width * self._factor))
                self._on.line(
                    self._points(points), fill=colour, width=size, joint="curve" if size > 4 else None
                )
            case Box((x, y), (width, height), colour):
                corner = self._points(((x, y), (x + width, y + height)))
                if height * self._factor >= 1 and width * self._factor >= 1:
                    self._on.rectangle([corner[0], corner[1]], fill=colour)
            case Dot((x, y), radius, colour):
                corner = self._points(((x - radius, y - radius), (x + radius, y + radius)))
                self._on.ellipse([corner[0], corner[1]], fill=colour)
            case Polygon(points, colour):
                self._on.polygon(self._points(points), fill=colour)
            case Text(at, text, size, anchor, colour, bold):
                font = self._font(size, bold)
                self._on.text(self._points((at,))[0], text, fill=colour, font=font, anchor=ANCHORS[anchor])
            case _:
                assert_never(shape)

    def _points(self, points: tuple[Point, ...]) -> list[tuple[float, float]]:
        return [(x * self._factor, y * self._factor) for x, y in points]

    def _font(self, size: float, bold: bool) -> FreeTypeFont | ImageFont:
        known = self._fonts.get((size, bold))
        if known is None:
            known = self._fonts[size, bold] = _font(size * self._factor, bold)
        return known


def _font(size: float, bold: bool) -> FreeTypeFont | ImageFont:
    from PIL import ImageFont

    try:
        return ImageFont.truetype("DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)
