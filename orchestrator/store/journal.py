"""Where the engine's events go: a writer thread that commits them in groups.

`append` puts the event into a queue and returns; encoding, hashing and writing happen on the thread, so **nobody may
change a value after it was put into an appended event**. `flush` returns when all is on the disk. After a fault
(disk full, damaged file, another writer) nothing more is written: every later append and flush raises it.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam

from orchestrator.errors import StoreError
from orchestrator.store import codec
from orchestrator.store.blobs import write_blobs
from orchestrator.store.doubt import came_through
from orchestrator.store.highwater import Marker
from orchestrator.store.inbox import mark_done
from orchestrator.store.insert import AT_ONCE, Flat, insert
from orchestrator.store.store import RUNS
from orchestrator.store.tally import Tally

if TYPE_CHECKING:
    from orchestrator.events import Event
    from orchestrator.store.store import Store

OnCommit = Callable[[Sequence[tuple[int, "Event"]]], None]
_Waiter = tuple[int, asyncio.AbstractEventLoop, "asyncio.Future[None]"]
"""Up to which number, on which loop, and who is told."""

LINGER = 0.02
"""Seconds an event may wait for company when nobody waits for the disk."""

GROUP = 1000
"""Most events in one commit; a queue this long is written at once."""

LIMIT = 8 * GROUP
"""Events that may wait; beyond it `append` blocks until the writer has caught up, so that memory stays flat."""


_ADVANCE = (
    RUNS.update()
    .where(RUNS.c.no == bindparam("run_no"), RUNS.c.events == bindparam("run_events"))
    .values({name: bindparam(name) for name in ("events", "head", *Tally().columns())})
)
"""Made once: to put the statement together takes longer than to carry it out."""


class StoreJournal:
    """The journal of one run, whose lease the caller holds. One thread appends.

    `on_commit` gets what is durable, in order: on the event loop that is running when the journal is made, else on
    the writer thread.
    """

    def __init__(self, store: Store, run: str, on_commit: OnCommit | None = None) -> None:
        head = store.head(run)
        self._store = store
        self._run = run
        self._no = head.no
        self._seq = head.count
        self._hash = head.hash
        self._tally = Tally(
            head.status,
            head.ended,
            head.finished,
            head.failed,
            head.prompt_tokens,
            head.completion_tokens,
            head.local_calls,
            head.cloud_calls,
            head.cost,
        )
        self._marker = Marker(store, run)
        self._marker.reached(head.count, head.hash)
        self._queue: deque[Event] = deque()
        self._consumed: dict[int, Sequence[int]] = {}
        self._appended = head.count
        self._waiters: list[_Waiter] = []
        self._lock = threading.Lock()
        self._room = threading.Condition()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        self._closing = False
        self._error: StoreError | None = None
        self._on_commit = on_commit
        self._loop = _running_loop()
        self._thread = threading.Thread(target=self._work, name=f"journal {run}", daemon=True)
        self._thread.start()

    def append(self, event: Event, consumed: Sequence[int] = ()) -> None:
        """Take an event in. `consumed` are inbox ids it answers, marked done in the same transaction."""
        if self._error is not None or self._closing:
            raise self._error or StoreError(f"the journal of run {self._run} is closed")
        if consumed:
            self._consumed[self._appended] = consumed
        queue = self._queue
        queue.append(event)
        self._appended += 1
        waiting = len(queue)
        if waiting == 1:  # else the writer was told already, and empties the queue before it sleeps again
            self._wake.set()
        elif waiting == GROUP:
            self._urgent.set()
        elif waiting >= LIMIT:
            self._wait_for_room()

    @property
    def last(self) -> int:
        """The number of the event appended last."""
        return self._appended - 1

    async def flush(self) -> None:
        """Return when everything appended so far is durable. Raises StoreError when it cannot become so."""
        loop = asyncio.get_running_loop()
        with self._lock:
            if self._error is not None:
                raise self._error
            if self._seq >= self._appended:
                return
            future: asyncio.Future[None] = loop.create_future()
            self._waiters.append((self._appended, loop, future))
        self._urgent.set()
        await future

    def close(self) -> None:
        """Write what waits and end the thread. Raises StoreError when something appended could not be written."""
        self._closing = True
        self._urgent.set()
        self._wake.set()
        self._thread.join()
        self._marker.close()
        if self._error is not None:
            raise self._error

    def _wait_for_room(self) -> None:
        with self._room:
            self._room.wait_for(lambda: len(self._queue) < LIMIT // 2 or self._error is not None)

    # -- on the writer thread

    def _work(self) -> None:
        whole = False
        try:
            while self._error is None and not (self._closing and not self._queue):
                self._wake.wait()
                self._urgent.wait(LINGER)
                self._wake.clear()
                self._urgent.clear()
                while self._queue and self._error is None:
                    self._commit([self._queue.popleft() for _ in range(min(GROUP, len(self._queue)))])
            whole = True
        finally:  # a defect must not leave anybody waiting for a thread that is no more
            if not whole:
                self._settle(self._seq, self._broken(sys.exception()))

    def _broken(self, why: BaseException | None) -> StoreError:
        said = f"the journal of run {self._run} broke off ({type(why).__name__}: {why})"
        error = StoreError(said, hint=f"what was committed is kept; go on with: orch resume {self._run}")
        error.__cause__ = why
        return error

    def _commit(self, group: list[Event]) -> None:
        flats, count, blobs, fault = self._pack(group)
        done = self._answered(self._seq + count) if self._consumed else []
        try:
            if count:
                self._write(flats, count, blobs, done)
        except StoreError as error:
            if not came_through(self._store, self._run, self._seq + count, self._hash):
                self._settle(self._seq, error)
                return
        first = self._seq
        if count:
            self._marker.reached(first + count, self._hash)
        self._announce(first, group[:count])
        self._settle(first + count, fault)

    def _answered(self, end: int) -> list[int]:
        """The messages that the events before this number consume."""
        numbers = [number for number in list(self._consumed) if number < end]
        return [item for number in numbers for item in self._consumed.pop(number)]

    def _pack(self, group: list[Event]) -> tuple[list[Flat], int, dict[bytes, str], StoreError | None]:
        """Rows up to the first event that cannot be recorded, how many they are, and why that one cannot."""
        flats: list[Flat] = []
        blobs: dict[bytes, str] = {}
        count = 0
        for start in range(0, len(group), AT_ONCE):
            some = group[start : start + AT_ONCE]
            rows, fault = codec.pack_all(some)
            flats.append(self._linked(rows, self._seq + count, blobs))
            count += len(rows)
            self._tally.add_all(some[: len(rows)])
            if fault is not None:
                return flats, count, blobs, fault
        return flats, count, blobs, None

    def _linked(self, rows: list[codec.Row], first: int, blobs: dict[bytes, str]) -> Flat:
        """The columns of rows that continue the chain."""
        no, seq, links = self._no, first, codec.links(self._hash, rows)
        flat: list[Any] = []
        for (at, kind, path, payload, large), head in zip(rows, links, strict=True):
            flat += (no, seq, at, kind, path, payload, head)
            seq += 1
            if large:
                blobs.update(large)
        self._hash = links[-1] if links else self._hash
        return flat

    def _write(self, flats: Sequence[Flat], count: int, blobs: dict[bytes, str], done: Sequence[int]) -> None:
        values = {"events": self._seq + count, "head": self._hash, **self._tally.columns()}
        values |= {"run_no": self._no, "run_events": self._seq}
        with self._store.writing() as connection:
            # the count is the fence: whoever lost the lease finds the chain longer than he left it
            if connection.execute(_ADVANCE, values).rowcount != 1:
                raise StoreError(
                    f"another process has written to run {self._run}",
                    hint=f"follow it with `orch logs {self._run} -f`",
                )
            insert(connection, flats)
            write_blobs(connection, self._no, blobs)
            mark_done(connection, done, time.time())

    def _announce(self, first: int, events: list[Event]) -> None:
        if self._on_commit is None or not events:
            return
        committed = list(enumerate(events, first))
        if self._loop is None:
            self._on_commit(committed)
        else:
            _call(self._loop, self._on_commit, committed)

    def _settle(self, reached: int, error: StoreError | None) -> None:
        """Tell those who wait for the disk or for room."""
        ready: list[_Waiter] = []
        with self._lock:
            self._seq = reached
            self._error = error
            waiters, self._waiters = self._waiters, []
            for waiter in waiters:
                (ready if error is not None or waiter[0] <= reached else self._waiters).append(waiter)
        for target, loop, future in ready:
            _call(loop, _resolve, future, error if target > reached else None)
        with self._room:
            self._room.notify_all()


def _call(loop: asyncio.AbstractEventLoop, function: Callable[..., None], *arguments: Any) -> None:
    """On the loop's thread, unless the loop has ended: then nobody waits any more."""
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(function, *arguments)


def _resolve(future: asyncio.Future[None], error: StoreError | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
