"""The marks beside the store: they say how far a run came, for as long as that can be needed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.store import highwater
from orchestrator.store.beside import FOLDER
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease, owner_alive, resting
from orchestrator.store.store import Store
from tests.store.samples import a_store, finished, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    opened.create("r", started("r"))
    yield opened
    opened.close()


def mark(store: Store, run: str = "r") -> Path:
    assert store.place is not None
    return store.place / FOLDER / f"{store.name}.run.{run}"


def test_a_mark_written_over_a_longer_one_is_read(store: Store) -> None:
    """The hashes of older stores have twice as many digits; a run of such a store goes on in today's form."""
    marker = highwater.Marker(store, "r")
    marker.reached(1, b"o" * 32)
    marker.reached(9, b"n" * 16)
    marker.close()

    assert "8 events that were written are missing" in highwater.missing(store, "r")


def test_a_run_whose_number_of_events_is_no_number_misses_them_all(store: Store) -> None:
    """SQLite keeps any text in a column of numbers; a list of runs is still a list."""
    marker = highwater.Marker(store, "r")
    marker.reached(9, b"n" * 16)
    marker.close()
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET events = '{}'")

    assert highwater.lost(store) == {
        "r": "the last 9 events that were written are missing: 9 were written, 0 are there"
    }
    assert store.lengths() == {"r": 0}


def test_a_mark_goes_when_the_store_holds_everything(store: Store) -> None:
    """Nobody executes the run any more, and its file can no longer be taken away alone."""
    journal = StoreJournal(store, "r")
    journal.append(finished(1))
    journal.close()
    assert mark(store).exists()

    store.close()

    assert not mark(store).exists()
    assert not (mark(store).parent.parent / "locks" / "store.db.r.lock").exists()


def test_the_mark_of_a_run_that_is_executed_stays(store: Store) -> None:
    """Also when another process puts the marks in order."""
    StoreJournal(store, "r").close()
    with Lease.acquire(store, "r"):
        store.engine.dispose()
        highwater.clear(store, ["r"])

        assert mark(store).exists()
    highwater.clear(store, ["r"])

    assert not mark(store).exists()


def test_nobody_begins_to_execute_a_run_while_its_mark_is_put_away(store: Store) -> None:
    """Or the new owner would write on in a file without a name."""
    with resting(store, "r") as nobody:
        assert nobody
        assert not owner_alive(store, "r")
        with pytest.raises(StoreError, match="is being executed"):
            Lease.acquire(store, "r")

    with Lease.acquire(store, "r"):
        assert owner_alive(store, "r")
