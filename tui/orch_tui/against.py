"""A span, or a whole run, beside the same of another run: which runs there are, and what differs. Blocks; no widget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from orch_tui.runs_table import moment
from orch_tui.tabs.page import Page
from orchestrator.report import words
from orchestrator.report.diff_facts import RunFacts
from orchestrator.report.diff_instance import instance_rows
from orchestrator.report.diff_runs import compare_runs, summary_rows

if TYPE_CHECKING:
    from orch_tui.text import Row
    from orchestrator.events import Event
    from orchestrator.report.diff_lines import Row as Plain
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

OFFERED = 50
"""Runs to choose from."""


def others(store: Store, run: str, workflow: str) -> list[RunRow]:
    """The other runs of this workflow, the newest first. Raises OrchError."""
    return [row for row in store.runs(workflow=workflow, limit=OFFERED + 1) if row.id != run][:OFFERED]


def option(row: RunRow, now: float, made_of: str) -> str:
    """A run in a list of those to compare with; `made_of` is the run that the one on the screen came from."""
    how = f"{row.id}  {row.status}, {moment(row.started, now)}, {words.count(row.finished, 'step')} done"
    return f"{how}; this run came from it" if row.id == made_of else how


@dataclass(frozen=True, slots=True)
class Place:
    """One span of the run on the screen: all its events lie between these numbers."""

    run: str
    path: str
    first: int
    last: int
    group: bool = False
    """Whether its value is made of what is inside."""


class Against:
    """Compares with other runs, always the earlier with the later, and goes on where it was when a record has grown."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._read: dict[str, tuple[int, RunFacts]] = {}

    def span(self, place: Place, other: str, page: Page, leave: str) -> Page:
        """What differs in one span. `leave` says how to get back. Raises OrchError."""
        mine = self._events(place.run, place.path, place.first, place.last)
        theirs = self._events(other, place.path, 0, self._store.head(other).count)
        earlier = self._is_earlier(other, place.run)
        names = (other, place.run) if earlier else (place.run, other)
        sides = (theirs, mine) if earlier else (mine, theirs)
        _head(page, names, leave)
        _fill(page, instance_rows(*sides, names))
        if place.group:
            page.gap()
            page.say("this is of the group itself; what is inside is compared at the steps there", "dim")
        return page

    def run(self, run: str, last: int, other: str, page: Page, leave: str) -> Page:
        """What differs between two runs, this one up to event `last`. Raises OrchError."""
        mine, theirs = self._facts(run, last), self._facts(other, self._store.head(other).count)
        earlier = self._is_earlier(other, run)
        names = (other, run) if earlier else (run, other)
        _head(page, names, leave)
        found = compare_runs(theirs, mine) if earlier else compare_runs(mine, theirs)
        _fill(page, list(summary_rows(found, names)))
        return page

    def _is_earlier(self, one: str, other: str) -> bool:
        return self._store.run(one).started <= self._store.run(other).started

    def _events(self, run: str, path: str, first: int, last: int) -> list[Event]:
        return [event for _, event in self._store.span_events(run, path, first, last)]

    def _facts(self, run: str, last: int) -> RunFacts:
        taken, facts = self._read.get(run, (-1, RunFacts()))
        if taken > last:  # a replay went back
            taken, facts = -1, RunFacts()
        for seq, event in self._store.events(run, taken):
            if seq > last:
                break
            facts.take(event, seq)
            taken = seq
        self._read[run] = taken, facts
        return facts


def _head(page: Page, names: tuple[str, str], leave: str) -> None:
    page.add((), ((f"{names[0]} → {names[1]}", "head"), (f"  {leave}", "dim")))
    page.gap()


def _fill(page: Page, rows: Sequence[Plain]) -> None:
    for row in cast("Sequence[Row]", rows):
        if row:
            page.add((), row)
        else:
            page.gap()
