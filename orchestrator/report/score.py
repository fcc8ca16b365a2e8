"""What a measurement comes to: share right with its interval, valid share, latencies, speed, memory, cost. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from orchestrator.money import Nano, Price, cost, dollars, shown
from orchestrator.report import words

SURE = 1.959964
"""Of 95 % on both sides."""
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Measured:
    """One case asked once. `why` says what is wrong with an answer that is not right.

    Tokens and cost are of all its calls; `answer_prompt` and `answer_completion` of the answer that counted. `busy` is
    seconds in which tokens were written. `case` is the line of the case.
    """

    case: int
    repeat: int
    valid: bool
    right: bool
    seconds: float
    answer: Any = None
    why: str = ""
    calls: int = 0
    prompt: int = 0
    completion: int = 0
    busy: float = 0.0
    cost: Nano = 0
    answer_prompt: int = 0
    answer_completion: int = 0


@dataclass(frozen=True, slots=True)
class Row:
    """One subject on one model with one kind of help. `problem` says why nothing could be measured.

    `planned` counts cases times repeats; what is missing of them was not asked.
    """

    subject: str
    rung: str
    model: str
    planned: int
    measured: tuple[Measured, ...] = ()
    memory: int | None = None
    local: bool | None = None
    problem: str = ""
    note: str = ""

    @property
    def cases(self) -> int:
        return len({one.case for one in self.measured})

    @property
    def right(self) -> float:
        return _share(one.right for one in self.measured)

    @property
    def valid(self) -> float:
        return _share(one.valid for one in self.measured)

    @property
    def interval(self) -> Interval:
        """Of the share right. Repeats of a case are not independent: as many trials count as there are cases."""
        return wilson(self.right, self.cases)

    def latency(self, share: float) -> float | None:
        return percentile([one.seconds for one in self.measured], share)

    @property
    def speed(self) -> float | None:
        return words.speed(
            sum(one.completion for one in self.measured), sum(one.busy for one in self.measured)
        )

    @property
    def cost(self) -> Nano:
        return sum(one.cost for one in self.measured)

    def elsewhere(self, price: Price) -> Nano:
        """What the answers that counted would have cost at this price, with their tokens as counted here."""
        return sum(cost(price, one.answer_prompt, one.answer_completion) for one in self.measured)


@dataclass(frozen=True, slots=True)
class Table:
    """All rows, and the cloud model that they are compared with."""

    rows: tuple[Row, ...] = ()
    against: tuple[str, Price] | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    """Of the measurement: date, machine, seed, version."""


def wilson(share: float, trials: int) -> Interval:
    """The 95 % score interval of a share (Wilson, 1927); everything is possible where nothing was tried."""
    if trials <= 0:
        return 0.0, 1.0
    square = SURE * SURE
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    spread = (
        SURE
        * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
        / (1 + square / trials)
    )
    return max(0.0, middle - spread), min(1.0, middle + spread)


def percentile(values: Sequence[float], share: float) -> float | None:
    """Interpolated between the neighbours; None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def _share(found: Iterable[bool]) -> float:
    listed = list(found)
    return sum(listed) / len(listed) if listed else 0.0


# -------------------------------------------------------------------------------------------------- as a table

HEADER = ("", "HELP", "MODEL", "CASES", "RIGHT", "95 %", "VALID", "P50", "P95", "TOK/S", "MEMORY", "COST")


def table(found: Table) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and lines, the cost elsewhere last."""
    header = (*HEADER, f"BY {_bare(found.against[0])}") if found.against else HEADER
    return header, [cells(row, found.against[1] if found.against else None) for row in found.rows]


def cells(row: Row, price: Price | None) -> tuple[str, ...]:
    if not row.measured:
        return row.subject, row.rung, row.model, f"0/{row.planned}", row.problem or "nothing was measured"
    low, high = row.interval
    done = len(row.measured)
    line = (
        row.subject,
        row.rung,
        row.model,
        str(done) if done == row.planned else f"{done}/{row.planned}",
        percent(row.right),
        f"{percent(low)[:-2]}–{percent(high)}",
        percent(row.valid),
        latency(row.latency(0.5)),
        latency(row.latency(0.95)),
        f"{row.speed:,.0f}" if row.speed else "–",
        words.size(row.memory) if row.memory else "–",
        shown(row.cost),
    )
    return (*line, shown(row.elsewhere(price)) if row.rung not in LOOKED_UP else "–") if price else line


LOOKED_UP = ("nearest", "head")
"""Kinds of help that ask no model: they have no tokens to price."""


def percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def latency(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{1000 * value:.0f} ms" if value < 1 else words.seconds(value)


def _bare(name: str) -> str:
    return name.partition(":")[2] or name


# --------------------------------------------------------------------------------------------------- as data


def as_data(found: Table, *, answers: bool = True) -> dict[str, Any]:
    """Everything, for programs; `answers` holds every answer and what is wrong with it."""
    against = None
    if found.against is not None:
        against = {"model": found.against[0], **asdict(found.against[1])}
    price = found.against[1] if found.against else None
    return {**found.facts, "against": against, "rows": [_row(row, price, answers) for row in found.rows]}


def _row(row: Row, price: Price | None, answers: bool) -> dict[str, Any]:
    low, high = row.interval
    data: dict[str, Any] = {
        "subject": row.subject,
        "help": row.rung,
        "model": row.model,
        "local": row.local,
        "planned": row.planned,
        "measured": len(row.measured),
        "cases": row.cases,
        "right": sum(one.right for one in row.measured),
        "valid": sum(one.valid for one in row.measured),
        "score": round(row.right, 4),
        "interval": [round(low, 4), round(high, 4)],
        "valid_rate": round(row.valid, 4),
        "p50_seconds": _rounded(row.latency(0.5)),
        "p95_seconds": _rounded(row.latency(0.95)),
        "tokens_per_second": _rounded(row.speed),
        "memory_bytes": row.memory,
        "prompt_tokens": sum(one.prompt for one in row.measured),
        "completion_tokens": sum(one.completion for one in row.measured),
        "usd": dollars(row.cost),
        "cloud_usd": dollars(row.elsewhere(price)) if price else None,
        "problem": row.problem,
        "note": row.note,
    }
    if answers:
        data["answers"] = [_answer(one) for one in row.measured]
    return data


def _answer(one: Measured) -> dict[str, Any]:
    return {
        "line": one.case,
        "repeat": one.repeat,
        "valid": one.valid,
        "right": one.right,
        "seconds": round(one.seconds, 4),
        "answer": one.answer,
        "why": one.why,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


__all__ = [
    "LOOKED_UP",
    "Measured",
    "Row",
    "Table",
    "as_data",
    "latency",
    "percent",
    "percentile",
    "table",
    "wilson",
]
