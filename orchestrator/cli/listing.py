"""Runs as a table for a person: columns that say nothing are left out. Reads no store."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.cli.console import Console, columns, is_terminal
from orchestrator.cli.region import terminal_width
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.safe import width_of
from orchestrator.store.rows import Marks

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow

OUT_OF = "OUT OF"
_USUAL = ("RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "STEPS", "TOKENS")


@dataclass(frozen=True, slots=True)
class Listed:
    """Runs, and what is known of them besides: `answered` says which of those that wait can go on, and how."""

    rows: Sequence[RunRow] = ()
    marks: Marks = field(default_factory=Marks)
    answered: Mapping[str, str] = field(default_factory=dict)


def print_runs(console: Console, listed: Listed) -> None:
    console.table(*table(listed, room=terminal_width(console.out) if is_terminal(console.out) else None))
    for line in listed.answered.values():
        console.say(line)
    for run in _of(listed, listed.marks.damaged):
        console.say(f"{run} is damaged: {listed.marks.damaged[run]}; see all of it: orch verify {run}")


def say_gone(console: Console, marks: Marks) -> None:
    """Runs that no list can hold: the end of the store was lost with them."""
    for run, what in marks.gone.items():
        console.say(f"run {run} is missing: {what}; see orch verify --all")


def table(listed: Listed, *, room: int | None) -> tuple[list[str], list[list[str]]]:
    """Header and rows. Which run another is out of stands there when one is, and when there is `room` in the terminal."""
    now = time.time()
    rows = [_cells(row, now, _status(row, listed)) for row in listed.rows]
    wanted = [*_USUAL, *_telling(listed.rows)]
    header, cells = wanted, [[cell[title] for title in wanted] for cell in rows]
    if room is not None and OUT_OF in wanted and max(map(width_of, columns(header, cells))) > room:
        return _without(header, cells, header.index(OUT_OF))
    return header, cells


def _telling(rows: Sequence[RunRow]) -> Iterator[str]:
    """The columns that do not say the same of all runs."""
    if any(row.cloud_calls for row in rows):  # else all would say 100 %
        yield "LOCAL"
    if any(row.cost for row in rows):
        yield "SPENT"
    if any(row.origin for row in rows):
        yield OUT_OF


def _without(header: list[str], rows: list[list[str]], place: int) -> tuple[list[str], list[list[str]]]:
    return header[:place] + header[place + 1 :], [row[:place] + row[place + 1 :] for row in rows]


def _of(listed: Listed, runs: Mapping[str, object]) -> Iterator[str]:
    return (row.id for row in listed.rows if row.id in runs)


def _status(row: RunRow, listed: Listed) -> str:
    """What a person is to know first of it."""
    if row.id in listed.marks.damaged:
        return "damaged"
    if row.id in listed.answered:
        return "answered"
    return f"{row.status} (imported)" if row.id in listed.marks.imported else row.status


def _cells(row: RunRow, now: float, status: str) -> dict[str, str]:
    ended = row.ended if row.ended is not None else (now if row.live else None)
    return {
        "RUN": row.id,
        "WORKFLOW": row.workflow,
        "STATUS": status,
        "STARTED": time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)),
        "TOOK": words.seconds(ended - row.started) if ended is not None else "–",
        "STEPS": f"{row.finished:,}" + (f" ({row.failed:,} failed)" if row.failed else ""),
        "TOKENS": words.number(row.prompt_tokens + row.completion_tokens),
        "LOCAL": words.share(row.local_calls, row.local_calls + row.cloud_calls) or "–",
        "SPENT": shown(row.cost),
        OUT_OF: words.out_of(row.origin),
    }
