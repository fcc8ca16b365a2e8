"""What a picture consists of: lines, boxes, dots, polygons and texts, in points from the upper left corner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from orchestrator.safe import safe, width_of

Point: TypeAlias = tuple[float, float]
Anchor = Literal["start", "middle", "end"]

INK, FAINT, GRID, PAPER = "#222222", "#666666", "#dddddd", "#ffffff"
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#b8a800", "#555555")
"""Eight that also people who see few colours can tell apart (after Okabe and Ito)."""
LETTER = 0.58
"""Width of a letter as a part of its height, on average."""


@dataclass(frozen=True, slots=True)
class Line:
    points: tuple[Point, ...]
    colour: str = INK
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Box:
    at: Point
    size: Point
    colour: str


@dataclass(frozen=True, slots=True)
class Dot:
    at: Point
    radius: float
    colour: str


@dataclass(frozen=True, slots=True)
class Polygon:
    points: tuple[Point, ...]
    colour: str


@dataclass(frozen=True, slots=True)
class Text:
    """`at` is where the baseline begins, has its middle, or ends."""

    at: Point
    text: str
    size: float = 12.0
    anchor: Anchor = "start"
    colour: str = INK
    bold: bool = False


Shape: TypeAlias = Line | Box | Dot | Polygon | Text


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: int
    title: str
    shapes: tuple[Shape, ...]


def wide(text: str, size: float) -> float:
    """About how much room a text takes."""
    return width_of(text) * size * LETTER


def fit(value: object, room: float, size: float) -> str:
    """A value as one line that fits, cut with `…`. Nothing in it acts or hides."""
    most = int(room / size) * 4 + 20  # narrower letters than this there are none
    text = " ".join(safe(str(value)[:most]).split())
    if wide(text, size) <= room:
        return text
    while text and wide(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"
