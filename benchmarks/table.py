"""One measured figure, and a table of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """`value` with its unit, as text; `spread` is lowest to highest of the repetitions."""

    what: str
    value: str
    goal: str = ""
    spread: str = ""


def figure(what: str, values: Sequence[float], unit: str, goal: str = "") -> Row:
    """The median of several repetitions."""
    middle = f"{median(values):.3g} {unit}".strip()
    return Row(what, middle, goal, f"{min(values):.3g}–{max(values):.3g}")


def as_markdown(rows: Sequence[Row]) -> str:
    lines = ["| what | median | lowest–highest | goal |", "| --- | --- | --- | --- |"]
    lines += [f"| {row.what} | {row.value} | {row.spread} | {row.goal} |" for row in rows]
    return "\n".join(lines)
