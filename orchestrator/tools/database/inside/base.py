"""What both kinds of databases answer with: whole results, checks without running, and a description of the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

COLUMNS = 60
TABLES = 50
FEW = 6
"""A column of texts with at most so many different ones shows them all; else the most frequent three."""
SOME = 3
TEXT = 40
SAMPLE = 20_000
"""Rows that are looked at for the most frequent texts."""


class LoadError(Exception):
    """A table cannot be read: no fault of a query. Says which file, and what to do."""


class Broken(Exception):
    """The database is of no use after this: the child ends, and another one starts with the next question."""


class Base(Protocol):
    """An open database, read only."""

    def query(self, sql: str, limit: int, size: int) -> dict[str, Any]:
        """Run one query: `columns`, `rows`, and `note` when there is more, or `error`. Raises Broken."""
        ...

    def explain(self, sql: str) -> dict[str, Any]:
        """Whether the query is valid, with its `columns`, or `error`. Runs nothing."""
        ...

    def schema(self) -> list[dict[str, Any]]:
        """Every table with its columns, some values, and how many rows it has."""
        ...


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    type: str
    examples: list[Any]


def described(
    table: str, columns: Sequence[Column], rows: int | None, names: Sequence[str], more: int
) -> dict[str, Any]:
    """One entry of a schema. `names` are written as SQL wants them; `more` columns are left out."""
    entry: dict[str, Any] = {
        "table": table,
        "columns": [
            {"name": name, "type": one.type, "examples": one.examples}
            for name, one in zip(names, columns, strict=True)
        ],
        "rows": rows,
    }
    if more:
        entry["note"] = f"{more} more columns are not shown"
    return entry


def shown(value: Any) -> Any:
    """An example, short."""
    if isinstance(value, str) and len(value) > TEXT:
        return value[: TEXT - 1] + "…"
    if isinstance(value, (list, dict)):
        text = str(value)
        return text if len(text) <= TEXT else text[: TEXT - 1] + "…"
    return value


def frequent(values: Sequence[Any]) -> list[Any]:
    """All of a few, else the first three; `values` are the most frequent ones, up to one more than few."""
    return [shown(one) for one in (values if len(values) <= FEW else values[:SOME])]
