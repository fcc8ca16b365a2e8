"""The store: runs and their events, read and written through any number of processes.

Events of a running run are appended by `journal.StoreJournal`; everything here may be called from anywhere.
"""

from __future__ import annotations

import difflib
import os
import random
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, CursorResult, Engine, Row, Select, delete, event, func, select
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import StoreError, UsageError
from orchestrator.events import Event, RunStarted
from orchestrator.state import RunStatus
from orchestrator.store import codec, highwater
from orchestrator.store.beside import Beside
from orchestrator.store.blobs import BLOBS, USES, reader, write_blobs
from orchestrator.store.faults import EventDamaged, explained
from orchestrator.store.follow import follow
from orchestrator.store.ids import run_id
from orchestrator.store.insert import event_columns, write_events
from orchestrator.store.lease import forget, owner_alive
from orchestrator.store.lenient import lenient, rows_of
from orchestrator.store.origin import origin_of
from orchestrator.store.rows import Head, RunRow, finite, head_of, run_row, text
from orchestrator.store.seen import take
from orchestrator.store.shapes import stored
from orchestrator.store.tables import (
    EventRow,
    InboxItem,
    Meta,
    Run,
    SeenRow,
    SpendingRow,
    TurnRow,
    table,
)
from orchestrator.store.tally import Tally
from orchestrator.store.verify import verify

if TYPE_CHECKING:
    import asyncio

    from orchestrator.store.rowlease import RowLease

RUNS, EVENTS = table(Run), table(EventRow)
_STORED = select(EVENTS.c.seq, EVENTS.c.at, EVENTS.c.kind, EVENTS.c.path, EVENTS.c.payload).order_by(
    EVENTS.c.seq
)
MARKS = ("imported:", "damaged:")
"""What is known of a run besides its record stands in `meta` under one of these and its id."""
STEP_KINDS = ("step.started", "step.finished", "step.skipped", "step.failed")
BENEATH = (".", "~", "@", "^", "#")
"""What stands between the path of an instance and the rest of one beneath it: a step or item, a pass, the answer
of one of several models, a merge, a sample."""
LITTLE = 256
"""KiB of its file that a connection of who reads a record once keeps; SQLite's own measure is 2000."""
PAGE = 1000
"""Events read at a time: no read transaction lives longer than one page."""


class Store:
    """One database of runs. `place` is the folder of a SQLite store, None for a server; `where` names it to a person."""

    def __init__(self, engine: Engine, where: str, *, place: Path | None, name: str) -> None:
        self.engine = engine
        self.where = where
        self.place = place
        self.name = name
        self.leases: dict[str, RowLease] = {}
        """Those that this process took through it, by run, where the store is a server."""
        self.marked: set[str] = set()
        """Runs of which this process writes down how far they came (`highwater.py`)."""
        self._file = self._identity()
        self._beside = _watched(engine, place, name)
        self._durable = engine.execution_options(begin="IMMEDIATE", synchronous="FULL")
        self._quick = engine.execution_options(begin="IMMEDIATE", synchronous="NORMAL")

    def close(self) -> None:
        self.engine.dispose()
        if self._beside is not None:
            self._beside.closed()
            highwater.clear(self, self.marked)

    def is_folded(self) -> bool:
        """Whether all that was written stands in its one file."""
        return self._beside is None or self._beside.is_empty()

    def reopen(self) -> None:
        """Read and write from now on what lies at its place: another store may have taken it."""
        self.engine.dispose()
        self._file = self._identity()

    def keep_little(self) -> None:
        """For who reads records from front to back, once: hold next to nothing of the file in memory."""
        if self.place is not None:
            event.listen(self.engine, "connect", _keep_little)
            self.engine.dispose()

    def check(self) -> None:
        """Raise StoreError when its file was deleted or replaced: whoever has it open would go on with what nobody sees."""
        if self._file is not None and self._identity() != self._file:
            raise StoreError(
                f"the run store {self.where} was deleted or replaced while it was open",
                hint="what was recorded in it is lost unless you have a copy; start the run anew",
            )
        if self._beside is not None and self._beside.is_gone():
            raise StoreError(
                f"{self._beside.log}, a part of the run store, was deleted or replaced while it was open",
                hint="what was written last is lost; see what is missing: orch verify --all",
            )

    def _identity(self) -> tuple[int, int] | None:
        """Of the SQLite file at its place; None when there is none, and of a server."""
        if self.place is None:
            return None
        try:
            found = os.stat(self.place / self.name)  # noqa: PTH116 - it is asked before each read and write
        except OSError:
            return None
        return found.st_dev, found.st_ino

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        self.check()
        with explained(self.where), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        """One transaction, on the disk when the block ends (unless `durable` is false); other writers wait."""
        self.check()
        engine = self._durable if durable else self._quick
        with explained(self.where), engine.begin() as connection:
            yield connection
        if self._beside is not None:
            self.check()  # written to a file that is no more, it is not on the disk
            self._beside.committed()

    # -- runs

    def fresh_id(self, at: float) -> str:
        """An id that no run has yet."""
        chance = random.SystemRandom()
        with self.reading() as connection:
            while True:
                wanted = run_id(at, chance)
                if connection.execute(select(RUNS.c.no).where(RUNS.c.id == wanted)).first() is None:
                    return wanted

    def create(
        self, run: str, started: RunStarted, taken: Mapping[str, Collection[str]] | None = None
    ) -> None:
        """Record a new run and its first event, durable on return. Raises StoreError when the id is taken.

        `taken` are digests of files it was given, for inputs that take only new ones (`seen.py`).
        """
        packed = codec.pack(started)
        tally = Tally()
        tally.add(started)
        values = {
            "id": run,
            "workflow": started.workflow,
            "file": started.file,
            "root": started.root,
            "revision": started.revision,
            "source": started.source,
            "started": started.at,
            "steps": started.steps,
            "origin": origin_of(started.options),
            "events": 1,
            "head": codec.link(codec.GENESIS, *packed[:4]),
            **tally.columns(),
        }
        with self.writing() as connection:
            try:
                no = inserted(connection.execute(RUNS.insert().values(**values)))
            except IntegrityError as error:
                raise StoreError(
                    f"there is a run {run} already", hint="start the run under another id"
                ) from error
            write_events(connection, [event_columns(no, 0, packed, values["head"])])
            write_blobs(connection, no, packed.blobs)
            take(connection, no, started.file, taken or {})

    def has(self, run: str) -> bool:
        """Whether there is a run of exactly this id."""
        with self.reading() as connection:
            return connection.execute(select(RUNS.c.no).where(RUNS.c.id == run)).first() is not None

    def run(self, run: str) -> RunRow:
        """The run of exactly this id. Raises StoreError when there is none."""
        with self.reading() as connection:
            rows = rows_of(connection, select(RUNS).where(RUNS.c.id == run))
        if not rows:
            raise self._unknown(run)
        return self._run_row(rows[0])

    def runs(
        self, *, status: RunStatus | None = None, workflow: str | None = None, limit: int | None = None
    ) -> list[RunRow]:
        """The newest first. `status` is compared after dead owners were found out."""
        query = select(RUNS).order_by(RUNS.c.started.desc(), RUNS.c.no.desc())
        if workflow is not None:
            query = query.where(RUNS.c.workflow == workflow)
        if status is None and limit is not None:
            query = query.limit(limit)
        elif status is not None:
            query = query.where(RUNS.c.status.in_([status, "running"]))
        with self.reading() as connection:
            rows = [self._run_row(row) for row in rows_of(connection, query)]
        return [row for row in rows if status in (None, row.status)][:limit]

    def lengths(self) -> dict[str, int]:
        """The length of every run's log, the newest run first: tells a list of runs which rows to read again."""
        query = select(RUNS.c.id, RUNS.c.events).order_by(RUNS.c.started.desc(), RUNS.c.no.desc())
        with self.reading() as connection:
            return {row.id: finite(row.events) for row in connection.execute(query)}

    def find(self, prefix: str) -> str:
        """The id of the run a person means: an id, the start or the end of one, or `last`. Raises UsageError."""
        with self.reading() as connection:
            ids: list[str] = list(
                connection.execute(
                    select(RUNS.c.id).order_by(RUNS.c.started.desc(), RUNS.c.no.desc())
                ).scalars()
            )
        if not ids:
            raise UsageError(f"there is no run yet in {self.where}", hint="start one with `orch run`")
        if prefix == "last":
            return ids[0]
        if prefix in ids:
            return prefix
        matches = [run for run in ids if prefix and (run.startswith(prefix) or run.endswith("-" + prefix))]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise UsageError(
                f"'{prefix}' fits {len(matches)} runs", hint="say which: " + ", ".join(matches[:5])
            )
        raise self._unknown(prefix, ids)

    def delete(self, run: str) -> None:
        """Remove a run and what only it used. Raises StoreError when it is being executed."""
        if owner_alive(self, run):
            raise StoreError(f"run {run} is being executed", hint=f"end it first: orch cancel {run}")
        no = self.head(run).no
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":  # SQLite has one writer anyhow
                connection.exec_driver_sql("LOCK TABLE blob_uses IN SHARE ROW EXCLUSIVE MODE")
            for one in (EVENTS, USES, table(InboxItem), table(SpendingRow), table(TurnRow), table(SeenRow)):
                connection.execute(delete(one).where(one.c.run == no))
            used = select(USES.c.sha)
            connection.execute(delete(BLOBS).where(BLOBS.c.sha.not_in(used)))
            connection.execute(delete(RUNS).where(RUNS.c.no == no))
            meta = table(Meta)
            connection.execute(delete(meta).where(meta.c.key.in_([mark + run for mark in MARKS])))
        forget(self, run)
        highwater.forget(self, run)

    def head(self, run: str) -> Head:
        """Where the run's chain ends now. Raises StoreError when there is no such run."""
        with self.reading() as connection:
            rows = rows_of(connection, select(RUNS).where(RUNS.c.id == run))
        if not rows:
            raise self._unknown(run)
        return head_of(rows[0])

    # -- events

    def events(self, run: str, after: int = -1, *, kinds: Sequence[str] = ()) -> Iterator[tuple[int, Event]]:
        """Every event with its number, in order, from the one behind `after`; with `kinds` only those."""
        no = self.head(run).no
        while page := self.page(run, no, after, kinds=kinds):
            yield from page
            after = page[-1][0]

    def page(
        self, run: str, no: int, after: int, limit: int = PAGE, *, kinds: Sequence[str] = ()
    ) -> list[tuple[int, Event]]:
        """At most `limit` events behind `after`; `no` is the run's short key (`Head.no`)."""
        query = _STORED.where(EVENTS.c.run == no, EVENTS.c.seq > after).limit(limit)
        return self._read(run, query.where(EVENTS.c.kind.in_(stored(kinds))) if kinds else query)

    def span_events(self, run: str, path: str, first: int, last: int) -> list[tuple[int, Event]]:
        """The events of exactly this instance, numbers `first` to `last`, in order."""
        no = self.head(run).no
        mine = (EVENTS.c.run == no) & EVENTS.c.seq.between(first, last) & (EVENTS.c.path == path)
        return self._read(run, _STORED.where(mine))

    def inside(self, run: str, path: str, first: int, last: int, limit: int) -> list[tuple[int, Event]]:
        """How the instances beneath this one began and ended: at most `limit` events of the numbers
        `first` to `last`, in order. `report.values` puts the value of a container together from them."""
        no = self.head(run).no
        beneath = func.substr(EVENTS.c.path, 1, len(path) + 1).in_([path + sign for sign in BENEATH])
        mine = (EVENTS.c.run == no) & EVENTS.c.seq.between(first, last)
        steps = EVENTS.c.kind.in_(stored(STEP_KINDS))
        return self._read(run, _STORED.where(mine & steps & beneath).limit(limit))

    def of_kinds(self, run: str, kinds: Sequence[str], after: int = -1) -> list[tuple[int, Event]]:
        """The events of these kinds, in order, from the one behind `after`; for kinds of which a run has few."""
        no = self.head(run).no
        mine = (EVENTS.c.run == no) & (EVENTS.c.seq > after) & EVENTS.c.kind.in_(stored(kinds))
        return self._read(run, _STORED.where(mine))

    def event(self, run: str, seq: int) -> Event:
        """One event. Raises StoreError when the log has none of that number."""
        no = self.head(run).no
        found = self.page(run, no, seq - 1, 1)
        if not found or found[0][0] != seq:
            raise StoreError(
                f"run {run} has no event {seq}", hint=f"check its record: orch show {run} --verify"
            )
        return found[0][1]

    def follow(
        self, run: str, after: int = -1, *, poll: float = 0.1, stop: asyncio.Event | None = None
    ) -> AsyncIterator[list[tuple[int, Event]]]:
        """Events as they come, from any process; ends when nobody executes the run and all is read."""
        return follow(self, run, after, poll=poll, stop=stop)

    def verify(self, run: str) -> list[str]:
        """What is wrong with the record of a run, in sentences; empty when every byte is as it was written."""
        head = self.head(run)
        with self.reading() as connection, lenient(connection):
            return verify(connection, head)

    def _read(self, run: str, query: Select[Any]) -> list[tuple[int, Event]]:
        """The events of the rows of a query on `_STORED`; plain tuples, since there may be many."""
        events: list[tuple[int, Event]] = []
        seq = -1
        with self.reading() as connection:
            fetch = reader(connection)
            rows = rows_of(connection, query)
            try:
                for seq, at, kind, path, payload in rows:
                    if (
                        type(at) is not float or type(path) is not str
                    ):  # SQLite keeps whatever is written into a column
                        raise TypeError
                    events.append((seq, codec.unpack(at, kind, path, payload, fetch)))
            except (ValueError, TypeError, RecursionError) as error:
                raise EventDamaged(run, seq, events) from error
        return events

    def _run_row(self, row: Row[Any]) -> RunRow:
        status = text(row.status)
        if status == "running" and not owner_alive(self, row.id):
            self.check()  # its lock may be gone with the store
            status = "interrupted"
        return run_row(row, status)

    def _unknown(self, run: str, ids: Sequence[str] | None = None) -> UsageError:
        if ids is None:
            with self.reading() as connection:
                ids = list(connection.execute(select(RUNS.c.id)).scalars())
        if run in highwater.lost(self):
            hint = f"it was there: orch verify {run}"
            return UsageError(f"run {run} is missing in {self.where}", hint=hint)
        near = difflib.get_close_matches(run, ids, 1, 0.6)
        hint = f"did you mean {near[0]}?" if near else "list them with `orch runs`"
        return UsageError(f"there is no run '{run}' in {self.where}", hint=hint)


def inserted(result: CursorResult[Any]) -> int:
    """The key the database gave to the row just inserted."""
    key = result.inserted_primary_key
    assert key is not None
    return int(key[0])


def _watched(engine: Engine, place: Path | None, name: str) -> Beside | None:
    """What looks after the files beside it; None for a server."""
    if place is None:
        return None
    beside = Beside(place / name)
    event.listen(engine, "connect", beside.connected)
    event.listen(engine, "close", beside.disconnected)
    return beside


def _keep_little(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA cache_size=-{LITTLE}")
