"""An MCP server as a process: messages over its input and output, its errors kept to the last lines, no orphan.

The SDK's own transport takes lines of any length and gives no process in hand; this one has a limit and an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from mcp.shared.message import SessionMessage
from mcp_types import jsonrpc_message_adapter

from orchestrator.errors import ToolError

MOST = 16 << 20
"""Bytes of one message, at most."""
TAIL = 2_000
LINES = 4
"""Last lines of what a server said beside its messages that are told when it fails."""
LAST_WORDS = 2.0
"""Seconds a server has to end once its input is closed."""
WATCH = Path(__file__).with_name("lifeline.py")


@dataclass(slots=True)
class Server:
    """A process that speaks over its input and output, in a group of its own."""

    command: Sequence[str]
    folder: Path
    environ: Mapping[str, str]
    fault: str = ""
    """What it did that made it useless."""
    grace: float = LAST_WORDS
    """Seconds it has to end once its input is closed; less when it hangs anyway."""
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _lifeline: socket.socket | None = field(default=None, init=False)
    _voice: asyncio.StreamWriter | None = field(default=None, init=False)
    _tail: bytes = field(default=b"", init=False)

    @contextlib.asynccontextmanager
    async def connected(self) -> AsyncIterator[tuple[Any, Any]]:
        """Streams of messages, as a session of the SDK takes them. Raises ToolError when it cannot be started."""
        said = await self._start()
        process = self._process
        assert process is not None
        arriving, incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        outgoing, leaving = anyio.create_memory_object_stream[SessionMessage](0)
        tasks = [
            asyncio.create_task(self._receive(process, arriving)),
            asyncio.create_task(self._send(process, leaving)),
            asyncio.create_task(self._listen(said)),
        ]
        try:
            yield incoming, outgoing
        finally:
            await self._end(process, tasks)
            for stream in (arriving, incoming, outgoing, leaving):
                stream.close()

    def last_words(self) -> str:
        """How it ended, if it did, and what it said last; data, on one line."""
        code = self._process.returncode if self._process is not None else None
        ended = "" if code is None else f"it ended with {code}"
        lines = self._tail.decode("utf-8", "replace").splitlines()
        said = [" ".join(line.split())[:300] for line in lines if line.strip()][-LINES:]
        return "; ".join(part for part in (self.fault, ended, *said) if part)

    async def _start(self) -> asyncio.StreamReader:
        if not shutil.which(_placed(self.command[0], self.folder), path=self.environ.get("PATH")):
            raise ToolError(
                f"there is no command '{self.command[0]}'", hint="install it, or correct `mcp.command`"
            )
        ours, theirs = socket.socketpair()
        said, saying = socket.socketpair()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(WATCH), str(theirs.fileno()), *self.command),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=saying.fileno(),
                pass_fds=(theirs.fileno(),),
                cwd=self.folder,
                env=dict(self.environ),
                start_new_session=True,
                limit=MOST,
            )
            reader, self._voice = await asyncio.open_unix_connection(sock=said)
        except (OSError, ValueError) as error:
            ours.close()
            said.close()
            raise ToolError(f"'{self.command[0]}' cannot be started: {error}") from None
        finally:
            theirs.close()
            saying.close()
        self._lifeline = ours
        return reader

    async def _receive(self, process: asyncio.subprocess.Process, arriving: Any) -> None:
        """Its messages. A line that is none (many servers print) counts as something it said."""
        assert process.stdout is not None
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            async with arriving:
                while line := await self._line(process.stdout):
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError as error:
                        if _is_too_deep(line, error):
                            self.fault, self.grace = "it sent a message that is nested too deep", 0.1
                            break
                        self._tail = (self._tail + line)[-TAIL:]
                        continue
                    await arriving.send(SessionMessage(message))

    async def _line(self, stdout: asyncio.StreamReader) -> bytes:
        try:
            return await stdout.readline()
        except ValueError:
            self.fault, self.grace = f"it sent a message of more than {MOST >> 20} MB", 0.1
            return b""

    async def _send(self, process: asyncio.subprocess.Process, leaving: Any) -> None:
        assert process.stdin is not None
        with contextlib.suppress(anyio.ClosedResourceError, ConnectionError):
            async with leaving:
                async for one in leaving:
                    text = one.message.model_dump_json(by_alias=True, exclude_unset=True)
                    process.stdin.write(text.encode() + b"\n")
                    await process.stdin.drain()

    async def _listen(self, said: asyncio.StreamReader) -> None:
        with contextlib.suppress(ConnectionError):
            while piece := await said.read(65536):
                self._tail = (self._tail + piece)[-TAIL:]

    async def _end(self, process: asyncio.subprocess.Process, tasks: Sequence[asyncio.Task[None]]) -> None:
        """Close its input, wait a moment, have all it started ended. Done also where somebody cancels meanwhile."""
        ending = asyncio.ensure_future(self._ended(process, tasks))
        try:
            await asyncio.shield(ending)
        except asyncio.CancelledError:
            await ending
            raise

    async def _ended(self, process: asyncio.subprocess.Process, tasks: Sequence[asyncio.Task[None]]) -> None:
        assert process.stdin is not None
        process.stdin.close()
        if process.returncode is None:
            await asyncio.wait({asyncio.ensure_future(_code(process))}, timeout=self.grace)
        if process.returncode is None and self._lifeline is not None:
            with contextlib.suppress(OSError):
                self._lifeline.send(b"\0")
            await asyncio.wait({asyncio.ensure_future(_code(process))}, timeout=LAST_WORDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode is None:
            await asyncio.wait({asyncio.ensure_future(_code(process))}, timeout=LAST_WORDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.wait({asyncio.ensure_future(_emptied(process))}, timeout=LAST_WORDS)
        if self._voice is not None:
            self._voice.close()
        if self._lifeline is not None:
            self._lifeline.close()


def _is_too_deep(line: bytes, error: ValueError) -> bool:
    """Whether it is a message that nobody will read, unlike what a server prints beside its messages."""
    return line.startswith(b"{") and "recursion limit" in str(error)


async def _emptied(process: asyncio.subprocess.Process) -> None:
    """Read what is left, without which the pipe would not close."""
    assert process.stdout is not None
    with contextlib.suppress(ConnectionError):
        while await process.stdout.read(1 << 20):
            pass


async def _code(process: asyncio.subprocess.Process) -> None:
    """Return when the process is gone; `wait` would also wait for those that hold its pipes."""
    while process.returncode is None:  # noqa: ASYNC110 - nothing else tells it
        await asyncio.sleep(0.01)


def _placed(command: str, folder: Path) -> str:
    return str(folder / command) if os.sep in command else command


__all__ = ["Server"]
