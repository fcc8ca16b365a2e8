"""A SQLite database as it lies on the disk, opened to be read only. Speaks SQLite's SQL, not DuckDB's.

DuckDB would need an extension for such files, which it would have to download. SQLite itself asks before every
action of a statement: everything but reading is denied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.tools.database.inside.base import (
    COLUMNS,
    FEW,
    SAMPLE,
    TABLES,
    Column,
    LoadError,
    described,
    frequent,
)
from orchestrator.tools.database.inside.plain import collect, distinct, failed, plain
from orchestrator.tools.database.inside.words import explained, quoted

ALLOWED = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
FORBIDDEN = frozenset({"load_extension", "readfile", "writefile", "edit", "fts3_tokenizer"})
WORDS = (
    "all alter and as autoincrement between case check collate commit constraint create cross default deferrable "
    "delete desc asc distinct drop else escape except exists foreign from full group having if in index inner insert "
    "intersect into is isnull join left limit natural not notnull null on or order outer primary references right "
    "select set table then to transaction union unique update using values when where"
)
RESERVED = frozenset(WORDS.split())
BUSY = 2.0
"""Seconds to wait for a program that is writing."""
LONGEST = 64 << 20
"""Bytes of one value."""
NUMBERS = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC", "DATE", "TIME")


class Lite:
    """One database file."""

    def __init__(self, path: str, shown: str) -> None:
        self._base = _opened(path, shown)
        self._tables = self._read_tables(shown)
        self._reserved = RESERVED

    @classmethod
    def opened(cls, order: Mapping[str, Any]) -> Lite:
        """The database of an order, locked. Raises LoadError."""
        lite = cls(order["database"]["path"], order["database"]["shown"])
        lite.lock()
        return lite

    def lock(self) -> None:
        """From here on statements can only read."""
        self._base.execute("PRAGMA temp_store = MEMORY")
        self._base.execute("PRAGMA trusted_schema = OFF")
        self._base.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, LONGEST)
        self._base.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        self._base.set_authorizer(_allow)

    def query(self, sql: str, limit: int, size: int) -> dict[str, Any]:
        try:
            cursor = self._base.execute(sql)
            if cursor.description is None:
                return failed("there is no query")
            return collect([column[0] for column in cursor.description], cursor.fetchmany, limit, size)
        except MemoryError:
            return failed("the query needs too much memory; filter earlier, join on a column, or aggregate")
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            return failed(self._explained(error))

    def explain(self, sql: str) -> dict[str, Any]:
        """Columns have no types: SQLite knows them only row by row."""
        try:
            whole = f"SELECT * FROM (\n{sql.strip().rstrip(';')}\n) LIMIT 0"  # noqa: S608 - it is only read
            cursor = self._base.execute(whole)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            return {"valid": False, "columns": [], "error": self._explained(error)}
        names = distinct(column[0] for column in cursor.description or ())
        return {"valid": True, "columns": [{"name": name, "type": ""} for name in names]}

    def schema(self) -> list[dict[str, Any]]:
        return [self._described(name) for name in list(self._tables)[:TABLES]]

    def _read_tables(self, shown: str) -> dict[str, list[tuple[str, str]]]:
        try:
            found = self._base.execute(
                "SELECT name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY name"
            ).fetchall()
            return {
                name: [
                    (row[1], row[2] or "")
                    for row in self._base.execute(f"PRAGMA table_info({_always(name)})")
                ]
                for (name,) in found
            }
        except sqlite3.Error as error:
            raise LoadError(f"{shown} cannot be read: {error}") from None

    def _explained(self, error: Exception) -> str:
        columns = [name for table in self._tables.values() for name, _ in table]
        text = str(error)
        if "not authorized" in text or "readonly" in text or "prohibited" in text:
            return "only queries can be run (SELECT …, or WITH … SELECT …); nothing can be changed"
        if "one statement at a time" in text:
            return "there are several statements; write one query"
        return explained(text, columns, list(self._tables), self._reserved)

    def _described(self, table: str) -> dict[str, Any]:
        columns = self._tables[table]
        seen = [Column(name, kind, self._examples(table, name, kind)) for name, kind in columns[:COLUMNS]]
        names = [quoted(one.name, self._reserved) for one in seen]
        found = self._try(f"SELECT count(*) FROM {_always(table)}")  # noqa: S608
        rows = found[0][0] if found else None
        return described(quoted(table, self._reserved), seen, rows, names, len(columns) - len(seen))

    def _examples(self, table: str, name: str, kind: str) -> list[Any]:
        column, source = _always(name), _always(table)
        if any(word in kind.upper() for word in NUMBERS):
            found = self._try(f"SELECT min({column}), max({column}) FROM {source}")  # noqa: S608
            ends = [plain(one) for one in (found[0] if found else ())]
            return [one for one in dict.fromkeys(ends) if one is not None]
        some = f"(SELECT {column} AS one FROM {source} LIMIT {SAMPLE})"  # noqa: S608
        many = self._try(
            f"SELECT one FROM {some} WHERE one IS NOT NULL GROUP BY one ORDER BY count(*) DESC, one LIMIT {FEW + 1}"  # noqa: S608
        )
        return frequent([plain(one) for (one,) in many])

    def _try(self, sql: str) -> list[Any]:
        """Rows, or none where a view or a value is broken: that is no reason to hide the other tables."""
        try:
            return self._base.execute(sql).fetchall()
        except sqlite3.Error:
            return []


def _opened(path: str, shown: str) -> sqlite3.Connection:
    """A log beside the database can be read where it exists; without one the file alone is the database."""
    logged = any(Path(path + end).exists() for end in ("-wal", "-journal"))
    options = "mode=ro" if logged else "mode=ro&immutable=1"
    try:
        base = sqlite3.connect(f"{Path(path).as_uri()}?{options}", uri=True, timeout=BUSY)
        base.text_factory = lambda raw: raw.decode("utf-8", "replace")
        base.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise LoadError(f"{shown} cannot be read as a SQLite database: {error}") from None
    return base


def _allow(action: int, *about: str | None) -> int:
    """For a function the second thing it is about is its name."""
    if action == sqlite3.SQLITE_FUNCTION and (about[1] or "").lower() in FORBIDDEN:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in ALLOWED else sqlite3.SQLITE_DENY


def _always(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
