"""The record of a run read once, from front to back: checked byte by byte, and handed out as events on the way.

An event is handed out when it and all before it continue the chain; whether the chain ends where the run's row says is
known at the end. Where anything is doubtful nothing more is handed out, and `verify` says what is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from orchestrator.errors import StoreError
from orchestrator.store import codec
from orchestrator.store.quarantine import noted, verified
from orchestrator.store.shapes import stored
from orchestrator.store.tables import Blob, EventRow, table
from orchestrator.store.verify import PAGE, damaged_values, holds

if TYPE_CHECKING:
    from orchestrator.events import Event
    from orchestrator.store.rows import Head
    from orchestrator.store.store import Store

EVENTS, BLOBS = table(EventRow), table(Blob)
_COLUMNS = ("seq", "at", "kind", "path", "payload", "hash")
_ROWS = select(*(EVENTS.c[name] for name in _COLUMNS)).order_by(EVENTS.c.seq).limit(PAGE)


class _Doubtful(Exception):
    """Something is not as it was written."""


class Reading:
    """Gives the events of a run, all of them or those of `kinds`, with their numbers.

    `problems` says afterwards what is wrong with the record; what was handed out is to be believed only when it is empty.
    The run is marked as damaged, or not any more.
    """

    def __init__(self, store: Store, run: str, kinds: Collection[str] = ()) -> None:
        self.problems: list[str] = []
        self._store = store
        self._run = run
        self._kinds = frozenset(stored(list(kinds)))
        self._values: set[str] = set()
        """Large values of events that are not handed out."""

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        try:
            yield from self._events(self._store.head(self._run))
        except _Doubtful as doubt:
            self.problems = verified(self._store, self._run)
            if not self.problems:
                hint = f"check its record: orch verify {self._run}"
                raise StoreError(f"{doubt} of run {self._run} is damaged", hint=hint) from doubt.__cause__
        else:
            self.problems = noted(self._store, self._run, [])

    def _events(self, head: Head) -> Iterator[tuple[int, Event]]:
        previous, expected = codec.GENESIS, 0
        while expected < head.count:
            with self._store.reading() as connection:
                rows = self._page(connection, head, expected)
                events = list(self._checked(connection, rows, previous, expected))
            yield from events
            expected += len(rows)
            previous = rows[-1][-1]
        if previous != head.hash:
            raise _Doubtful("the end")
        with self._store.reading() as connection:
            if damaged_values(connection, self._values):
                raise _Doubtful("a large value")

    def _page(self, connection: Connection, head: Head, start: int) -> Sequence[Sequence[Any]]:
        mine = (EVENTS.c.run == head.no) & (EVENTS.c.seq >= start) & (EVENTS.c.seq < head.count)
        rows = connection.execute(_ROWS.where(mine)).all()
        if not rows:
            raise _Doubtful("the end")
        return rows

    def _checked(
        self, connection: Connection, rows: Sequence[Sequence[Any]], previous: bytes, expected: int
    ) -> Iterator[tuple[int, Event]]:
        kinds, unpack = self._kinds, codec.unpack

        def fetch(sha: str) -> str:
            return _large(connection, sha)

        for seq, at, kind, path, payload, digest in rows:
            if seq != expected or not holds(previous, at, kind, path, payload, digest):
                raise _Doubtful(f"event {expected}")
            previous = digest
            expected += 1
            if kinds and kind not in kinds:
                self._values.update(codec.blob_marks(payload))
                continue
            try:
                yield seq, unpack(at, kind, path, payload, fetch)
            except (ValueError, TypeError, RecursionError) as error:
                raise _Doubtful(f"event {seq}") from error


def _large(connection: Connection, sha: str) -> str:
    text = connection.execute(select(BLOBS.c.text).where(BLOBS.c.sha == bytes.fromhex(sha))).scalar()
    if not isinstance(text, str) or hashlib.sha256(text.encode()).hexdigest() != sha:
        raise _Doubtful(f"the large value {sha[:12]}")
    return text


__all__ = ["Reading"]
