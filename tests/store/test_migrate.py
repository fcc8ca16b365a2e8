"""From every older version to the newest, also through a crash in between."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from orchestrator.errors import StoreError
from orchestrator.events import AttemptFinished, AttemptStarted, Event, ModelReady
from orchestrator.store import codec
from orchestrator.store.migrate import FIRST, MIGRATIONS, Migration, newest, version
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.store.old_rows import old_row
from tests.store.processes import CONTEXT, hear, process
from tests.store.samples import AT, started

VERSION_1 = Path(__file__).with_name("version_1.sql")


def add_note(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN note VARCHAR DEFAULT 'old'")


def add_pins(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE pins (run INTEGER PRIMARY KEY)")
    connection.exec_driver_sql("INSERT INTO pins SELECT no FROM runs")


def drop_what_is_not_there(connection: Connection) -> None:
    connection.exec_driver_sql("DROP TABLE nothing")


def die_half_way(connection: Connection) -> None:
    add_pins(connection)
    os._exit(9)


SECOND, THIRD = Migration(FIRST + 1, add_note), Migration(FIRST + 2, add_pins)


def an_old_store(folder: Path) -> Path:
    store = open_store(folder / "store.db", migrations=())
    store.create("r", started("r"))
    store.close()
    return folder / "store.db"


def a_store_of_version_1(folder: Path, **runs: Sequence[Event]) -> Path:
    """The very tables of version 1, with these runs in them."""
    path = folder / "store.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(VERSION_1.read_text(encoding="utf-8"))
        for no, (run, events) in enumerate(runs.items(), 1):
            written_by_version_1(database, no, run, [started(run), *events])
        database.commit()
    return path


def written_by_version_1(database: sqlite3.Connection, no: int, run: str, events: Sequence[Event]) -> None:
    head = codec.GENESIS
    for seq, event in enumerate(events):
        row = old_row(event)
        head = row.chained(head)
        values = (no, seq, row.at, row.kind, row.path, row.payload, head)
        database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", values)
    facts = ("w", "/w.yaml", "/", "", "ab", "done", AT, AT + 9, 1, 1, 0, 10, 5, len(events), head)
    database.execute(f"INSERT INTO runs VALUES ({', '.join('?' * 17)})", (no, run, *facts))


def ready(model: str, *, local: bool) -> ModelReady:
    return ModelReady(AT, model, f"x:{model}", local, 2048, 1, "", "http://127.0.0.1:1", 0.1)


def call(model: str, *, away: bool, ends: bool = True) -> list[Event]:
    begun = AttemptStarted(AT, "draft", 1, model, (), 9, True, {}, away)
    ended = AttemptFinished(
        AT, "draft", 1, model, "ok", "keep", "", '"intent":true}', "", 9, 3, 0, 0.4, 0.1, 8.0
    )
    return [begun, ended] if ends else [begun]


def version_of(store: Store) -> int:
    with store.reading() as connection:
        return version(connection, store.where)


def open_and_die(tell: Pipe, path: Path) -> None:
    tell.send("opening")
    open_store(path, migrations=(SECOND, Migration(THIRD.number, die_half_way)))


def test_an_older_store_takes_every_step_it_lacks(tmp_path: Path) -> None:
    """Its runs are still there."""
    path = an_old_store(tmp_path)

    store = open_store(path, migrations=(SECOND, THIRD))

    assert version_of(store) == THIRD.number
    assert store.find("last") == "r"
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT note FROM runs, pins WHERE pins.run = runs.no").all() == [
            ("old",)
        ]
    store.close()


def test_steps_taken_before_are_not_taken_again(tmp_path: Path) -> None:
    """Version by version, opening by opening."""
    path = an_old_store(tmp_path)
    for migrations in ((SECOND,), (SECOND,), (SECOND, THIRD), (SECOND, THIRD)):
        store = open_store(path, migrations=migrations)
        assert version_of(store) == newest(migrations)
        store.close()


def test_a_crash_in_a_step_leaves_the_version_before_it(tmp_path: Path) -> None:
    """The next opening takes the step as if nothing had happened."""
    path = an_old_store(tmp_path)
    with process(open_and_die, path) as (child, told):
        assert hear(told) == "opening"
        child.join()
        assert child.exitcode == 9

    between = open_store(path, migrations=(SECOND,))
    assert version_of(between) == SECOND.number
    assert "pins" not in inspect(between.engine).get_table_names()
    between.close()
    after = open_store(path, migrations=(SECOND, THIRD))
    assert version_of(after) == THIRD.number
    after.close()


def test_processes_that_open_an_old_store_together_take_each_step_once(tmp_path: Path) -> None:
    """Adding a column twice would fail."""
    path = an_old_store(tmp_path)
    start = CONTEXT.Barrier(3)
    with (
        process(open_together, path, start) as (_, one),
        process(open_together, path, start) as (_, two),
        process(open_together, path, start) as (_, three),
    ):
        assert [hear(told) for told in (one, two, three)] == [THIRD.number] * 3


def open_together(tell: Pipe, path: Path, start: object) -> None:
    start.wait(60)  # type: ignore[attr-defined]
    store = open_store(path, migrations=(SECOND, THIRD))
    tell.send(version_of(store))


def test_a_step_that_fails_names_the_store(tmp_path: Path) -> None:
    """No traceback of the database library."""
    path = an_old_store(tmp_path)
    broken = Migration(FIRST + 1, drop_what_is_not_there)

    with pytest.raises(StoreError, match=r"store\.db"):
        open_store(path, migrations=(broken,))


def test_version_2_counts_the_calls_of_the_runs_that_are_there(tmp_path: Path) -> None:
    """By where they went: a call that leaves the machine said so before; one that a crash cut off is not counted."""
    here, there = ready("tiny", local=True), ready("big", local=False)
    mixed = [here, there, *call("tiny", away=False), *call("big", away=True), *call("tiny", away=False)]
    cut = [there, *call("big", away=True), *call("big", away=True, ends=False)]
    path = a_store_of_version_1(
        tmp_path, mixed=mixed, local=[here, *call("tiny", away=False)], cut=cut, none=[]
    )

    store = open_store(path)

    assert version_of(store) == newest(MIGRATIONS)
    assert {row.id: (row.local_calls, row.cloud_calls) for row in store.runs()} == {
        "mixed": (2, 1),
        "local": (1, 0),
        "cut": (0, 1),
        "none": (0, 0),
    }
    assert [store.verify(run) for run in ("mixed", "local", "cut", "none")] == [[]] * 4
    store.close()


def test_a_store_that_was_migrated_is_like_a_new_one(tmp_path: Path) -> None:
    """The same tables with the same columns, and new runs go into it."""
    store = open_store(a_store_of_version_1(tmp_path))
    fresh = open_store(tmp_path / "fresh.db")

    assert columns_of(store) == columns_of(fresh)
    store.create("r", started("r"))
    assert store.run("r").local_calls == 0
    store.close()
    fresh.close()


def columns_of(store: Store) -> dict[str, set[str]]:
    found = inspect(store.engine)
    return {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
