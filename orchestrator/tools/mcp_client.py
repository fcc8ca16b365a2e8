"""The client of one MCP server: opened, asked, closed; opened again by the next call when its server has ended.

Knows no HTTP rules: a client that keeps them comes in. Loads the package `mcp` when a connection is opened.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from orchestrator.calling import CallContext
from orchestrator.errors import OrchError, ToolError
from orchestrator.spec.model import McpServer

if TYPE_CHECKING:
    from orchestrator.tools.mcp_stdio import Server

STARTING = 30.0
"""Seconds until a server has answered and listed its tools. One that is fetched first (npx, uvx) may need them."""
LAST_WORDS = 10.0
"""Seconds until everything about an ended connection is gone."""
UNREAD = "Failed to parse"
"""How the SDK's transport over HTTP begins what it says of an answer that is no message."""
MOST_TOOLS = 1_000
MOST_PAGES = 100

Http = Callable[[str, str], Any]
"""Makes a client of httpx2 for an address, which keeps to it and sends it a bearer token, empty for none. Raises OrchError."""


@dataclass(frozen=True, slots=True)
class Where:
    """A server, the folder that its command runs in, its environment, and what HTTP goes through."""

    server: McpServer
    base: Path
    environ: Mapping[str, str] = field(repr=False)
    http: Http
    token: str = field(default="", repr=False)

    @property
    def shown(self) -> str:
        return " ".join(self.server.command) if self.server.command is not None else str(self.server.url)


class Connection:
    """One server of one run."""

    def __init__(
        self, where: Where, starting: float, judge: Callable[[Mapping[str, Any]], None] | None = None
    ) -> None:
        self._where = where
        self._judge = judge
        self._starting = starting
        self._line: _Line | None = None
        self._leaving: set[asyncio.Task[None]] = set()
        self._alone = asyncio.Lock()

    async def tools(self) -> Mapping[str, Any]:
        """What it can do, by name. Raises ToolError."""
        return (await self._opened()).tools

    async def call(self, tool: str, arguments: Mapping[str, Any], context: CallContext) -> Any:
        """The answer to one call. Raises ToolError."""
        line = await self._opened()
        asked = asyncio.ensure_future(line.ask(tool, arguments, context))
        line.calls += 1
        try:
            both = {asked, line.keeper}
            await asyncio.wait(both, timeout=context.seconds, return_when=asyncio.FIRST_COMPLETED)
            if not asked.done() and line.keeper.done():
                await asyncio.wait({asked}, timeout=1.0)  # its last answer may be on its way
            if asked.done():
                return await self._answer(line, asked)
            raise await self._unanswered(line, context.seconds)
        finally:
            line.calls -= 1
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)

    async def close(self) -> None:
        """End it, and wait until it is gone."""
        async with self._alone:
            if self._line is not None:
                self._retire(self._line)
            if self._leaving:
                await asyncio.wait(set(self._leaving), timeout=LAST_WORDS)
            for task in self._leaving:
                task.cancel()
            await asyncio.gather(*self._leaving, return_exceptions=True)

    async def _answer(self, line: _Line, asked: asyncio.Future[Any]) -> Any:
        sdk, error = line.sdk, asked.exception()
        if error is None:
            if isinstance(asked.result(), sdk.InputRequiredResult):
                raise ToolError("its server asks for more than its arguments; nobody is there to answer it")
            return asked.result()
        if isinstance(error, sdk.MCPError) and error.message.startswith(UNREAD):
            why = "; it is nested too deep" if "recursion limit" in error.message else ""
            raise ToolError(f"its server answers what cannot be read{why}", unsure=True)
        if isinstance(error, sdk.MCPError) and error.code != sdk.CONNECTION_CLOSED:
            raise ToolError(f"its server refuses: {_clip(error.message)}")
        if isinstance(error, sdk.ValidationError):
            raise ToolError("its server answers what is no answer to a call", unsure=True)
        return await self._gone(line, error)

    async def _unanswered(self, line: _Line, seconds: float) -> ToolError:
        if line.keeper.done():
            await self._gone(line, None)
        told = line.said(None)
        if line.calls == 1:  # it hangs, and nobody else waits for it
            self._retire(line, hangs=True)
        return ToolError(f"its server did not answer within {seconds:g} s{told}", unsure=True)

    async def _gone(self, line: _Line, error: BaseException | None) -> None:
        self._retire(line)
        await asyncio.wait({line.keeper}, timeout=LAST_WORDS)
        raise ToolError(f"its server is gone{line.said(line.fault() or error)}", unsure=True)

    async def _opened(self) -> _Line:
        """The open line. Raises ToolError."""
        async with self._alone:
            if self._line is not None and not self._line.keeper.done():
                return self._line
            if self._line is not None:
                self._retire(self._line)
            line = self._line = _Line(_sdk(), self._where)
            ready = asyncio.ensure_future(line.ready.wait())
            try:
                both = {ready, line.keeper}
                await asyncio.wait(both, timeout=self._starting, return_when=asyncio.FIRST_COMPLETED)
                if not line.ready.is_set():
                    raise await self._not_opened(line)
                if self._judge is not None:
                    self._judge(line.tools)
                return line
            except BaseException:
                self._retire(line)
                raise
            finally:
                ready.cancel()

    async def _not_opened(self, line: _Line) -> ToolError:
        hint = f"try it by hand: {self._where.shown}"
        if not line.keeper.done():
            message = f"its server did not finish {line.phase} within {self._starting:g} s{line.said(None)}"
            self._retire(line, hangs=True)
            await asyncio.wait({line.keeper}, timeout=LAST_WORDS)
            return ToolError(message, hint=hint)
        told = line.fault()
        if isinstance(told, ToolError):
            return told
        return ToolError(f"its server failed while {line.phase}{line.said(told)}", hint=hint)

    def _retire(self, line: _Line, *, hangs: bool = False) -> None:
        """Have a line end by itself; nobody needs to wait for it but `close`."""
        if self._line is line:
            self._line = None
        line.end(hangs=hangs)
        if not line.keeper.done():
            self._leaving.add(line.keeper)
            line.keeper.add_done_callback(self._leaving.discard)


class _Line:
    """A session while it lasts. One task opens and closes it, as the task groups in it demand."""

    def __init__(self, sdk: Any, where: Where) -> None:
        self.sdk = sdk
        self.tools: Mapping[str, Any] = {}
        self.phase = "starting"
        self.calls = 0
        self.ready = asyncio.Event()
        self._where = where
        self._ended = asyncio.Event()
        self._session: Any = None
        self._process: Server | None = None
        self.keeper = asyncio.create_task(self._keep())
        self.keeper.add_done_callback(lambda task: None if task.cancelled() else task.exception())

    def end(self, *, hangs: bool) -> None:
        """Close it in its own time, or give up opening it."""
        self._ended.set()
        if hangs and self._process is not None:
            self._process.grace = 0.1
        if not self.ready.is_set():
            self.keeper.cancel()

    async def ask(self, tool: str, arguments: Mapping[str, Any], context: CallContext) -> Any:
        """The answer as it is; it is checked by our own types, not by patterns that the server sends."""

        async def told(done: float, total: float | None, message: str | None) -> None:
            context.progress(f"{message or f'{done:g}' + (f' of {total:g}' if total else '')}\n"[:1000])

        types = self.sdk.types
        params = types.CallToolRequestParams(name=tool, arguments=dict(arguments))
        request = types.CallToolRequest(params=params)
        return await self._session.send_request(request, self.sdk.answers, progress_callback=told)

    def fault(self) -> BaseException | None:
        """What ended it, if it was an error."""
        done = self.keeper.done() and not self.keeper.cancelled()
        error = self.keeper.exception() if done else None
        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        return error

    def said(self, error: BaseException | None) -> str:
        """What is known of why: an error, how its process ended, its last lines. All of it data."""
        told = error.message if isinstance(error, OrchError) else _clip(str(error or ""))
        last = self._process.last_words() if self._process is not None else ""
        return "".join(f"; {part}" for part in (told, last) if part and part != "Connection closed")

    async def _keep(self) -> None:
        name = self.sdk.types.Implementation(name="orch", version="1")
        async with (
            self._streams() as (incoming, outgoing),
            self.sdk.ClientSession(incoming, outgoing, client_info=name) as session,
        ):
            await _greet(self.sdk, session)
            self.phase = "listing its tools"
            self.tools = await _listed(self.sdk, session)
            self._session = session
            self.ready.set()
            await self._ended.wait()

    @contextlib.asynccontextmanager
    async def _streams(self) -> AsyncIterator[tuple[Any, Any]]:
        where = self._where
        if where.server.command is not None:
            from orchestrator.tools.mcp_stdio import Server

            self._process = Server(where.server.command, where.base, where.environ)
            async with self._process.connected() as streams:
                yield streams
        else:
            url = where.server.url or ""
            async with (
                where.http(url, where.token) as http,
                self.sdk.streamable_http_client(url, http_client=http) as streams,
            ):
                yield streams


# ------------------------------------------------------------------------------------------------- the SDK


def _sdk() -> Any:
    """What is used of the package `mcp`. Raises ToolError where it is not installed."""
    try:
        import mcp_types
        from mcp.client.session import ClientSession
        from mcp.client.streamable_http import streamable_http_client
        from mcp.shared.exceptions import MCPError
        from pydantic import TypeAdapter, ValidationError
    except ImportError:
        raise ToolError("MCP servers need the package mcp", hint="pip install 'orch[mcp]'") from None
    for name in ("mcp", "client"):  # the names of the SDK's loggers, which would write into the terminal
        logging.getLogger(name).addHandler(logging.NullHandler())
        logging.getLogger(name).propagate = False
    return SimpleNamespace(
        ClientSession=ClientSession,
        MCPError=MCPError,
        ValidationError=ValidationError,
        CONNECTION_CLOSED=mcp_types.CONNECTION_CLOSED,
        InputRequiredResult=mcp_types.InputRequiredResult,
        answers=TypeAdapter(mcp_types.CallToolResult | mcp_types.InputRequiredResult),
        streamable_http_client=streamable_http_client,
        types=mcp_types,
    )


async def _greet(sdk: Any, session: Any) -> None:
    """Servers know the handshake, those of the newest protocol may know only the discovery."""
    try:
        await session.initialize()
    except sdk.MCPError as error:
        if error.code not in (sdk.types.METHOD_NOT_FOUND, sdk.types.UNSUPPORTED_PROTOCOL_VERSION):
            raise
        await session.discover()


async def _listed(sdk: Any, session: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    cursor = None
    for _ in range(MOST_PAGES):
        try:
            page = await session.list_tools(params=sdk.types.PaginatedRequestParams(cursor=cursor))
        except sdk.ValidationError as error:
            raise ToolError(
                f"its server lists tools in a form that MCP does not have: {_first(error)}"
            ) from None
        found.update((tool.name, tool) for tool in page.tools)
        cursor = page.next_cursor
        if cursor is None or len(found) > MOST_TOOLS:
            break
    if cursor is not None or len(found) > MOST_TOOLS:
        raise ToolError(f"its server lists more than {MOST_TOOLS:,} tools")
    return found


def _first(error: Any) -> str:
    """The first thing that is wrong, such as tools.0.outputSchema.type: field required."""
    one = error.errors(include_url=False, include_input=False)[0]
    return _clip(f"{'.'.join(map(str, one['loc']))}: {one['msg'][:1].lower()}{one['msg'][1:]}")


def _clip(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 500 else f"{line[:499]}…"
