"""The tools `sql.query`, `sql.schema` and `sql.explain`: questions to files and SQLite databases, which are only read.

A query that is wrong, takes too long or needs too much memory is a result with `error`, for whoever wrote it to repair;
a table that cannot be read is an error of the step.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.graph.builtin import RESULTS
from orchestrator.spec.types import Field, Int, MapOf, Str, Unknown
from orchestrator.tools.database.child import Databases, Stopped
from orchestrator.tools.database.sources import Reader

ROWS = 100
"""Rows of a result when nobody says how many."""
LONGEST = 20_000
"""Characters of a query."""
SOURCES = (Field("tables", Unknown(), optional=True), Field("database", Str(None), optional=True))
SQL = Field("sql", Str(None))

QUERY = Signature(
    "sql.query",
    "Runs one SQL query (SELECT) over the tables, in DuckDB's SQL, or SQLite's for a database. Returns columns and rows.",
    MapOf((*SOURCES, SQL, Field("limit", Int(1, 10_000), optional=True))),
    RESULTS["sql.query"],
)
SCHEMA = Signature(
    "sql.schema",
    "Lists the tables with their columns, types, some values, and how many rows they have.",
    MapOf(SOURCES),
    RESULTS["sql.schema"],
)
EXPLAIN = Signature(
    "sql.explain",
    "Says whether a SQL query is valid, and which columns it gives, without running it.",
    MapOf((*SOURCES, SQL)),
    RESULTS["sql.explain"],
)


class SqlTool:
    """One of the three. Files are found beneath `root`; children are shared when `databases` is."""

    def __init__(self, signature: Signature, root: Path, databases: Databases | None = None) -> None:
        self._signature = signature
        self._reader = Reader(root)
        self._databases = databases or Databases()

    @property
    def signature(self) -> Signature:
        return self._signature

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Ask once. Raises ToolError for arguments that make no sense and tables that cannot be read."""
        name = self._signature.name
        asked = self._asked(arguments)
        sources = await asyncio.to_thread(self._reader.read, arguments, name)
        try:
            value = await self._databases.ask(sources, asked, context.scratch, context.seconds)
        except Stopped as stopped:
            return ToolResult(_stopped(name, str(stopped)))
        return ToolResult(value)

    async def close(self) -> None:
        """End the children; for those shared by several tools once is enough."""
        await self._databases.close()

    def _asked(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        name = self._signature.name
        what = name.partition(".")[2]
        if what == "schema":
            return {"do": "schema"}
        sql = arguments.get("sql")
        if not isinstance(sql, str):
            raise ToolError(f"{name}: 'sql' must be text")
        if len(sql) > LONGEST:
            raise ToolError(f"{name}: 'sql' has {len(sql):,} characters, more than {LONGEST:,}")
        limits = self._databases.limits
        limit = arguments.get("limit")
        wanted = ROWS if limit is None else int(limit)
        clean = sql.encode("utf-8", "replace").decode()
        return {"do": what, "sql": clean, "limit": max(1, min(wanted, limits.rows)), "size": limits.size}


def sql_tools(root: Path, databases: Databases | None = None) -> dict[str, SqlTool]:
    """`sql.query`, `sql.schema` and `sql.explain` by name, over the same children."""
    shared = databases or Databases()
    return {one.name: SqlTool(one, root, shared) for one in (QUERY, SCHEMA, EXPLAIN)}


def _stopped(name: str, why: str) -> Any:
    if name == "sql.query":
        return {"columns": [], "rows": [], "error": why}
    if name == "sql.explain":
        return {"valid": False, "columns": [], "error": why}
    raise ToolError(f"{name}: {why}")
