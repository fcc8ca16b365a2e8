"""From rows to what is drawn: which column is where, numbers as numbers, dates as days. Knows no picture."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from orchestrator.graph.say import choice, near

Kind = Literal["bar", "line", "scatter", "pie"]
KINDS: tuple[Kind, ...] = ("bar", "line", "scatter", "pie")
SERIES = 8
BARS = 60
SLICES = 12
POINTS = 10_000
LARGEST = 1e300
"""Numbers from here on, above and below zero, leave no room for the arithmetic of an axis."""
Row = Mapping[str, Any]


class NoChart(Exception):
    """These rows and columns make no chart. Says what would."""


@dataclass(frozen=True, slots=True)
class Data:
    """`places` are numbers along x (of dates: seconds), or positions 0, 1, 2 … of `labels`. A gap is None."""

    kind: Kind
    x: str
    labels: tuple[str, ...]
    places: tuple[float, ...]
    scale: Literal["names", "numbers", "times"]
    series: Mapping[str, tuple[float | None, ...]]
    notes: tuple[str, ...] = field(default=())


def read(rows: Sequence[Row], x: str, y: Sequence[str], kind: Kind) -> Data:
    """Along an axis of numbers or times rows stand in their order there. Raises NoChart."""
    if not rows:
        raise NoChart("there are no rows to draw")
    columns = list(dict.fromkeys(name for row in rows for name in row))
    _check(columns, x, y, kind)
    rows, notes = _thinned(rows, kind)
    xs = [row.get(x) for row in rows]
    series = {name: _numbers(rows, name) for name in y}
    if kind == "pie":
        return _slices(x, xs, series[y[0]], notes)
    places, scale = _places(xs, kind)
    if scale != "names":
        kept = sorted(
            (n for n, place in enumerate(places) if place is not None), key=lambda n: places[n] or 0.0
        )
        if len(kept) < len(places):
            notes = (*notes, f"{len(places) - len(kept)} rows without '{x}' are not drawn")
        series = {name: tuple(values[n] for n in kept) for name, values in series.items()}
        xs, places = [xs[n] for n in kept], [places[n] for n in kept]
    if all(value is None for values in series.values() for value in values):
        raise NoChart(f"no row has both '{x}' and a number")
    found = tuple(place for place in places if place is not None)
    return Data(kind, x, tuple(_label(one) for one in xs), found, scale, series, notes)


def _check(columns: Sequence[str], x: str, y: Sequence[str], kind: Kind) -> None:
    for name in (x, *y):
        if name not in columns:
            raise NoChart(
                f"there is no column '{name}'; {near(name, columns) or 'there is ' + choice(columns)}"
            )
    if kind == "pie" and len(y) > 1:
        raise NoChart("a pie shows one column; name one for y, or draw bars")
    if len(y) > SERIES:
        raise NoChart(f"{len(y)} columns are too many for one chart; name up to {SERIES} for y")


def _thinned(rows: Sequence[Row], kind: Kind) -> tuple[Sequence[Row], tuple[str, ...]]:
    most = {"bar": BARS, "pie": POINTS}.get(kind, POINTS)
    if len(rows) <= most:
        return rows, ()
    if kind == "bar":
        return rows[:most], (f"only the first {most} of {len(rows):,} rows are drawn",)
    step = math.ceil(len(rows) / most)
    return rows[::step], (f"one in {step} of {len(rows):,} rows is drawn",)


def _numbers(rows: Sequence[Row], name: str) -> tuple[float | None, ...]:
    values = tuple(_number(row.get(name)) for row in rows)
    large = next((row[name] for row in rows if _is_too_large(row.get(name))), None)
    if large is not None:
        raise NoChart(f"column '{name}' has numbers that are too large to draw, 1e300 or beyond")
    if all(value is None for value in values):
        some = next((row.get(name) for row in rows if row.get(name) is not None), None)
        has = f"it has {str(some)[:40]!r}" if some is not None else "it is empty"
        raise NoChart(f"column '{name}' has no numbers ({has}); name a column of numbers for y")
    return values


def _number(value: Any) -> float | None:
    """Also of a decimal that came as text."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) < LARGEST else None


def _is_too_large(value: Any) -> bool:
    """A number of any size, but no infinite one, which stands for none."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        return LARGEST <= abs(float(value)) < math.inf
    except OverflowError:
        return True
    except ValueError:
        return False


def _places(xs: Sequence[Any], kind: Kind) -> tuple[list[float | None], Literal["names", "numbers", "times"]]:
    """Numbers and dates have distances; bars, and everything else, stand side by side."""
    given = [one for one in xs if one is not None]
    if kind != "bar" and given:
        if all(isinstance(one, (int, float)) and _number(one) is not None for one in given):
            return [_number(one) for one in xs], "numbers"
        times = [_time(one) for one in xs]
        if all(time is not None or one is None for time, one in zip(times, xs, strict=True)):
            return times, "times"
    return [float(n) for n in range(len(xs))], "names"


def _time(value: Any) -> float | None:
    """Seconds of an ISO date or time; without a zone it is taken as UTC."""
    if not isinstance(value, str) or len(value) < 8:
        return None
    try:
        moment = datetime.datetime.fromisoformat(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _slices(x: str, xs: Sequence[Any], values: Sequence[float | None], notes: tuple[str, ...]) -> Data:
    parts: dict[str, float] = {}
    for one, value in zip(xs, values, strict=True):
        if value is not None and value < 0:
            raise NoChart("a pie cannot show numbers below zero; draw bars")
        parts[_label(one)] = parts.get(_label(one), 0.0) + (value or 0.0)
    ordered = sorted(((name, value) for name, value in parts.items() if value > 0), key=lambda part: -part[1])
    if not ordered:
        raise NoChart("all numbers are zero; there is nothing to draw")
    if len(ordered) > SLICES:
        others = ordered[SLICES - 1 :]
        ordered = [*ordered[: SLICES - 1], (f"{len(others)} others", math.fsum(value for _, value in others))]
    labels = tuple(name for name, _ in ordered)
    places = tuple(float(n) for n in range(len(ordered)))
    return Data("pie", x, labels, places, "names", {x: tuple(value for _, value in ordered)}, notes)


def _label(value: Any) -> str:
    return "–" if value is None else str(value)
