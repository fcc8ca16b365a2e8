"""What runs cost, folded once and kept in rows."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StoreError
from orchestrator.events import AttemptFinished, Event, ModelReady
from orchestrator.report.cost import Line
from orchestrator.report.summary import summary
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.spending import spent
from orchestrator.store.store import Store
from tests.store.samples import started

READY = ModelReady(1.0, "big", "openai:y", False, 8192, 1, "", "https://api.example", 0.0)


def billed(path: str, cost: int) -> AttemptFinished:
    return AttemptFinished(
        2.0, path, 1, "big", "ok", "keep", "", "x", "", 100, 10, 0, 1.0, None, None, cost=cost
    )


def recorded(store: Store, run: str, *events: Event) -> None:
    if not store.has(run):
        store.create(run, started(run))

    async def write() -> None:
        journal = StoreJournal(store, run)
        for event in events:
            journal.append(event)
        await journal.flush()
        journal.close()

    asyncio.run(write())


class Fold:
    """The real fold, counting how often a run is read."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self, events: Iterable[Event]) -> Mapping[tuple[str, str], Any]:
        self.times += 1
        return summary(events).spending.all_lines()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store.db")


def test_a_run_is_folded_once(store: Store) -> None:
    """The second question reads rows."""
    recorded(store, "a", READY, billed("sort.0", 5), billed("sort.1", 6))
    fold = Fold()

    first, second = spent(store, fold), spent(store, fold)

    assert first == second
    assert [(row.run, row.step, row.model, row.line["cost"]) for row in first] == [("a", "sort", "big", 11)]
    assert Line(**first[0].line).local is False
    assert fold.times == 1


def test_a_run_that_went_on_is_folded_anew(store: Store) -> None:
    """What was added since counts."""
    recorded(store, "a", READY, billed("sort", 5))
    spent(store, Fold())
    recorded(store, "a", billed("sort", 7))

    assert [row.line["cost"] for row in spent(store, Fold())] == [12]


def test_runs_are_chosen_by_id_workflow_and_time(store: Store) -> None:
    """Everything else is left out, and not even read."""
    recorded(store, "a", READY, billed("sort", 5))
    recorded(store, "b", READY, billed("sort", 7))
    fold = Fold()

    assert [row.run for row in spent(store, fold, run="b")] == ["b"]
    assert spent(store, fold, workflow="another") == []
    assert spent(store, fold, since=9e9) == []
    assert fold.times == 1


def test_the_rows_of_a_deleted_run_go_with_it(store: Store) -> None:
    """And its amount is in the list of runs until then."""
    recorded(store, "a", READY, billed("sort", 5))
    assert [row.cost for row in store.runs()] == [5]
    spent(store, Fold())

    store.delete("a")

    assert spent(store, Fold()) == []


def test_a_damaged_run_is_left_out_and_told(store: Store, tmp_path: Path) -> None:
    """The others still count."""
    recorded(store, "a", READY, billed("sort", 5))
    recorded(store, "b", READY, billed("sort", 7))
    with closing(sqlite3.connect(tmp_path / "store.db")) as database, database:
        database.execute("UPDATE events SET payload = '{' WHERE run = 1 AND seq = 2")
    told: list[str] = []

    rows = spent(store, Fold(), damaged=lambda run, _: told.append(run))

    assert [row.run for row in rows] == ["b"]
    assert told == ["a"]
    with pytest.raises(StoreError):
        spent(store, Fold(), run="a")
