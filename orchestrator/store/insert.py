"""Rows of events into their table, on SQLite without SQLAlchemy's work per row, which is more than SQLite's own."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from orchestrator.store.tables import EventRow, table

if TYPE_CHECKING:
    from orchestrator.store.codec import Packed

EVENTS = table(EventRow)
AT_ONCE = 100
"""Rows in one statement: the driver asks for the interpreter's lock anew after each."""
_NAMES = tuple(EVENTS.c.keys())
_WIDTH = len(_NAMES)
_INSERT = "INSERT INTO events (run, seq, at, kind, path, payload, hash) VALUES (?, ?, ?, ?, ?, ?, ?)"
_INSERT_MANY = _INSERT + ", (?, ?, ?, ?, ?, ?, ?)" * (AT_ONCE - 1)

Columns = tuple[int, int, float, str, str, str, bytes]
"""A row of the events table, in the order of its columns."""

Flat = Sequence[Any]
"""At most `AT_ONCE` rows as one list: the columns of the first in their order, those of the second, and so on."""


def insert(connection: Connection, groups: Sequence[Flat]) -> None:
    if connection.dialect.name != "sqlite":
        rows = [row for flat in groups for row in _split(flat)]
        connection.execute(EVENTS.insert(), [dict(zip(_NAMES, row, strict=True)) for row in rows])
        return
    cursor = connection.connection.cursor()
    for flat in groups:
        if len(flat) == AT_ONCE * _WIDTH:
            cursor.execute(_INSERT_MANY, flat)
        else:
            cursor.executemany(_INSERT, _split(flat))
    cursor.close()


def event_columns(no: int, seq: int, packed: Packed, head: bytes) -> Columns:
    at, kind, path, payload, _ = packed
    return no, seq, at, kind, path, payload, head


def write_events(connection: Connection, rows: Sequence[Columns]) -> None:
    groups = (rows[start : start + AT_ONCE] for start in range(0, len(rows), AT_ONCE))
    insert(connection, [[*chain.from_iterable(group)] for group in groups])


def _split(flat: Flat) -> list[Flat]:
    return [flat[start : start + _WIDTH] for start in range(0, len(flat), _WIDTH)]
