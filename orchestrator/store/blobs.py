"""Large values: stored once under the sha256 of their JSON, with a note of every run that uses them. Knows no event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from sqlalchemy import Connection, Table, select
from sqlalchemy.dialects import sqlite

from orchestrator.store.lenient import rows_of
from orchestrator.store.tables import Blob, BlobUse, table

BLOBS, USES = table(Blob), table(BlobUse)


def write_blobs(connection: Connection, no: int, blobs: Mapping[bytes, str]) -> None:
    """Store what is not stored yet, and first that this run uses it: `delete` frees what nobody uses."""
    if blobs:
        _insert_new(connection, USES, [{"run": no, "sha": sha} for sha in blobs])
        _insert_new(connection, BLOBS, [{"sha": sha, "text": text} for sha, text in blobs.items()])


def reader(connection: Connection) -> Callable[[str], str]:
    """What gives the text of a value by its digest in hex, and raises ValueError where there is none."""

    def read(sha: str) -> str:
        found = rows_of(connection, select(BLOBS.c.text).where(BLOBS.c.sha == bytes.fromhex(sha)))
        text = found[0][0] if found else None
        if text is None:
            raise ValueError(f"the large value {sha[:12]} is missing")
        return cast("str", text)

    return read


def _insert_new(connection: Connection, into: Table, rows: list[dict[str, Any]]) -> None:
    """Insert the rows whose keys are not there yet; another process may insert the same ones now."""
    connection.execute(_insert(connection)(into).on_conflict_do_nothing(), rows)


def _insert(connection: Connection) -> Any:
    if connection.dialect.name == "sqlite":
        return sqlite.insert
    from sqlalchemy.dialects import postgresql  # 30 ms that a SQLite store does without

    return postgresql.insert


__all__ = ["BLOBS", "USES", "reader", "write_blobs"]
