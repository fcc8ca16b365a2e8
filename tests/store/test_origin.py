"""Which run another one came out of, in the row of a run: of new runs, and of those that older versions recorded."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.store.open import open_store
from orchestrator.store.origin import origin_of
from orchestrator.store.store import Store
from tests.store.samples import AT, started
from tests.store.test_migrate import VERSION_1, written_by_version_1

FIRST, SECOND = "1123-0645-aaa", "1123-0646-bbb"
FORKED = {"forked": {"run": FIRST, "at": "draft", "events": 3}}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "store.db")
    store.create(FIRST, started(FIRST))
    yield store
    store.close()


def as_of_version_7(store: Store) -> None:
    """The same file as it was before runs had an origin in their row."""
    with store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN origin")
        connection.exec_driver_sql("UPDATE meta SET value = '7' WHERE key = 'version'")
    store.close()


def origins(store: Store) -> dict[str, str | None]:
    return {row.id: row.origin for row in store.runs()}


def test_a_run_out_of_another_names_it(store: Store) -> None:
    """Others name none."""
    store.create(SECOND, started(SECOND, at=AT + 60, options=FORKED))

    assert origins(store) == {FIRST: None, SECOND: FIRST}
    assert store.run(SECOND).origin == FIRST


@pytest.mark.parametrize(
    "said", [None, "x", [], {}, {"run": 3}, {"run": None, "at": ""}, {"run": ["a"]}], ids=str
)
def test_what_makes_no_sense_as_an_origin_is_none(said: Any) -> None:
    """A record may come from elsewhere."""
    assert origin_of({"forked": said}) == ""


def test_runs_that_were_recorded_before_get_theirs_from_their_first_event(store: Store) -> None:
    """Also beside inputs that are large or have the same words in them."""
    words = {"text": "x" * 50_000, "forked": {"run": "1123-0000-zzz"}}
    store.create(SECOND, started(SECOND, at=AT + 60, inputs=words, options=FORKED))
    store.create("1123-0647-ccc", started("1123-0647-ccc", at=AT + 70, inputs=words))
    as_of_version_7(store)

    opened = open_store(store.place / store.name) if store.place else store

    assert origins(opened) == {FIRST: None, SECOND: FIRST, "1123-0647-ccc": None}
    assert [opened.verify(run) for run in origins(opened)] == [[], [], []]
    opened.close()


def test_runs_of_the_first_version_get_theirs_too(tmp_path: Path) -> None:
    """Their events have names in them."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(VERSION_1.read_text(encoding="utf-8"))
        written_by_version_1(database, 1, FIRST, [started(FIRST)])
        written_by_version_1(database, 2, SECOND, [started(SECOND, options=FORKED)])
        database.commit()

    opened = open_store(path)

    assert origins(opened) == {FIRST: None, SECOND: FIRST}
    opened.close()


@pytest.mark.parametrize(
    "damage",
    [
        "payload = substr(payload, 5)",
        "payload = CAST('\"forked\"' AS BLOB)",
        "payload = CAST(x'FF' || payload AS TEXT)",
        "payload = 5",
        "kind = 'f'",
    ],
)
def test_a_damaged_first_event_keeps_no_store_from_opening(store: Store, damage: str) -> None:
    """It has no origin then."""
    store.create(SECOND, started(SECOND, at=AT + 60, options=FORKED))
    with store.writing() as connection:
        connection.exec_driver_sql(f"UPDATE events SET {damage} WHERE run = 2")
    as_of_version_7(store)

    opened = open_store(store.place / store.name) if store.place else store

    assert origins(opened) == {FIRST: None, SECOND: None}
    opened.close()


def test_nothing_stays_of_a_run_that_is_deleted(store: Store) -> None:
    """Its id may come again, and runs that came out of it keep its name."""
    store.create(SECOND, started(SECOND, at=AT + 60, options=FORKED))
    store.delete(FIRST)
    assert origins(store) == {SECOND: FIRST}
    store.delete(SECOND)
    store.create(SECOND, started(SECOND))

    assert origins(store) == {SECOND: None}
