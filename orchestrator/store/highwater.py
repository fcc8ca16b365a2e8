"""How far the record of a run had come when it was last told to be durable: what says that its end is missing.

A file per run in `marks/` beside a SQLite store, written after each commit and not waited for: it outlives the process,
and after a power cut it is at worst behind, which raises no false alarm. It goes when the store holds all of it.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import select

from orchestrator.light import light
from orchestrator.store.beside import FOLDER
from orchestrator.store.plainly import open_plain, read_plain
from orchestrator.store.tables import EventRow, Run, table

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator.store.store import Store

RUNS, EVENTS = table(Run), table(EventRow)


@light(frozen=True, slots=True)
class Reached:
    """So many events, and the hash of the last one."""

    count: int
    hash: str


class Marker:
    """Written by who executes the run."""

    def __init__(self, store: Store, run: str) -> None:
        self._path = _path(store, run)
        self._descriptor = -1
        if self._path is not None:
            store.marked.add(run)
            with contextlib.suppress(OSError):  # a folder that cannot be written: then nobody can tell
                self._path.parent.mkdir(mode=0o700, exist_ok=True)
                self._descriptor = open_plain(self._path, os.O_WRONLY | os.O_CREAT)

    def reached(self, count: int, head: bytes) -> None:
        if self._descriptor >= 0:
            with contextlib.suppress(OSError):
                os.pwrite(self._descriptor, f"{count:012d} {head.hex()}\n".encode(), 0)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def missing(store: Store, run: str) -> str:
    """What is missing of the record of this run, or nothing."""
    reached = _read(_path(store, run))
    if reached is None:
        return ""
    with store.reading() as connection:
        return _compared(connection, run, reached)


def lost(store: Store) -> dict[str, str]:
    """The runs of which something is missing, also those that are not there at all, and what.

    Forgets marks that are not needed any more: the run is at rest, and all of it stands in the store itself.
    """
    marks = list(_marks(store))
    if not marks:
        return {}
    found = {}
    with store.reading() as connection:
        for run, reached in marks:
            problem = _compared(connection, run, reached)
            if problem:
                found[run] = problem
    clear(store, [run for run, _ in marks if run not in found])
    return found


def gone(store: Store) -> dict[str, str]:
    """Those of them that are not there at all."""
    found = lost(store)
    return {run: problem for run, problem in found.items() if not store.has(run)} if found else {}


def forget(store: Store, run: str) -> None:
    """The run was removed, or somebody takes its record as it is."""
    path = _path(store, run)
    if path is not None:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)


def clear(store: Store, runs: Collection[str]) -> None:
    """Forget the marks of runs whose whole record is there, once it can no longer go with another file."""
    if runs and store.is_folded():
        from orchestrator.store.lease import resting

        for run in runs:
            with resting(store, run) as nobody:
                # asked again: somebody may have gone on with the run, and ended, since
                if nobody and store.is_folded():
                    forget(store, run)


def _compared(connection: Connection, run: str, reached: Reached) -> str:
    row = connection.execute(select(RUNS.c.no, RUNS.c.events).where(RUNS.c.id == run)).first()
    if row is None:
        return f"it is gone: {reached.count:,} events of it were written"
    there = row.events if isinstance(row.events, int) else 0  # damage can change even the type of a column
    if there < reached.count:
        less = reached.count - there
        what = "event that was written is" if less == 1 else f"{less:,} events that were written are"
        return f"the last {what} missing: {reached.count:,} were written, {there:,} are there"
    last = select(EVENTS.c.hash).where(EVENTS.c.run == row.no, EVENTS.c.seq == reached.count - 1)
    found = connection.execute(last).scalar()
    if not isinstance(found, bytes) or found.hex() != reached.hash:
        return f"event {reached.count - 1} is not the one that was written last"
    return ""


def _marks(store: Store) -> Iterator[tuple[str, Reached]]:
    """What was written is read before the store is: it is never ahead of what it is compared with."""
    if store.place is None:
        return
    prefix = f"{store.name}.run."
    try:
        names = sorted(os.listdir(store.place / FOLDER))  # noqa: PTH208 - often there is nothing
    except OSError:
        return
    for name in names:
        reached = _read(store.place / FOLDER / name) if name.startswith(prefix) else None
        if reached is not None:
            yield name.removeprefix(prefix), reached


def _read(path: Path | None) -> Reached | None:
    try:
        # the first line counts: a hash of an older store is longer, and what is left of it stands behind
        count, head = read_plain(path).partition("\n")[0].split() if path else ("", "")
        return Reached(int(count), head)
    except (OSError, ValueError):
        return None


def _path(store: Store, run: str) -> Path | None:
    return None if store.place is None else store.place / FOLDER / f"{store.name}.run.{run}"
