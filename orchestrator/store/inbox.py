"""What other processes ask of the owner of a run: approve, reject, cancel. Rows that the owner turns into events.

The owner takes them in order and hands their ids to `StoreJournal.append(event, consumed=…)`: the event and the mark
are one transaction, so each is acted on exactly once, whatever crashes.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, select

from orchestrator.errors import StoreError
from orchestrator.store.lenient import rows_of
from orchestrator.store.rows import InboxRow
from orchestrator.store.store import inserted
from orchestrator.store.tables import InboxItem, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

INBOX = table(InboxItem)
DAMAGED = "damaged"
"""The kind of a message that nobody can read any more: it asks for nothing, and stands in no other's way."""


def post(store: Store, run: str, kind: str, payload: Mapping[str, Any]) -> int:
    """Leave a message for the owner of a run, now or later; durable on return. Returns its id."""
    try:
        text = json.dumps(dict(payload), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise StoreError(f"this cannot be sent to run {run}: {error}") from error
    no = store.head(run).no
    with store.writing() as connection:
        values = {"run": no, "at": time.time(), "kind": kind, "payload": text}
        return inserted(connection.execute(INBOX.insert().values(**values)))


def take(store: Store, run: str) -> list[InboxRow]:
    """What is not done yet, oldest first."""
    no = store.head(run).no
    with store.reading() as connection:
        query = select(INBOX).where(INBOX.c.run == no, INBOX.c.done.is_(None)).order_by(INBOX.c.id)
        return [_message(row) for row in rows_of(connection, query)]


def posted(store: Store, run: str, since: float) -> list[InboxRow]:
    """Everything that was asked from a moment on (wall-clock seconds), done or not, oldest first."""
    no = store.head(run).no
    with store.reading() as connection:
        query = select(INBOX).where(INBOX.c.run == no, INBOX.c.at >= since).order_by(INBOX.c.id)
        return [_message(row) for row in rows_of(connection, query)]


def _message(row: Row[Any]) -> InboxRow:
    try:
        payload = json.loads(row.payload)
    except (ValueError, TypeError, RecursionError):
        payload = None
    dated = type(row.at) is float and math.isfinite(row.at)
    if dated and isinstance(payload, dict):
        return InboxRow(row.id, row.at, row.kind, payload)
    return InboxRow(row.id, row.at if dated else 0.0, DAMAGED, {})


def done(store: Store, ids: Sequence[int]) -> None:
    """Mark messages that need no event as acted on."""
    with store.writing() as connection:
        mark_done(connection, ids, time.time())


def mark_done(connection: Connection, ids: Sequence[int], at: float) -> None:
    """Mark them inside a transaction at hand."""
    if ids:
        connection.execute(INBOX.update().where(INBOX.c.id.in_(list(ids))).values(done=at))
