"""DuckDB over files: loads them into memory, shuts every door, and answers queries. Trusts no query.

Loaded and not looked at in place: types are settled once for all rows, a file that changes meanwhile changes nothing,
and afterwards no query has a reason to open a file. With external access off and the configuration locked DuckDB
refuses files, extensions and settings; each query runs in a transaction that only reads and is rolled back.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

import duckdb

from orchestrator.tools.database.inside.base import (
    COLUMNS,
    FEW,
    SAMPLE,
    TABLES,
    Broken,
    Column,
    LoadError,
    described,
    frequent,
)
from orchestrator.tools.database.inside.dialect import NotText, dialect, faulty_line
from orchestrator.tools.database.inside.plain import collect, distinct, failed, plain
from orchestrator.tools.database.inside.words import explained, quoted

LOCKS = (
    "SET enable_external_access = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET lock_configuration = true",
)
LARGEST = 64 << 20
"""Bytes of one object in a JSON file."""
RANGES = re.compile(r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\)|DATE|TIME.*")
"""Types whose least and greatest value say the most."""
ZONED = "WITH TIME ZONE"
NOT_FOR_QUERIES = 512 << 20
"""Of the address space: the interpreter, DuckDB's code, stacks of its threads, and what is turned into JSON."""
NOT_A_QUERY = "only queries can be run (SELECT …, or WITH … SELECT …); nothing can be changed"


class Duck:
    """An in-memory database with the tables of one order."""

    def __init__(self, memory: int, threads: int) -> None:
        settings: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{memory >> 20}MiB",
            "temp_directory": "",
        }
        self._base = duckdb.connect(":memory:", config=settings)
        self._base.execute("SET TimeZone = 'UTC'")
        self._tables: dict[str, list[tuple[str, str]]] = {}
        self._reserved: frozenset[str] = frozenset()
        self._schema: list[dict[str, Any]] | None = None

    @classmethod
    def opened(cls, order: Mapping[str, Any]) -> Duck:
        """With the tables of an order, and locked. Raises LoadError."""
        duck = cls(max(order["memory"] - NOT_FOR_QUERIES, order["memory"] // 4), order["threads"])
        for table in order["tables"]:
            duck.load(table["name"], table["path"], table["kind"], table["shown"])
        duck.lock()
        return duck

    def load(self, name: str, path: str, kind: str, shown: str) -> None:
        """Read a file into a table. Raises LoadError."""
        if any(name.lower() == other.lower() for other in self._tables):
            raise LoadError(f"two tables are called {name}")
        try:
            source = _source(self._base, kind, path, shown)
            self._base.execute(f"CREATE TABLE {_always(name)} AS SELECT * FROM {source}")  # noqa: S608
        except (NotText, OSError) as error:
            raise LoadError(str(error)) from None
        except (duckdb.OutOfMemoryException, MemoryError):
            raise LoadError(
                f"{shown} needs more memory than a query may use; give fewer columns or rows, or a SQLite database"
            ) from None
        except duckdb.Error as error:
            uneven = faulty_line(path) if kind == "csv" else ""
            reason = f"{shown}, {uneven}" if uneven else _reason(str(error), path, shown)
            raise LoadError(reason) from None
        self._tables[name] = self._columns(name)

    def _columns(self, table: str) -> list[tuple[str, str]]:
        """Names and types. Values of several types in a JSON file are texts, without the quotes of JSON."""
        columns = []
        for name, kind, *_ in self._base.execute(f"DESCRIBE {_always(table)}").fetchall():
            if kind == "JSON":
                column = _always(name)
                self._base.execute(
                    f"ALTER TABLE {_always(table)} ALTER {column} TYPE VARCHAR USING ({column} ->> '$')"
                )
            columns.append((name, "VARCHAR" if kind == "JSON" else kind))
        return columns

    def lock(self) -> None:
        """From here on nothing but the loaded tables can be reached."""
        found = self._base.execute(
            "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
        ).fetchall()
        self._reserved = frozenset(word for (word,) in found)
        for statement in LOCKS:
            self._base.execute(statement)

    def query(self, sql: str, limit: int, size: int) -> dict[str, Any]:
        with self._reading() as cursor:
            refused = self._refused(sql)
            if refused:
                return failed(refused)
            try:
                return collect(_run(cursor, sql), cursor.fetchmany, limit, size)
            except (duckdb.OutOfMemoryException, MemoryError):
                return failed(
                    "the query needs too much memory; filter earlier, join on a column, or aggregate"
                )
            except (duckdb.FatalException, duckdb.InternalException) as error:
                raise Broken(str(error)) from None
            except duckdb.Error as error:
                return failed(self._explained(error))

    def explain(self, sql: str) -> dict[str, Any]:
        with self._reading() as cursor:
            refused = self._refused(sql)
            if refused:
                return {"valid": False, "columns": [], "error": refused}
            try:
                found = cursor.execute("DESCRIBE " + sql.strip().rstrip(";")).fetchall()
            except duckdb.Error as error:
                return {"valid": False, "columns": [], "error": self._explained(error)}
            names = distinct(row[0] for row in found)
            columns = [{"name": name, "type": row[1]} for name, row in zip(names, found, strict=True)]
            return {"valid": True, "columns": columns}

    def schema(self) -> list[dict[str, Any]]:
        if self._schema is None:
            with self._reading() as cursor:
                names = list(self._tables)[:TABLES]
                self._schema = [self._described(cursor, name) for name in names]
        return self._schema

    @contextlib.contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        cursor = self._base.cursor()
        cursor.execute("BEGIN TRANSACTION READ ONLY")
        try:
            yield cursor
        finally:
            with contextlib.suppress(duckdb.Error):
                cursor.execute("ROLLBACK")
            cursor.close()

    def _refused(self, sql: str) -> str:
        """Why this is not run, or nothing."""
        try:
            found = self._base.extract_statements(sql)
        except duckdb.Error as error:
            return self._explained(error)
        if not found:
            return "there is no query"
        if len(found) > 1:
            return "there are several statements; write one query"
        if found[0].type == duckdb.StatementType.MULTI:
            return "name the values of the pivot: PIVOT … ON column IN (…) USING …"
        return "" if found[0].type == duckdb.StatementType.SELECT else NOT_A_QUERY

    def _explained(self, error: Exception) -> str:
        columns = [name for table in self._tables.values() for name, _ in table]
        return explained(str(error), columns, list(self._tables), self._reserved)

    def _described(self, cursor: duckdb.DuckDBPyConnection, table: str) -> dict[str, Any]:
        columns = self._tables[table]
        seen = [Column(name, kind, _examples(cursor, table, name, kind)) for name, kind in columns[:COLUMNS]]
        count = cursor.execute(f"SELECT count(*) FROM {_always(table)}").fetchone()  # noqa: S608
        names = [quoted(one.name, self._reserved) for one in seen]
        title = quoted(table, self._reserved)
        return described(title, seen, count[0] if count else 0, names, len(columns) - len(seen))


def _run(cursor: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    """Run a query; the names of its columns. Times with a zone become text: Python's DuckDB needs pytz for them."""
    found = cursor.execute(sql).description or ()
    if any(ZONED in str(kind) for _, kind, *_ in found):
        columns = [
            f"replace(c{n}::VARCHAR, ' ', 'T')" if ZONED in str(kind) else f"c{n}"
            for n, (_, kind, *_) in enumerate(found)
        ]
        names = ", ".join(f"c{n}" for n in range(len(found)))
        cursor.execute(
            f"SELECT {', '.join(columns)} FROM (\n{sql.strip().rstrip(';')}\n) AS whole({names})"  # noqa: S608
        )
    return [name for name, *_ in found]


def _examples(cursor: duckdb.DuckDBPyConnection, table: str, name: str, kind: str) -> list[Any]:
    column, source = _always(name), _always(table)
    if RANGES.fullmatch(kind):
        zoned = "::VARCHAR" if ZONED in kind else ""
        found = cursor.execute(f"SELECT min({column}){zoned}, max({column}){zoned} FROM {source}").fetchone()  # noqa: S608
        ends = [plain(one) for one in found or ()]
        return [one for one in dict.fromkeys(ends) if one is not None]
    some = f"(SELECT {column} AS one FROM {source} LIMIT {SAMPLE})"  # noqa: S608
    many = cursor.execute(
        f"SELECT one FROM {some} WHERE one IS NOT NULL GROUP BY one ORDER BY count(*) DESC, one LIMIT {FEW + 1}"  # noqa: S608
    ).fetchall()
    return frequent([plain(one) for (one,) in many])


# -------------------------------------------------------------------------------------------------- files


def _source(base: duckdb.DuckDBPyConnection, kind: str, path: str, shown: str) -> str:
    """What to select from."""
    match kind:
        case "csv":
            return _csv(base, path, shown)
        case "texts":
            return f"read_csv({_text(path)}, {_options('utf-8', ',')}, new_line = '\\n')"
        case "parquet":
            return f"read_parquet({_text(path)})"
        case _:
            lines = "format = 'newline_delimited', " if kind == "jsonl" else ""
            return f"read_json({_text(path)}, {lines}sample_size = -1, maximum_object_size = {LARGEST})"


def _csv(base: duckdb.DuckDBPyConnection, path: str, shown: str) -> str:
    encoding, delimiter = dialect(path, shown)
    options = _options(encoding, delimiter)
    point = f"read_csv({_text(path)}, {options})"
    if delimiter != ";":
        return point
    comma = f"read_csv({_text(path)}, {options}, decimal_separator = ',')"
    return min((point, comma), key=lambda source: _texts(base, source))


def _options(encoding: str, delimiter: str) -> str:
    """How a CSV is read: nothing is guessed but types, in all rows."""
    return (
        f"delim = {_text(delimiter)}, encoding = '{encoding}', quote = '\"', escape = '\"', header = true, skip = 0, "
        "comment = '', sample_size = -1"
    )


def _texts(base: duckdb.DuckDBPyConnection, source: str) -> int:
    """How many columns of a file are read as texts: numbers with a decimal comma are, without being told."""
    return sum(row[1] == "VARCHAR" for row in base.execute(f"DESCRIBE SELECT * FROM {source}").fetchall())  # noqa: S608


def _reason(message: str, path: str, shown: str) -> str:
    """The first words of what DuckDB says of a file, which goes on about its own options."""
    text = message.replace(path, shown).partition("\n\n")[0]
    kept = [line.strip() for line in text.splitlines() if not line.startswith(("Possible ", "LINE "))]
    first = "; ".join(kept[:3]).removeprefix("Invalid Input Error: ")
    return f"{shown} cannot be read: {first[:300]}"


def _always(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
