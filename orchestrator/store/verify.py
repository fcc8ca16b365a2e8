"""Checking the record of a run byte by byte: the chain of hashes, the numbers, the large values."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from orchestrator.store import codec
from orchestrator.store.rows import Head
from orchestrator.store.shapes import kind_of
from orchestrator.store.tables import Blob, EventRow, table

EVENTS, BLOBS = table(EventRow), table(Blob)
PAGE = 1000


def verify(connection: Connection, head: Head) -> list[str]:
    """What is wrong with the record of a run that should end at `head`, in sentences."""
    problems: list[str] = []
    previous, expected = codec.GENESIS, 0
    blobs: set[str] = set()
    while expected < head.count:
        rows = _page(connection, head, expected)
        if not rows:
            problems.append(f"the end is missing: {head.count} events were written, {expected} are there")
            return problems + damaged_values(connection, blobs)
        for row in rows:
            if row.seq != expected:
                problems.append(f"events {expected} to {row.seq - 1} are missing")
            if holds(previous, row.at, row.kind, row.path, row.payload, row.hash):
                blobs.update(codec.blob_marks(row.payload))
            else:
                problems.append(f"event {row.seq} ({_name(row)}) is not what was written")
            previous = row.hash if isinstance(row.hash, bytes) else codec.GENESIS
            expected = row.seq + 1
    if previous != head.hash:
        problems.append("the last event is not the one the run's row names")
    return problems + damaged_values(connection, blobs)


def file_problem(connection: Connection) -> str:
    """What SQLite finds wrong with its file first of all, or nothing."""
    found = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())
    return "" if found == "ok" else found.replace("\n", " ")


def _page(connection: Connection, head: Head, start: int) -> Sequence[Row[Any]]:
    mine = (EVENTS.c.run == head.no) & (EVENTS.c.seq >= start) & (EVENTS.c.seq < head.count)
    return connection.execute(select(EVENTS).where(mine).order_by(EVENTS.c.seq).limit(PAGE)).all()


def _name(row: Row[Any]) -> str:
    return f"{kind_of(row.kind)} {row.path}".strip()


def holds(previous: bytes, at: Any, kind: Any, path: Any, payload: Any, found: Any) -> bool:
    """Whether a row continues the chain; damage can change even the type of a column."""
    if type(at) is float and type(kind) is str and type(path) is str and type(payload) is str:
        return codec.holds(previous, at, kind, path, payload, found)
    return False


def damaged_values(connection: Connection, blobs: set[str]) -> list[str]:
    """What is wrong with these large values, by their digests, and with those that they hold."""
    problems = []
    todo, seen = list(blobs), set(blobs)
    while todo:
        sha = todo.pop()
        text = connection.execute(select(BLOBS.c.text).where(BLOBS.c.sha == bytes.fromhex(sha))).scalar()
        if not isinstance(text, str):
            problems.append(f"the large value {sha[:12]} is missing")
            continue
        if hashlib.sha256(text.encode()).hexdigest() != sha:
            problems.append(f"the large value {sha[:12]} is not what was written")
            continue
        inner = set(codec.blob_marks(text)) - seen
        seen |= inner
        todo += inner
    return problems
