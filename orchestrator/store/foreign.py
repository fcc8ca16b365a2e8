"""Runs that were made elsewhere and brought here as a file: marked for as long as they are here, looked at and no more."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from orchestrator.errors import UsageError
from orchestrator.store.tables import Meta, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

META = table(Meta)
PREFIX = "imported:"


def foreign(store: Store) -> dict[str, Mapping[str, Any]]:
    """The imported runs by their id here: `run` is their id there, `content` the digest of what was imported, `at` when."""
    query = select(META.c.key, META.c.value).where(META.c.key.like(PREFIX + "%"))
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return {str(key).removeprefix(PREFIX): json.loads(value) for key, value in rows}


def mark(connection: Connection, run: str, facts: Mapping[str, Any]) -> None:
    """Within the transaction that writes the run."""
    connection.execute(META.delete().where(META.c.key == PREFIX + run))
    connection.execute(META.insert().values(key=PREFIX + run, value=json.dumps(dict(facts))))


def refuse_foreign(store: Store, run: str) -> None:
    """Raise UsageError for an imported run: its file lies elsewhere, and what it says was not made here."""
    if run in foreign(store):
        raise UsageError(
            f"run {run} was imported: it can be looked at, and not gone on with",
            hint="go on with it where it was made, or start a new run",
        )
