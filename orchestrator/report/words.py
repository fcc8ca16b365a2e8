"""Quantities in words, the same everywhere: `4.2 s`, `1,234`, `98 MB`, `3 steps`."""

from __future__ import annotations

FASTEST = 20_000
"""Tokens per second that no model writes, nor all those of a machine together."""


def seconds(value: float) -> str:
    """A duration: `0.04 s`, `4.2 s`, `3 min 05 s`, `2 h 10 min`."""
    if value < 0.95:
        return f"{max(value, 0.0):.2f} s"
    if value < 59.95:
        return f"{value:.1f} s"
    whole = round(value)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def about(value: float) -> str:
    """An estimated duration, no finer than it is known: `5 s`, `40 s`, `6 min`, `3 h`."""
    if value < 10:
        return f"{max(1, round(value))} s"
    if value < 90:
        return f"{round(value / 5) * 5} s"
    return f"{round(value / 60)} min" if value < 5400 else f"{round(value / 3600)} h"


def number(value: int) -> str:
    return f"{value:,}"


def count(value: int, noun: str, plural: str = "") -> str:
    """`1 step`, `3 steps`, `1,234 tokens`."""
    return f"{value:,} {noun if value == 1 else plural or noun + 's'}"


def rate(tokens: int, busy: float) -> str:
    """Tokens per second, or nothing when there is none to tell."""
    value = speed(tokens, busy)
    return f"{value:,.0f} tok/s" if value is not None else ""


def speed(tokens: int, busy: float) -> float | None:
    """Tokens per second; None when there is nothing to divide, or when no model was at work: a script answers at once."""
    return tokens / busy if tokens and busy > 0 and tokens <= FASTEST * busy else None


def share(part: int, whole: int) -> str:
    """A part in percent, rounded down: 100 % is all of it. Nothing when there is no whole."""
    return f"{part * 100 // whole} %" if whole else ""


def size(value: float) -> str:
    """Bytes as decimal units: `98 MB`, `1.3 GB`."""
    for unit, step in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if value >= step:
            amount = value / step
            return f"{amount:.1f} {unit}" if amount < 10 else f"{amount:,.0f} {unit}"
    return f"{value:.0f} B"


def out_of(run: str | None) -> str:
    """`⇐ k7q` for a run out of run 1123-0645-k7q: the end of an id is enough to name a run. Nothing for no run."""
    return f"⇐ {run.rpartition('-')[2] or run}" if run else ""
