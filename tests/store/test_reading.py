"""A record that is checked and read in one pass: the events, and the same verdict as that of a check alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.cache import StoreCache
from orchestrator.store.journal import StoreJournal
from orchestrator.store.quarantine import damaged, verified
from orchestrator.store.reading import Reading
from orchestrator.store.store import Store
from tests.store.samples import a_store, finished, one_of_each, started

CHANGES = (
    "UPDATE events SET payload = replace(payload, '5', '6') WHERE seq = 5",
    "UPDATE events SET payload = '' WHERE seq = 0",
    "UPDATE events SET path = 'other' WHERE seq = 6",
    "UPDATE events SET at = 'noon' WHERE seq = 7",
    "UPDATE events SET kind = 'warned' WHERE seq = 8",
    "UPDATE events SET hash = x'00' WHERE seq = 1009",
    "DELETE FROM events WHERE seq BETWEEN 10 AND 12",
    "DELETE FROM events WHERE seq > 1100",
    "DELETE FROM events",
    "UPDATE runs SET events = 1000",
    "DELETE FROM blobs",
    "UPDATE blobs SET text = replace(text, 'large', 'LARGE')",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    opened.create("r", started("r"))
    journal = StoreJournal(opened, "r")
    for event in one_of_each()[1:]:
        journal.append(event)
    for number in range(1_200):
        journal.append(finished(number, "large " * 3_000 if number == 700 else number))
    journal.close()
    yield opened
    opened.close()


def test_a_whole_record_gives_its_events(store: Store) -> None:
    """All of them, over several pages and with large values, or those of some kinds."""
    reading = Reading(store, "r")
    few = Reading(store, "r", ("run.started", "ask.answered"))
    every = list(store.events("r"))

    assert (list(reading), reading.problems) == (every, [])
    assert list(few) == [pair for pair in every if pair[1].kind in ("run.started", "ask.answered")]
    assert few.problems == []


@pytest.mark.parametrize("kinds", [(), ("run.started",)])
@pytest.mark.parametrize("change", CHANGES)
def test_what_is_damaged_is_found_and_marked(store: Store, change: str, kinds: tuple[str, ...]) -> None:
    """Also in events that are not asked for; nothing is handed out that was changed."""
    before = list(store.events("r"))
    with store.writing() as connection:
        connection.exec_driver_sql(change)

    reading = Reading(store, "r", kinds)
    read = list(reading)

    assert all(pair in before for pair in read)
    assert reading.problems == verified(store, "r") != []
    assert damaged(store) == {"r": reading.problems[0]}


def test_a_mark_is_lifted_when_the_record_is_whole_again(store: Store) -> None:
    """A backup was put in its place."""
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET events = events - 1")
    list(Reading(store, "r"))
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE runs SET events = events + 1")

    reading = Reading(store, "r")
    list(reading)

    assert (reading.problems, damaged(store)) == ([], {})


def test_an_answer_of_another_process_is_found_by_who_has_asked_before(store: Store, tmp_path: Path) -> None:
    """The connection that the cache keeps sees what was committed since."""
    asking, other = StoreCache(store), a_store(tmp_path)
    assert asking.get("k") is None

    putting = StoreCache(other)
    putting.put("k", "answer")
    putting.close()

    assert asking.get("k") == "answer"
    asking.close()
    other.close()
