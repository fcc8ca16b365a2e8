"""Finished answers by content key, in the store, bounded in size: what was not used for longest goes first.

A cache is a convenience: a fault of the database makes it forget, never fail a run.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, bindparam, func, select

from orchestrator.errors import StoreError
from orchestrator.store.lookup import Lookup
from orchestrator.store.tables import CacheEntry, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

CACHE = table(CacheEntry)
LIMIT = 256_000_000
"""Characters of JSON that all answers together may take."""

LINGER = 0.5
"""Seconds an answer waits for company: each commit writes a page of the index for nearly each of its answers, and other
processes find an answer so much later."""

MANY = 1000
"""Uses that are noted down together."""

ALL_AT_ONCE = 5000
"""Answers that do not wait any longer."""

LARGEST = 8_000_000
"""Characters of one entry that are read: a database that others write may hold anything."""

_PUT = (
    "INSERT INTO cache (key, value, size, used) VALUES (?, ?, ?, ?) ON CONFLICT (key)"
    " DO UPDATE SET value = excluded.value, size = excluded.size, used = excluded.used"
)
_TOUCH = "UPDATE cache SET used = ? WHERE key = ?"

_SLACK = 0.9
"""An eviction makes room for a while, not for one entry."""


class StoreCache:
    """Safe to share between processes. `put` returns at once; a thread writes."""

    def __init__(self, store: Store, *, limit: int = LIMIT) -> None:
        self._store = store
        self._limit = limit
        self._pending: dict[str, str] = {}
        self._used: dict[str, float] = {}
        self._lock = threading.Lock()
        self._room = -1
        """Characters that may surely be written before all are counted."""
        self._lookup = Lookup(store, CACHE.c.key, CACHE.c.value, LARGEST)
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="cache")
        self._writing: Future[None] | None = None
        self._hurry = threading.Event()
        self.fault: StoreError | None = None

    def get(self, key: str) -> Any | None:
        """The value put under this key, None when there is none (any more) or it cannot be read."""
        text = self._pending.get(key)
        if text is None:
            text = self._read(key)
        if text is None:
            return None
        with self._lock:
            self._used[key] = time.time()
            if len(self._used) >= MANY:
                self._soon()
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None  # of a database that others write

    def put(self, key: str, value: Any) -> None:
        """Remember a value. Raises StoreError for one that JSON cannot hold."""
        try:
            text = json.dumps(value, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise StoreError(f"an answer cannot be cached: {error}") from error
        with self._lock:
            self._pending[key] = text
            self._soon()
            if len(self._pending) >= ALL_AT_ONCE:
                self._hurry.set()

    def close(self) -> None:
        """Write what waits. The cache must not be used afterwards."""
        self._hurry.set()
        self._writer.shutdown(wait=True)
        if self._used or self._pending:
            self._write()
        self._lookup.close()

    def _soon(self) -> None:
        if self._writing is None:
            self._writing = self._writer.submit(self._write_later)

    def _read(self, key: str) -> str | None:
        try:
            found = self._lookup.find(key)
        except StoreError as error:
            self.fault = error
            return None
        return str(found) if found is not None else None

    def _write_later(self) -> None:
        self._hurry.wait(LINGER)
        self._hurry.clear()
        self._write()

    def _write(self) -> None:
        with self._lock:
            entries, used = dict(self._pending), self._used
            self._used = {}
            self._writing = None
        try:
            with self._store.writing(durable=False) as connection:
                _upsert(connection, entries)
                _touch(connection, used)
                self._evict(connection, sum(map(len, entries.values())))
        except StoreError as error:
            self.fault = error
        with self._lock:
            for key, text in entries.items():
                if self._pending.get(key) is text:
                    del self._pending[key]

    def _evict(self, connection: Connection, added: int) -> None:
        self._room -= added
        if self._room < 0:
            self._room = self._limit - _at_most(connection, self._limit)
        if self._room < 0:
            self._room += _drop_oldest(connection, -self._room + int(self._limit * (1 - _SLACK)))


def _upsert(connection: Connection, entries: Mapping[str, str]) -> None:
    """Write the answers, in the order of the index: neighbours share a page."""
    now = time.time()
    rows = [(key, text, len(text), now) for key, text in sorted(entries.items())]
    if rows and _in_file(connection):
        connection.connection.cursor().executemany(_PUT, rows)
    elif rows:
        old = [{"old": key} for key in entries]
        connection.execute(CACHE.delete().where(CACHE.c.key == bindparam("old")), old)
        connection.execute(CACHE.insert(), [dict(zip(CACHE.c.keys(), row, strict=True)) for row in rows])


def _touch(connection: Connection, used: Mapping[str, float]) -> None:
    if used and _in_file(connection):
        connection.connection.cursor().executemany(_TOUCH, [(at, key) for key, at in used.items()])
    elif used:
        update = CACHE.update().where(CACHE.c.key == bindparam("hit")).values(used=bindparam("at"))
        connection.execute(update, [{"hit": key, "at": at} for key, at in used.items()])


def _in_file(connection: Connection) -> bool:
    """Whether the driver can be asked directly, without SQLAlchemy's work per row."""
    return connection.dialect.name == "sqlite"


def _at_most(connection: Connection, limit: int) -> int:
    """No more characters than these are there. To count them is to read all of the table: not where the whole file is small."""
    if _in_file(connection):
        pages, size = (
            int(connection.exec_driver_sql(f"PRAGMA {what}").scalar_one())
            for what in ("page_count", "page_size")
        )
        if pages * size <= limit:
            return pages * size
    return _size(connection)


def _size(connection: Connection) -> int:
    return int(connection.execute(select(func.coalesce(func.sum(CACHE.c.size), 0))).scalar_one())


def _drop_oldest(connection: Connection, excess: int) -> int:
    """Delete entries by last use until `excess` characters are gone; returns how many went."""
    freed, doomed = 0, []
    for key, size in connection.execute(select(CACHE.c.key, CACHE.c.size).order_by(CACHE.c.used)):
        if freed >= excess:
            break
        freed += size
        doomed.append({"old": key})
    if doomed:
        connection.execute(CACHE.delete().where(CACHE.c.key == bindparam("old")), doomed)
    return freed
