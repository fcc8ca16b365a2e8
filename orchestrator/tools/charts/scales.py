"""Where numbers and times stand along an axis, and at which of them a mark helps."""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass

STEPS = (1, 2, 2.5, 5, 10)
UNITS = (1.0, 60.0, 3600.0, 86400.0)
DAYS = (1, 2, 7, 14)
MONTHS = (1, 2, 3, 6)
ALIKE = 1e-9
"""Numbers that differ by a smaller part of their size are one."""
TINY = 1e-100
MONTH = 30.4 * 86400
YEAR = 365.25 * 86400


@dataclass(frozen=True, slots=True)
class Scale:
    """From `low` to `high`; marks with their labels."""

    low: float
    high: float
    marks: tuple[tuple[float, str], ...]

    def share(self, value: float) -> float:
        """Of the way from low to high, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def numbers(values: Sequence[float], *, zero: bool, most: int) -> Scale:
    """Ends at marks; with `zero` on the axis."""
    low, high = min(values), max(values)
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    size = max(abs(low), abs(high))
    if high - low <= size * ALIKE or size < TINY:
        low, high = _apart(low, size, zero=zero)
    step = _step((high - low) / most)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    marks = tuple((n * step, label(n * step, step)) for n in range(first, last + 1))
    return Scale(first * step, last * step, marks)


def _apart(low: float, size: float, *, zero: bool) -> tuple[float, float]:
    """Room around a single number."""
    if size < TINY:
        return (0.0, 1.0) if zero else (-1.0, 1.0)
    return low - size / 2, low + size / 2


def times(values: Sequence[float], most: int) -> Scale:
    """Marks at days, months or years where there are any."""
    low, high = min(values), max(values)
    if high <= low:
        low, high = low - 43200.0, high + 43200.0
    span = (high - low) / most
    if span <= UNITS[3] / 2:
        marks = _clock(low, high, span)
    elif span <= DAYS[-1] * UNITS[3]:
        marks = _days(low, high, span)
    else:
        marks = _months(low, high, span)
    return Scale(low, high, tuple(marks))


def label(value: float, step: float) -> str:
    """Short: 1,500 and 2.5M."""
    if value == 0:
        return "0"
    for size, sign in ((1e12, "T"), (1e9, "B"), (1e6, "M")):
        if abs(value) >= size:
            return f"{value / size:.6g}{sign}" if abs(value) < size * 1e6 else f"{value:.3g}"
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step < 1 else 0
    if decimals and abs(step * 10**decimals - round(step * 10**decimals)) > 1e-6:
        decimals += 1
    return f"{value:,.{decimals}f}" if decimals < 7 else f"{value:.3g}"


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next((step * power for step in STEPS if step * power >= least * (1 - 1e-9)), 10 * power)


def _clock(low: float, high: float, span: float) -> list[tuple[float, str]]:
    steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200]
    step = next((one for one in steps if one >= span), steps[-1])
    form = "%H:%M:%S" if step < 60 else "%H:%M" if high - low < UNITS[3] else "%d %b %H:%M"
    first, last = math.ceil(low / step), math.floor(high / step)
    return [(float(n * step), _moment(n * step).strftime(form)) for n in range(first, last + 1)]


def _days(low: float, high: float, span: float) -> list[tuple[float, str]]:
    step = next((one for one in DAYS if one * UNITS[3] >= span), DAYS[-1])
    first, last = math.ceil(low / UNITS[3]), math.floor(high / UNITS[3])
    return [(n * UNITS[3], _moment(n * UNITS[3]).strftime("%d %b")) for n in range(first, last + 1, step)]


def _months(low: float, high: float, span: float) -> list[tuple[float, str]]:
    step = next((one for one in MONTHS if one * MONTH >= span), 0)
    if not step:
        step = 12 * max(1, round(_step(span / YEAR)))
    begin = _moment(low)
    month = -(-(begin.year * 12 + begin.month - 1) // step) * step
    marks: list[tuple[float, str]] = []
    while month // 12 <= 9999:
        at = datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=datetime.UTC)
        if at.timestamp() > high:
            break
        if at.timestamp() >= low:
            marks.append((at.timestamp(), str(at.year) if step >= 12 else at.strftime("%b %Y")))
        month += step
    return marks


def _moment(seconds: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
