"""From every older version to the newest, also through a crash in between."""

from __future__ import annotations

import os
from multiprocessing.connection import Connection as Pipe
from pathlib import Path

import pytest
from sqlalchemy import Connection, inspect

from orchestrator.errors import StoreError
from orchestrator.store.migrate import FIRST, Migration, newest, version
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.store.processes import CONTEXT, hear, process
from tests.store.samples import a_store, started


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
    store = a_store(folder)
    store.create("r", started("r"))
    store.close()
    return folder / ".orch" / "store.db"


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
