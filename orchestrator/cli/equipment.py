"""The tools of one run, opened when they are first called and closed with it: built in, and declared under `tools:`.

What cannot be opened at all (a function that is not there, no sandbox, a missing extra) is found before the run.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.errors import SandboxUnavailable, ToolError, UsageError
from orchestrator.graph.model import Declared, Graph, Node, all_nodes, asking_nodes, tools_of
from orchestrator.light import light
from orchestrator.spec.places import PROJECT_FILE

if TYPE_CHECKING:
    from orchestrator.ports import Tool
    from orchestrator.tools.database.child import Databases
    from orchestrator.tools.functions import Functions
    from orchestrator.tools.mcp import Judge, McpServers
    from orchestrator.tools.sandbox.sandbox import Sandbox


TRIAL = 30.0
"""Seconds for an empty program that shows whether the sandbox works here."""


@light(frozen=True, slots=True)
class Called:
    """A tool under the name by which a file calls it, with the effects that the file states."""

    tool: Tool
    signature: Signature

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        return await self.tool.call(arguments, context)


class Equipment:
    """Implements `ports.Tools`. `withheld` names variables of the environment that no tool of the project gets.

    `judge` looks at what an MCP server lists before it is used.
    """

    def __init__(
        self,
        graph: Graph,
        environ: Mapping[str, str],
        withheld: Collection[str] = (),
        sandbox: Sandbox | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._graphs = {one.file: one for one in graphs_of(graph)}
        self._environ = environ
        self._withheld = withheld
        self._opened: dict[tuple[str, str], Tool] = {}
        self._locks: dict[tuple[str, str], asyncio.Lock] = {}
        self._stack = AsyncExitStack()
        self._functions: Functions | None = None
        self._databases: Databases | None = None
        self._sandbox = sandbox
        self._judge = judge
        self._servers: McpServers | None = None

    async def __call__(self, file: str, name: str) -> Tool:
        """The tool of this name for the workflow of a file. Raises ToolError."""
        key = file, name
        known = self._opened.get(key)
        if known is not None:
            return known
        async with self._locks.setdefault(key, asyncio.Lock()):
            if key not in self._opened:
                self._opened[key] = await self._open(self._graphs[file], name)
        return self._opened[key]

    async def close(self) -> None:
        """End every process and connection."""
        await self._stack.aclose()
        self._opened.clear()

    # ------------------------------------------------------------------------------------------ opening

    async def _open(self, graph: Graph, name: str) -> Tool:
        declared = declared_as(graph, name)
        if declared is not None:
            spec, base, effects = declared.spec, declared.base, declared.spec.effects or "once"
            if spec.python is not None:
                return self._of_the_project().tool(name, spec.python, base, Path(graph.root), effects)
            if spec.mcp is not None:
                alone = name in graph.tools
                return await self._of_servers().tool(name, spec.mcp, base, effects, alone=alone)
        tool: Tool = self._built_in(graph, name)
        said = declared.spec.effects if declared is not None else None
        stated = replace(tool.signature, name=name, effects=said or tool.signature.effects)
        return tool if stated == tool.signature else Called(tool, stated)

    def _built_in(self, graph: Graph, name: str) -> Tool:
        family = name.partition(".")[0]
        if family == "python":
            from orchestrator.tools.python import PythonTool

            return PythonTool(self._of_this_process())
        if family == "sql":
            from orchestrator.tools.sql import sql_tools

            return sql_tools(Path(graph.root), self._of_all_queries())[name]
        if family == "files":
            from orchestrator.tools.files import file_tools

            closed = frozenset(file for one in self._graphs.values() for file in made_of(one))
            code = frozenset(folder for one in self._graphs.values() for folder in runs_in(one))
            later = frozenset(folder for one in self._graphs.values() for folder in found_in(one))
            return file_tools(Path(graph.root), closed, code, later)[name]
        if family == "chart":
            from orchestrator.tools.chart import ChartTool

            return ChartTool()
        raise ToolError(f"there is no tool '{name}'")

    def _of_the_project(self) -> Functions:
        if self._functions is None:
            from orchestrator.tools.functions import Functions

            self._functions = Functions(self._environ, self._withheld)
            self._stack.push_async_callback(self._functions.close)
        return self._functions

    def _of_servers(self) -> McpServers:
        if self._servers is None:
            from orchestrator.tools.mcp import McpServers

            self._servers = McpServers(self._environ, guarded, judge=self._judge)
            self._stack.push_async_callback(self._servers.close)
        return self._servers

    def _of_all_queries(self) -> Databases:
        if self._databases is None:
            from orchestrator.tools.database.child import Databases

            self._databases = Databases()
            self._stack.push_async_callback(self._databases.close)
        return self._databases

    def _of_this_process(self) -> Sandbox:
        if self._sandbox is None:
            from orchestrator.tools.sandbox.sandbox import Sandbox

            self._sandbox = Sandbox()
        return self._sandbox

    # ---------------------------------------------------------------------------------- before the run

    async def check(self) -> None:
        """Find out before the first call what keeps a tool from being called. Raises UsageError, SandboxUnavailable."""
        for graph, node, name in self._used():
            try:
                await self._check(graph, name)
            except SandboxUnavailable:
                raise
            except ToolError as error:
                who = f"{graph.file}:{node.mark.line}: step '{node.path}'"
                raise UsageError(f"{who} calls {name}: {error.message}", hint=error.hint) from None

    async def _check(self, graph: Graph, name: str) -> None:
        declared = declared_as(graph, name)
        if declared is not None and declared.spec.mcp is not None:
            self._check_server(name, declared)
            return
        tool = await self(graph.file, name)
        if name == "python":
            with tempfile.TemporaryDirectory() as scratch:
                await tool.call({"code": ""}, CallContext("", Path(scratch), TRIAL))

    def _check_server(self, name: str, declared: Declared) -> None:
        """It is started when it is called first; that there is something to start is known before. Raises ToolError."""
        if find_spec("mcp") is None:
            raise ToolError("MCP servers need the package mcp", hint="pip install 'orch[mcp]'")
        server = declared.spec.mcp
        command = server.command[0] if server is not None and server.command else ""
        place = command if "/" not in command else str(declared.base / command)
        if command and shutil.which(place, path=self._environ.get("PATH")) is None:
            raise ToolError(
                f"there is no program '{command}'", hint=f"install it, or correct tools.{name}.mcp.command"
            )

    def _used(self) -> Iterator[tuple[Graph, Node, str]]:
        """Every tool that is opened here, once per file, with a step that calls it."""
        seen: set[tuple[str, str]] = set()
        for graph in self._graphs.values():
            for node in asking_nodes(graph):
                for name in tools_of(node):
                    if (graph.file, name) not in seen and not _elsewhere(graph, name):
                        seen.add((graph.file, name))
                        yield graph, node, name


def check_tools(graph: Graph, environ: Mapping[str, str]) -> None:
    """Find out before a run what keeps its tools from being called. Raises UsageError, SandboxUnavailable."""
    if not any(tools_of(node) for one in graphs_of(graph) for node in asking_nodes(one)):
        return

    async def check() -> None:
        equipment = Equipment(graph, environ)
        try:
            await equipment.check()
        finally:
            await equipment.close()

    asyncio.run(check())


def declared_as(graph: Graph, name: str) -> Declared | None:
    """The entry of `tools:` behind a name: of the whole name, or of the server before its last dot."""
    server = graph.tools.get(name.rpartition(".")[0])
    return graph.tools.get(name) or (server if server is not None and server.spec.mcp is not None else None)


def servers_of(graph: Graph) -> Iterator[tuple[Graph, str, Declared]]:
    """Every MCP server that a workflow, or one that it calls, may ask: with its file, and the entry that names it."""
    for one in graphs_of(graph):
        used = {name for node in asking_nodes(one) for name in tools_of(node)}
        for name, declared in one.tools.items():
            if declared.spec.mcp is not None and any(declared_as(one, tool) is declared for tool in used):
                yield one, name, declared


def guarded(url: str, key: str = "") -> Any:
    """A client of HTTP for the server of an address, under the rules that hold for models. Raises UsageError.

    `key` goes along as a bearer token, to that address only.
    """
    import httpx2

    from orchestrator.providers.address import place_of
    from orchestrator.providers.transport import client

    return client(httpx2, place_of(url), key=key, also=("mcp-", "last-event-id"), judged=False)


def _elsewhere(graph: Graph, name: str) -> bool:
    """Whether the engine itself is this tool: another agent, or the search in the knowledge of the file."""
    declared = graph.tools.get(name)
    return name == "search" or name.startswith("agent:") or bool(declared and declared.spec.agent)


def graphs_of(graph: Graph) -> Iterator[Graph]:
    """A graph and those of all workflows that it calls."""
    yield graph
    for node in all_nodes(graph.scope):
        if node.child is not None:
            yield from graphs_of(node.child)


def made_of(graph: Graph) -> frozenset[Path]:
    """The files that a workflow consists of: no tool changes them while it runs."""
    files = {Path(graph.file).absolute(), Path(graph.root) / PROJECT_FILE}
    for node in asking_nodes(graph):
        if node.agent is not None:
            files.update(node.agent.files)
    for declared in graph.tools.values():
        if declared.spec.python is not None:
            files.add(declared.base / declared.spec.python.partition(":")[0])
        if declared.spec.mcp is not None:
            files.update(_of_command(declared))
    return frozenset(files)


def runs_in(graph: Graph) -> frozenset[Path]:
    """The folders out of which functions and servers load their code: no tool puts any there."""
    folders: set[Path] = set()
    for declared in graph.tools.values():
        if declared.spec.python is not None:
            folders.add((declared.base / declared.spec.python.partition(":")[0]).parent)
        if declared.spec.mcp is not None and declared.spec.mcp.command:
            folders.add(declared.base)
            folders.update(file.parent for file in _of_command(declared))
    return frozenset(folders)


def found_in(graph: Graph) -> frozenset[Path]:
    """The folders in which a later run finds agents and workflows: no tool puts any there."""
    places = (Path(graph.root), Path(graph.file).absolute().parent)
    return frozenset(place / name for place in places for name in ("agents", "workflows"))


def _of_command(declared: Declared) -> Iterator[Path]:
    """The files of the project that the command of a server names, such as its script."""
    for word in (declared.spec.mcp and declared.spec.mcp.command) or ():
        file = declared.base / word
        if not Path(word).is_absolute() and file.is_file():
            yield file


__all__ = ["Equipment", "check_tools", "found_in", "graphs_of", "made_of", "runs_in", "servers_of"]
