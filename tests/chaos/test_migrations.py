"""From every older version of the schema, killed at every statement: the next opening finds one version or the other."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
from contextlib import closing
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from orchestrator.events import Event
from orchestrator.store.migrate import FIRST, MIGRATIONS, newest
from orchestrator.store.open import open_store
from tests.store.processes import process
from tests.store.samples import finished
from tests.store.test_migrate import a_store_of_version_1, call, ready, version_of

PATIENCE = 300.0
FEWEST = 4
"""Statements that the smallest migration takes at least: to begin, to change, to say so, to end."""


def old_store(folder: Path, number: int) -> Path:
    """A store as this version left it, with runs in it."""
    events: list[Event] = [ready("tiny", local=True), *call("tiny", away=False), finished(3, "x" * 100)]
    path = a_store_of_version_1(folder, one=events, two=[], three=[ready("big", local=False)])
    open_store(path, migrations=tuple(step for step in MIGRATIONS if step.number <= number)).close()
    return path


@pytest.mark.parametrize("number", range(FIRST, newest(MIGRATIONS)))
def test_a_migration_that_is_killed_at_any_statement_is_taken_again(tmp_path: Path, number: int) -> None:
    """The tables, rows and chains are those of a migration that nobody disturbed."""
    with process(kill_everywhere, tmp_path, number) as (_, told):
        assert told.poll(PATIENCE), "it hangs"
        statements, differing = told.recv()

    assert statements >= FEWEST
    assert differing == []


def kill_everywhere(tell: Connection, folder: Path, number: int) -> None:
    """In a process without threads, which may fork."""
    old = old_store(folder, number)
    whole = Path(shutil.copy(old, folder / "whole.db"))
    wanted = migrated(whole)
    differing, statement = [], 0
    while True:
        path = folder / f"{statement}.db"
        shutil.copy(old, path)
        if not killed_at(path, statement):
            break
        if migrated(path) != wanted:
            differing.append(statement)
        statement += 1
    tell.send((statement, differing))


def killed_at(path: Path, statement: int) -> bool:
    """Whether a process that opens the store gets to this statement, at which it dies."""
    child = os.fork()
    if child == 0:
        _die_at(statement)
        open_store(path).close()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _die_at(statement: int) -> None:
    done = iter(range(statement))

    def next_one(*_: Any) -> None:
        if next(done, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", next_one)
    event.listen(Engine, "commit", next_one)


def migrated(path: Path) -> tuple[list[str], int, list[list[str]], list[int]]:
    """What a store holds once it is opened: its tables and rows, its version, problems and lengths of its runs."""
    store = open_store(path)
    try:
        runs = store.lengths()
        facts = version_of(store), [store.verify(run) for run in runs], [*runs.values()]
        assert all(len(list(store.events(run))) == length for run, length in runs.items())
    finally:
        store.close()
    with closing(sqlite3.connect(path)) as connection:
        return [*connection.iterdump()], *facts
