"""From data to shapes: axes, bars that stand or lie, lines, dots, and slices. Knows no file format."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.tools.charts import scales
from orchestrator.tools.charts.data import Data
from orchestrator.tools.charts.shapes import (
    COLOURS,
    FAINT,
    GRID,
    INK,
    Box,
    Dot,
    Line,
    Picture,
    Polygon,
    Shape,
    Text,
    fit,
    wide,
)

WIDTH, HEIGHT = 800, 450
SMALL, LARGE = 12.0, 16.0
EDGE = 16.0
LEAST = 0.002
"""Of a full circle: what is narrower gets no line of its own."""


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the data are drawn."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top


def draw(data: Data, title: str) -> Picture:
    """The whole picture."""
    title = fit(title, WIDTH - 2 * EDGE, LARGE)
    head: list[Shape] = [Text((EDGE, 30.0), title, LARGE, bold=True)] if title else []
    top = 44.0 if title else 20.0
    if data.kind == "pie":
        return Picture(WIDTH, HEIGHT, title, (*head, *_pie(data, top)))
    if len(data.series) > 1:
        head += _legend(list(data.series), top)
        top += 24.0
    if data.kind == "bar" and _lies(data):
        height = _lying_height(data, top)
        return Picture(WIDTH, height, title, (*head, *_lying(data, top, height)))
    return Picture(WIDTH, HEIGHT, title, (*head, *_standing(data, top)))


def _legend(names: Sequence[str], top: float) -> list[Shape]:
    shapes: list[Shape] = []
    room = (WIDTH - 2 * EDGE) / len(names)
    left = EDGE
    for name, colour in zip(names, COLOURS, strict=False):
        text = fit(name, room - 28.0, SMALL)
        shapes += [Box((left, top), (11.0, 11.0), colour), Text((left + 16.0, top + 10.0), text, SMALL)]
        left += 16.0 + wide(text, SMALL) + 14.0
    return shapes


# ------------------------------------------------------------------------------------------ axes below


def _standing(data: Data, top: float) -> Iterator[Shape]:
    """Bars, lines and dots over an axis of x."""
    heights = [value for values in data.series.values() for value in values if value is not None]
    scale = scales.numbers(heights, zero=data.kind == "bar", most=6)
    left = EDGE + max(wide(text, SMALL) for _, text in scale.marks) + 8.0
    frame = Frame(left, top + 20.0, WIDTH - 2 * EDGE, HEIGHT - 56.0)
    yield from _levels(scale, frame, _name_of(data))
    if data.kind == "bar":
        yield from _bars(data, scale, frame)
        yield from _names(data, frame)
        return
    across = _across(data, frame)
    yield from _below(across, frame)
    if data.scale == "names":
        yield from _names(data, frame)
    yield from _curves(data, across, scale, frame)


def _levels(scale: scales.Scale, frame: Frame, name: str) -> Iterator[Shape]:
    for value, text in scale.marks:
        at = frame.bottom - scale.share(value) * frame.height
        yield Line(((frame.left, at), (frame.right, at)), FAINT if value == 0 else GRID)
        yield Text((frame.left - 8.0, at + 4.0), text, SMALL, "end", FAINT)
    yield Text((EDGE, frame.top - 10.0), fit(name, frame.width, SMALL), SMALL, colour=FAINT)


def _name_of(data: Data) -> str:
    return next(iter(data.series)) if len(data.series) == 1 else ""


def _across(data: Data, frame: Frame) -> scales.Scale:
    match data.scale:
        case "names":
            last = max(len(data.places) - 1, 0)
            return scales.Scale(-0.5, last + 0.5, ())
        case "numbers":
            return scales.numbers(data.places, zero=False, most=8)
        case "times":
            return scales.times(data.places, most=int(frame.width // 90))


def _below(scale: scales.Scale, frame: Frame) -> Iterator[Shape]:
    taken = -math.inf
    for value, text in scale.marks:
        at = frame.left + scale.share(value) * frame.width
        half = wide(text, SMALL) / 2
        if at - half < taken + 6.0:
            continue
        taken = at + half
        yield Line(((at, frame.bottom), (at, frame.bottom + 4.0)), FAINT)
        yield Text((at, frame.bottom + 18.0), text, SMALL, "middle", FAINT)


def _names(data: Data, frame: Frame) -> Iterator[Shape]:
    """As many names as there is room for, each below its place; the column's name beneath them."""
    count = len(data.labels)
    room = frame.width / max(count, 1)
    each = max(1, math.ceil(50.0 / room))
    for n in range(0, count, each):
        at = frame.left + (n + 0.5) * room
        yield Text(
            (at, frame.bottom + 18.0), fit(data.labels[n], room * each - 6.0, SMALL), SMALL, "middle", FAINT
        )
    yield from _x_name(data, frame)


def _x_name(data: Data, frame: Frame) -> Iterator[Shape]:
    at = frame.left + frame.width / 2
    yield Text((at, frame.bottom + 40.0), fit(data.x, frame.width, SMALL), SMALL, "middle", FAINT)


def _curves(data: Data, across: scales.Scale, scale: scales.Scale, frame: Frame) -> Iterator[Shape]:
    if data.scale != "names":
        yield from _x_name(data, frame)
    for values, colour in zip(data.series.values(), COLOURS, strict=False):
        points = [
            None
            if value is None
            else (
                frame.left + across.share(place) * frame.width,
                frame.bottom - scale.share(value) * frame.height,
            )
            for place, value in zip(data.places, values, strict=True)
        ]
        if data.kind == "line":
            yield from _strokes(points, colour)
        radius = 3.5 if data.kind == "scatter" else 2.5
        if data.kind == "scatter" or len(points) <= 60:
            yield from (Dot(point, radius, colour) for point in points if point is not None)


def _strokes(points: Sequence[tuple[float, float] | None], colour: str) -> Iterator[Shape]:
    """A gap in the data is a gap in the line."""
    part: list[tuple[float, float]] = []
    for point in (*points, None):
        if point is not None:
            part.append(point)
            continue
        if len(part) > 1:
            yield Line(tuple(part), colour, 2.0)
        part = []


def _bars(data: Data, scale: scales.Scale, frame: Frame) -> Iterator[Shape]:
    room = frame.width / len(data.labels)
    each = min(room * 0.8, 120.0) / len(data.series)
    base = frame.bottom - scale.share(0.0) * frame.height
    for order, (values, colour) in enumerate(zip(data.series.values(), COLOURS, strict=False)):
        for n, value in enumerate(values):
            if value is None:
                continue
            left = frame.left + (n + 0.5) * room + (order - len(data.series) / 2) * each
            end = frame.bottom - scale.share(value) * frame.height
            yield Box((left, min(base, end)), (max(each - 1.0, 0.5), abs(base - end)), colour)


# ------------------------------------------------------------------------------------------ lying bars


def _lies(data: Data) -> bool:
    """Names that would not fit below their bars stand beside lying ones."""
    room = (WIDTH - 80.0) / len(data.labels)
    return max(wide(fit(name, 400.0, SMALL), SMALL) for name in data.labels) > room - 6.0


def _row_height(data: Data) -> float:
    return max(20.0, 8.0 * len(data.series) + 6.0)


def _lying_height(data: Data, top: float) -> int:
    return max(HEIGHT // 2, math.ceil(top + 20.0 + _row_height(data) * len(data.labels) + 48.0))


def _lying(data: Data, top: float, height: int) -> Iterator[Shape]:
    lengths = [value for values in data.series.values() for value in values if value is not None]
    scale = scales.numbers(lengths, zero=True, most=6)
    names = [fit(name, 260.0, SMALL) for name in data.labels]
    left = EDGE + max(wide(name, SMALL) for name in names) + 10.0
    frame = Frame(left, top + 20.0, WIDTH - 2 * EDGE, height - 48.0)
    yield Text((EDGE, frame.top - 8.0), fit(data.x, left, SMALL), SMALL, colour=FAINT)
    for value, text in scale.marks:
        at = frame.left + scale.share(value) * frame.width
        yield Line(((at, frame.top), (at, frame.bottom)), FAINT if value == 0 else GRID)
        yield Text((at, frame.bottom + 16.0), text, SMALL, "middle", FAINT)
    name = fit(_name_of(data), frame.width, SMALL)
    yield Text((frame.left + frame.width / 2, frame.bottom + 36.0), name, SMALL, "middle", FAINT)
    yield from _lying_bars(data, scale, frame, names)


def _lying_bars(data: Data, scale: scales.Scale, frame: Frame, names: Sequence[str]) -> Iterator[Shape]:
    room = frame.height / len(names)
    each = min(room * 0.8, 40.0) / len(data.series)
    base = frame.left + scale.share(0.0) * frame.width
    for n, name in enumerate(names):
        middle = frame.top + (n + 0.5) * room
        yield Text((frame.left - 8.0, middle + 4.0), name, SMALL, "end", INK)
        for order, (values, colour) in enumerate(zip(data.series.values(), COLOURS, strict=False)):
            value = values[n]
            if value is not None:
                end = frame.left + scale.share(value) * frame.width
                at = middle + (order - len(data.series) / 2) * each
                yield Box((min(base, end), at), (abs(end - base), max(each - 1.0, 0.5)), colour)


# ------------------------------------------------------------------------------------------------ pie


def _pie(data: Data, top: float) -> Iterator[Shape]:
    values = [value or 0.0 for value in next(iter(data.series.values()))]
    total = math.fsum(values)
    radius = (HEIGHT - top - 2 * EDGE) / 2
    middle = (EDGE + radius + 24.0, top + EDGE / 2 + radius)
    begin = 0.0
    for n, value in enumerate(values):
        share = value / total
        colour = _shade(n)
        yield Polygon(_slice(middle, radius, begin, share), colour)
        begin += share
    yield from _edges(middle, radius, values, total)
    left = middle[0] + radius + 40.0
    for n, value in enumerate(values):
        at = top + 24.0 + n * min(28.0, (HEIGHT - top - 40.0) / len(values))
        text = f"{data.labels[n]}  {value / total:.1%}  ({value:,.6g})"
        yield Box((left, at - 10.0), (11.0, 11.0), _shade(n))
        yield Text((left + 18.0, at), fit(text, WIDTH - left - 18.0 - EDGE, SMALL), SMALL)


def _shade(n: int) -> str:
    """More slices than colours: the second round is lighter."""
    colour = COLOURS[n % len(COLOURS)]
    if n < len(COLOURS):
        return colour
    parts = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return "#" + "".join(f"{(part + 255) // 2:02x}" for part in parts)


def _slice(
    middle: tuple[float, float], radius: float, begin: float, share: float
) -> tuple[tuple[float, float], ...]:
    count = max(2, math.ceil(share * 180))
    around = [_around(middle, radius, begin + share * n / count) for n in range(count + 1)]
    return tuple(around) if share > 1 - LEAST else (middle, *around)


def _edges(
    middle: tuple[float, float], radius: float, values: Sequence[float], total: float
) -> Iterator[Shape]:
    begin = 0.0
    for value in values:
        if LEAST < value / total < 1 - LEAST:
            yield Line((middle, _around(middle, radius, begin)), "#ffffff", 1.5)
        begin += value / total


def _around(middle: tuple[float, float], radius: float, turn: float) -> tuple[float, float]:
    angle = 2 * math.pi * turn - math.pi / 2
    return middle[0] + radius * math.cos(angle), middle[1] + radius * math.sin(angle)
