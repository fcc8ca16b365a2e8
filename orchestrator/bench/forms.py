"""What the forms of a model came to beside each other: speed, memory, how often they answer as the original did. Pure.

The original is the first of them. Which one wins is decided here, by a rule that can be told in a sentence.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestrator.providers.pace import Pace
from orchestrator.report import words
from orchestrator.report.score import Measured, Row, percent, wilson

LEAST = 0.9
"""Share of answers that have to be those of the original. Two engines of the same weights round differently, too."""
LOSS = 0.02
"""How much smaller the share of right answers may be."""
FASTER = 1.05
"""How many times as fast a form has to be: less is within what a second measurement changes."""
HEADER = ("FORM", "ENGINE", "SIZE", "MEMORY", "PROMPT/S", "ANSWER/S", "SAME ANSWERS", "RIGHT", "95 %")


@dataclass(frozen=True, slots=True)
class Tried:
    """One form on one engine. `rows` hold its answers, one row for each specialist; none where it was not asked."""

    form: str
    engine: str
    sha256: str
    bytes: int
    pace: Pace
    rows: tuple[Row, ...] = ()

    @property
    def answers(self) -> tuple[Measured, ...]:
        return tuple(one for row in self.rows for one in row.measured)

    @property
    def right(self) -> float:
        return sum(one.right for one in self.answers) / len(self.answers) if self.answers else 0.0


def same(original: Tried, other: Tried) -> tuple[int, int]:
    """How many answers are exactly those of the original, of how many."""
    known = {key: _text(one) for key, one in _keyed(original)}
    found = [known[key] == _text(one) for key, one in _keyed(other) if key in known]
    return sum(found), len(found)


def speedup(original: Tried, other: Tried) -> float:
    """How many times as fast a usual call is."""
    return original.pace.seconds / other.pace.seconds


def may_win(original: Tried, other: Tried) -> bool:
    return speedup(original, other) >= FASTER


def chosen(tried: Sequence[Tried], least: float = LEAST) -> Tried:
    """The fastest that answers as the original does, often enough; the original when none gains anything."""
    original = tried[0]
    able = [one for one in tried[1:] if may_win(original, one) and _agrees(original, one, least)]
    return min(able, key=lambda one: one.pace.seconds, default=original)


def _agrees(original: Tried, other: Tried, least: float) -> bool:
    equal, asked = same(original, other)
    return asked > 0 and equal / asked >= least and other.right >= original.right - LOSS


def gained(tried: Sequence[Tried], winner: Tried) -> str:
    """In one line: what the winner gains and loses."""
    original = tried[0]
    if winner is original:
        return f"{original.form} stays: no other form is faster here and answers the same"
    equal, asked = same(original, winner)
    engine = f" on {winner.engine}" if winner.engine != original.engine else ""
    return (
        f"{winner.form}{engine} reads prompts {winner.pace.prompt / original.pace.prompt:.2f} times and writes "
        f"{winner.pace.answer / original.pace.answer:.2f} times as fast as {original.form}; "
        f"{_more(winner.pace.memory - original.pace.memory)} memory, "
        f"{_more(winner.bytes - original.bytes)} on the disk; "
        f"{equal} of {asked} answers are the same, right are {percent(winner.right)} (were {percent(original.right)})"
    )


def _more(count: int) -> str:
    return f"{words.size(abs(count))} {'more' if count >= 0 else 'less'}"


def lines(tried: Sequence[Tried]) -> list[tuple[str, ...]]:
    """The table below `HEADER`."""
    return [_line(tried[0], one) for one in tried]


def _line(original: Tried, one: Tried) -> tuple[str, ...]:
    equal, asked = same(original, one)
    low, high = wilson(one.right, len(one.answers))
    facts = (f"{one.pace.prompt:.0f}", f"{one.pace.answer:.0f}")
    judged = (f"{equal}/{asked}", percent(one.right), f"{percent(low)[:-2]}–{percent(high)}")
    shown = judged if asked else ("–", "–", "–")
    return (one.form, one.engine, words.size(one.bytes), words.size(one.pace.memory), *facts, *shown)


def as_data(tried: Sequence[Tried]) -> list[dict[str, Any]]:
    return [_data(tried[0], one) for one in tried]


def _data(original: Tried, one: Tried) -> dict[str, Any]:
    equal, asked = same(original, one)
    low, high = wilson(one.right, len(one.answers))
    return {
        "form": one.form,
        "engine": one.engine,
        "sha256": one.sha256,
        "bytes": one.bytes,
        "memory_bytes": one.pace.memory,
        "prompt_tokens_per_second": round(one.pace.prompt, 1),
        "answer_tokens_per_second": round(one.pace.answer, 1),
        "speedup": round(speedup(original, one), 3),
        "same": equal,
        "asked": asked,
        "score": round(one.right, 4) if asked else None,
        "interval": [round(low, 4), round(high, 4)] if asked else None,
    }


def _keyed(tried: Tried) -> list[tuple[tuple[str, int, int], Measured]]:
    return [((row.subject, one.case, one.repeat), one) for row in tried.rows for one in row.measured]


def _text(one: Measured) -> str:
    return json.dumps([one.valid, one.answer], sort_keys=True, default=str)


__all__ = ["HEADER", "LEAST", "Tried", "as_data", "chosen", "gained", "lines", "may_win", "same", "speedup"]
