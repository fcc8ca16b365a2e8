"""MCP servers as tools: one client per server and run, started when it is first needed, ended with the run.

What a server says (names, purposes, types, answers, errors) is data. Needs the extra `mcp`, loaded with the first tool.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from orchestrator.calling import CallContext, Effects, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.graph.foreign import pick
from orchestrator.spec.model import McpServer
from orchestrator.spec.secret import variable_of, variables_of
from orchestrator.spec.values import check_value
from orchestrator.tools.mcp_client import STARTING, Connection, Http, Where
from orchestrator.tools.mcp_types import given, result_of, signature_of
from orchestrator.tools.surroundings import bare

Judge = Callable[[McpServer, Path, Mapping[str, Any]], None]
"""Looks at what a server lists, each time it is opened, before anything is asked of it. Raises ToolError."""


class McpServers:
    """The servers of one run. `environ` is this process's; a server gets what can be no secret, and what its file says."""

    def __init__(
        self,
        environ: Mapping[str, str],
        http: Http,
        *,
        starting: float = STARTING,
        judge: Judge | None = None,
    ) -> None:
        self._environ = environ
        self._http = http
        self._judge = judge
        self._starting = starting
        self._connections: dict[tuple[str, Path], Connection] = {}

    async def tool(
        self, name: str, server: McpServer, base: Path, effects: Effects = "once", *, alone: bool = True
    ) -> McpTool:
        """The tool of a server that is meant by `name`, opened. Raises ToolError.

        `base` is where its command runs. `alone`: the entry is for one tool, so that the only one of a server is
        meant whatever it is called; not where the entry names the server and the rest of the name its tool.
        """
        connection = self._connection(server, base)
        try:
            tools = await connection.tools()
            there = pick(name, list(tools), alone=alone)
        except ToolError as error:
            raise ToolError(f"{name}: {error.message}", hint=error.hint) from None
        return McpTool(signature_of(name, tools[there], effects), there, connection)

    async def listed(self, server: McpServer, base: Path) -> Mapping[str, Any]:
        """What a server says it can do, by name, as it says it. Raises ToolError."""
        return await self._connection(server, base).tools()

    def _connection(self, server: McpServer, base: Path) -> Connection:
        if (server.command is None) == (server.url is None) or server.command == ():
            raise ToolError("an MCP server has either a `command` or a `url`")
        key = (server.model_dump_json(), base)
        if key not in self._connections:
            own = {**bare(self._environ), **self._stated(server)}
            token = self._environ.get(variable_of(server.key or ""), "")
            where = Where(server, base, own, self._http, token)
            judge = partial(self._judge, server, base) if self._judge is not None else None
            self._connections[key] = Connection(where, self._starting, judge)
        return self._connections[key]

    def _stated(self, server: McpServer) -> dict[str, str]:
        """The variables that the file gives this server. Raises ToolError for one that nobody has set."""
        missing = [name for name in variables_of(server) if not self._environ.get(name)]
        if missing:
            raise ToolError(
                f"its server needs {missing[0]}, which the environment does not hold",
                hint=f"export {missing[0]}=…",
            )
        return {
            name: self._environ[variable_of(text)] if variable_of(text) else text
            for name, text in server.env.items()
        }

    async def close(self) -> None:
        """End every connection, and the servers that were started."""
        connections, self._connections = list(self._connections.values()), {}
        await asyncio.gather(*(connection.close() for connection in connections))


@dataclass(frozen=True, slots=True)
class McpTool:
    """One tool of a server; `there` is its name there."""

    signature: Signature
    there: str
    connection: Connection

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Raises ToolError, also for what the server calls an error."""
        name, wanted = self.signature.name, self.signature.arguments
        problems = check_value(wanted, arguments)
        if problems:
            raise ToolError(f"{name}: {'; '.join(problems)}")
        try:
            result = await self.connection.call(self.there, given(wanted, arguments), context)
        except ToolError as error:
            raise ToolError(f"{name}: {error.message}", hint=error.hint, unsure=error.unsure) from None
        return await asyncio.to_thread(result_of, self.signature, result, context.scratch)
