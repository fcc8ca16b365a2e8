"""A file beside a SQLite store of which nobody knows whether it belongs to it, tried on a copy of both.

In a process of its own (`python -m orchestrator.store.strange STORE`): to look at the locks of a file a process has to
open it, and to close it again gives up those that the process itself holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.store.plainly import open_plain
from orchestrator.store.trial import WORSE

_HELD = 128
"""The byte of the shared memory's file that SQLite keeps locked for each connection."""


@dataclass(frozen=True, slots=True)
class State:
    """What a store is like: of its file, and the events and the first problem of each of its runs."""

    problem: str
    runs: Mapping[str, tuple[int, str]]


def main(arguments: list[str]) -> int:
    database = Path(arguments[0])
    if in_use(database):
        return 0  # somebody goes by it already, so it is as good as it gets
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".try-") as folder:
        copy = Path(shutil.copy(database, Path(folder) / "store.db"))
        without = state_of(copy)
        shutil.copy(database.with_name(database.name + "-wal"), copy.with_name("store.db-wal"))
        copy.with_name("store.db-shm").unlink(missing_ok=True)
        problem = worse(without, state_of(copy))
    sys.stdout.write(problem)
    return WORSE if problem else 0


def in_use(database: Path) -> bool:
    """Whether some process has the store open."""
    try:
        descriptor = open_plain(database.with_name(database.name + "-shm"), os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, _HELD)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False


def worse(without: State, within: State) -> str:
    """What is wrong with it that is not wrong without it, first of all."""
    if without.problem:
        return ""
    if within.problem:
        return f"it is damaged ({within.problem})"
    for run, (events, problem) in within.runs.items():
        before, known = without.runs.get(run, (0, ""))
        if problem and not known:
            return f"run {run} is damaged: {problem}"
        if events < before:
            return f"run {run} has {events:,} events instead of {before:,}"
    return next((f"run {run} is gone" for run in without.runs if run not in within.runs), "")


def state_of(database: Path) -> State:
    """All of it is looked at; a store of which nothing can be read has a problem."""
    from orchestrator.errors import OrchError
    from orchestrator.store.faults import explained
    from orchestrator.store.open import opened_as_is

    store = opened_as_is(database)
    try:
        with explained("it"), store.engine.connect() as connection:
            found = str(connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one())
        if found != "ok":
            return State(found.replace("\n", " "), {})
        lengths = store.lengths()
        return State("", {run: (count, next(iter(store.verify(run)), "")) for run, count in lengths.items()})
    except OrchError as error:
        return State(error.message, {})
    finally:
        store.engine.dispose()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
