"""Reading texts of SQLite that damage made undecodable: what is wrong with one row must not hide all others."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Select
from sqlalchemy.exc import OperationalError


def rows_of(connection: Connection, query: Select[Any]) -> Sequence[Any]:
    """The rows of a query. A text that is none any more comes with signs in it that say so."""
    try:
        return connection.execute(query).all()
    except (OperationalError, UnicodeDecodeError) as error:
        if isinstance(error, OperationalError) and "Could not decode" not in str(error.orig):
            raise
    with lenient(connection):
        return connection.execute(query).all()


@contextmanager
def lenient(connection: Connection) -> Iterator[None]:
    """Within it every text can be read. Costs a call for each: for what is read seldom, or after it failed."""
    raw = connection.connection.driver_connection
    if not isinstance(raw, sqlite3.Connection):
        yield
        return
    before, raw.text_factory = raw.text_factory, _text
    try:
        yield
    finally:
        raw.text_factory = before


def _text(found: bytes) -> str:
    return found.decode(errors="replace")
