"""Changes to the record that SQLite itself would never notice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store
from tests.store.samples import a_store, finished, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    opened.create("r", started("r"))
    journal = StoreJournal(opened, "r")
    for number in range(1_500):
        journal.append(finished(number, "large " * 3_000 if number == 700 else number))
    journal.close()
    yield opened
    opened.close()


def test_an_untouched_run_verifies(store: Store) -> None:
    """Over several pages and with large values."""
    assert store.verify("r") == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("UPDATE events SET payload = replace(payload, '5', '6') WHERE seq = 5", "event 5 "),
        ("UPDATE events SET path = 'other' WHERE seq = 6", "event 6 "),
        ("UPDATE events SET at = at + 0.001 WHERE seq = 7", "event 7 "),
        ("UPDATE events SET kind = 'warned' WHERE seq = 8", "event 8 "),
        ("UPDATE events SET hash = x'00' WHERE seq = 9", "event 9 "),
        ("DELETE FROM events WHERE seq BETWEEN 10 AND 12", "events 10 to 12 are missing"),
        ("DELETE FROM events WHERE seq > 1400", "the end is missing"),
        ("UPDATE runs SET events = 1000", "the last event is not the one"),
        ("DELETE FROM blobs", "large value .* is missing"),
        ("UPDATE blobs SET text = replace(text, 'large', 'LARGE')", "large value .* is not what was written"),
    ],
)
def test_every_change_is_found(store: Store, change: str, told: str) -> None:
    """Payload, columns, hashes, gaps, a cut tail, large values."""
    with store.writing() as connection:
        connection.exec_driver_sql(change)

    problems = store.verify("r")

    assert any(re.search(told, problem) for problem in problems), problems
