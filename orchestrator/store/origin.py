"""Which run another one came out of: what its first event says, kept in its row for lists. Knows no other row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, text

from orchestrator.errors import StoreError
from orchestrator.events import RunStarted
from orchestrator.store import codec

_FIRST = (
    "SELECT runs.no, events.kind, events.payload FROM runs CROSS JOIN events WHERE events.run = runs.no "
    "AND events.seq = 0 AND events.kind IN ('R', 'run.started') AND events.payload LIKE :forked"
)
_FIRST_OF_A_FILE = _FIRST.replace("kind, events.payload", "kind, CAST(events.payload AS BLOB)")
"""On SQLite bytes: a text that is damaged cannot even be read as one."""


def origin_of(options: Mapping[str, Any]) -> str:
    """The run of which the one with these options took something over; empty for one that began by itself."""
    match options.get("forked"):
        case {"run": str(run)}:
            return run
    return ""


def add_origin(connection: Connection) -> None:
    """The column, filled for the runs that are there already. A first event that is damaged tells nothing."""
    connection.execute(text("ALTER TABLE runs ADD COLUMN origin VARCHAR NOT NULL DEFAULT ''"))
    server = connection.dialect.name == "postgresql"
    rows = connection.execute(text(_FIRST if server else _FIRST_OF_A_FILE), {"forked": '%"forked"%'}).all()
    found = [{"no": no, "origin": _told(connection, *row)} for no, *row in rows]
    if known := [one for one in found if one["origin"]]:
        connection.execute(text("UPDATE runs SET origin = :origin WHERE no = :no"), known)


def _told(connection: Connection, kind: str, payload: str | bytes) -> str:
    def fetch(sha: str) -> str:
        large = text("SELECT text FROM blobs WHERE sha = :sha")
        return str(connection.execute(large, {"sha": bytes.fromhex(sha)}).scalar_one_or_none() or "null")

    try:
        said = payload if isinstance(payload, str) else payload.decode()
        event = codec.unpack(0.0, kind, "", said, fetch)
    except (ValueError, TypeError, RecursionError, StoreError):
        return ""
    return origin_of(event.options) if isinstance(event, RunStarted) else ""
