"""What to ask: files beneath the project, texts and rows from other steps. Knows no database.

Rows and texts become files in the scratch of the call, so that they are read, and their types found, like any file.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from orchestrator.errors import ToolError
from orchestrator.tools.beneath import Beneath, missing

Kind = Literal["csv", "json", "jsonl", "parquet", "texts"]
KINDS: Mapping[str, Kind] = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
DATABASES = frozenset({".db", ".db3", ".sqlite", ".sqlite3"})
MOST_TABLES = 50
LOGS = ("-wal", "-shm", "-journal")
KNOWN = 4
"""Lists of rows whose digest is remembered."""
LINE = 400_000
"""Characters of a row of texts that fit into one line of a CSV, which may have two million bytes, however they are written."""


@dataclass(frozen=True, slots=True)
class Table:
    """`path` is real, or empty as long as `content` is not written; `shown` is what the user calls it."""

    name: str
    kind: Kind
    shown: str
    path: str = ""
    content: bytes = b""
    stamp: str = ""


@dataclass(frozen=True, slots=True)
class Sources:
    """Tables, or one database. The same `stamp` means the same content."""

    tables: tuple[Table, ...] = ()
    database: str = ""
    shown: str = ""
    stamp: str = ""

    @property
    def files(self) -> list[str]:
        """Everything that has to be read."""
        logs = [self.database + end for end in LOGS if self.database and os.path.exists(self.database + end)]  # noqa: PTH110
        return (
            [one.path for one in self.tables if one.path] + ([self.database] if self.database else []) + logs
        )


class Reader:
    """Turns arguments into sources. Files lie beneath the project's root."""

    def __init__(self, root: Path) -> None:
        self._beneath = Beneath(root)
        self._known: dict[int, tuple[Any, Kind, bytes, str]] = {}

    def read(self, arguments: Mapping[str, Any], tool: str) -> Sources:
        """Raises ToolError that names the argument."""
        tables, database = arguments.get("tables"), arguments.get("database")
        if (tables is None) == (database is None):
            raise ToolError(f"{tool}: give either 'tables' (files or rows) or a 'database' (a SQLite file)")
        if database is not None:
            return self._database(database, tool)
        named = _named(tables, tool)
        if not named or len(named) > MOST_TABLES:
            raise ToolError(f"{tool}: 'tables' has {len(named)} tables; 1 to {MOST_TABLES} can be asked")
        read = tuple(self._table(name, value, tool) for name, value in named)
        return Sources(read, stamp=_digest(repr([(one.name, one.kind, one.stamp) for one in read]).encode()))

    def _database(self, given: Any, tool: str) -> Sources:
        if not isinstance(given, str):
            raise ToolError(f"{tool}: 'database' must be the path of a SQLite file")
        path, stamp = self._file(given)
        logs = [_stamp(path + end) for end in LOGS]
        return Sources((), path, given, _digest(repr((path, stamp, logs)).encode()))

    def _table(self, name: str, value: Any, tool: str) -> Table:
        if isinstance(value, str) and ("\n" in value or not value.strip()):
            return self._text(name, value, tool)
        if isinstance(value, str):
            path, stamp = self._file(value)
            return Table(name, _kind(value, tool), value, path, stamp=path + stamp)
        if isinstance(value, Sequence):
            return self._rows(name, value, tool)
        raise ToolError(f"{tool}: table '{name}' must be a path, rows (a list of maps), or the text of a CSV")

    def _text(self, name: str, text: str, tool: str) -> Table:
        if not text.strip():
            raise ToolError(f"{tool}: table '{name}' is an empty text")
        kind: Kind = "json" if text.lstrip()[0] in "[{" else "csv"
        content = text.encode("utf-8", "replace")
        return Table(name, kind, f"table '{name}'", content=content, stamp=_digest(content))

    def _rows(self, name: str, rows: Sequence[Any], tool: str) -> Table:
        """An agent asks about the same rows again and again: the list itself is remembered, it does not change."""
        known = self._known.get(id(rows))
        if known is None or known[0] is not rows:
            kind, content = _content(name, rows, tool)
            known = (rows, kind, content, _digest(content))
            self._known[id(rows)] = known
            while len(self._known) > KNOWN:
                del self._known[next(iter(self._known))]
        return Table(name, known[1], f"table '{name}'", content=known[2], stamp=known[3])

    def _file(self, given: str) -> tuple[str, str]:
        """The real path and what changes with the content. Raises ToolError."""
        with self._beneath.at(given) as spot:
            try:
                descriptor = os.open(
                    spot.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=spot.folder
                )
            except FileNotFoundError:
                raise missing(spot.folder, spot.name, given) from None
            except OSError as error:
                raise ToolError(f"{given} cannot be read: {(error.strerror or '').lower()}") from None
            os.close(descriptor)
            path = self._beneath.top.resolve() / spot.path
        if not path.is_file():
            raise ToolError(f"{given} is no file")
        return str(path), _stamp(str(path))


def written(sources: Sources, scratch: Path) -> Sources:
    """The same, with every content in a file of the scratch."""
    tables = [
        one if one.path else _stored(one, scratch / f"table{n}") for n, one in enumerate(sources.tables)
    ]
    return Sources(tuple(tables), sources.database, sources.shown, sources.stamp)


def _stored(table: Table, path: Path) -> Table:
    path.write_bytes(table.content)
    return Table(table.name, table.kind, table.shown, str(path.resolve()), stamp=table.stamp)


def _named(tables: Any, tool: str) -> list[tuple[str, Any]]:
    """Names and values; a path alone gives its table the name of the file."""
    if isinstance(tables, Mapping):
        for name in tables:
            if not isinstance(name, str) or not name.strip() or not name.isprintable():
                raise ToolError(f"{tool}: {name!r} is no name for a table")
        return list(tables.items())
    paths = [tables] if isinstance(tables, str) else tables
    if not isinstance(paths, Sequence) or not all(isinstance(one, str) and "\n" not in one for one in paths):
        raise ToolError(f"{tool}: 'tables' must be a map of names to files or rows, or a list of paths")
    return [(_name(one), one) for one in paths]


def _name(path: str) -> str:
    stem = Path(path).name.split(".")[0]
    return re.sub(r"[^0-9A-Za-z_]+", "_", stem).strip("_") or "data"


def _kind(path: str, tool: str) -> Kind:
    """What the ending says; of a packed file the ending before it."""
    ending = Path(path.removesuffix(".gz")).suffix.lower()
    kind = KINDS.get(ending)
    if kind is not None:
        return kind
    if ending in DATABASES:
        raise ToolError(f"{tool}: {path} is a SQLite database; write database: {path}")
    hint = "save it as CSV" if ending in (".xlsx", ".xls", ".ods") else f"it reads {', '.join(KINDS)}"
    raise ToolError(f"{tool}: {path} is no kind of table", hint=hint)


def _content(name: str, rows: Sequence[Any], tool: str) -> tuple[Kind, bytes]:
    """Rows as a file. Where all values are texts nobody has said their types, and they are found as in a CSV."""
    if not rows:
        raise ToolError(f"{tool}: table '{name}' has no rows, so it has no columns")
    wrong = next((n for n, one in enumerate(rows, 1) if not isinstance(one, Mapping)), None)
    if wrong is not None:
        kind = type(rows[wrong - 1]).__name__
        raise ToolError(f"{tool}: row {wrong} of table '{name}' is no map of columns to values ({kind})")
    if any(rows) and all(map(_is_line, rows)):
        return "texts", _texts(rows)
    return "jsonl", _lines(name, rows, tool)


def _is_line(row: Mapping[str, Any]) -> bool:
    """Whether all values of a row are texts, and together no longer than a line of a CSV may be."""
    long = 0
    for one in row.values():
        if isinstance(one, str):
            long += len(one)
        elif one is not None:
            return False
    return long <= LINE


def _texts(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """As a CSV in which every value is quoted: else a row without values would be an empty line, and left out.

    An empty text is null then, as an empty cell of a file is: most such rows were one, and are asked in the same words.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([row.get(name) for name in names] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _lines(name: str, rows: Sequence[Any], tool: str) -> bytes:
    try:
        text = "\n".join(json.dumps(one, ensure_ascii=False, allow_nan=False, default=str) for one in rows)
    except (ValueError, TypeError) as error:
        raise ToolError(f"{tool}: table '{name}' has a value that is no plain data: {error}") from None
    return text.encode("utf-8", "replace")


def _stamp(path: str) -> str:
    try:
        seen = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    return repr((seen.st_ino, seen.st_size, seen.st_mtime_ns))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
