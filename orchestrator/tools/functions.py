"""Typed Python functions of the project as tools: run in a process of their own, which a crash or a hang takes along.

The user's code is trusted as the file is; the process keeps its faults away from the run, not its intentions.
"""

from __future__ import annotations

import ast
import asyncio
import codecs
import contextlib
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.calling import CallContext, Effects, Signature, ToolResult, quiet
from orchestrator.errors import ToolError
from orchestrator.graph.pytools import LARGEST
from orchestrator.graph.pytypes import Called, called, functions_in
from orchestrator.graph.say import choice, near
from orchestrator.regular import read_regular, real
from orchestrator.spec.values import check_value
from orchestrator.tools.surroundings import without_keys

CHILD = Path(__file__).with_name("function_child.py")
WATCH = Path(__file__).with_name("lifeline.py")
MOST = 16_000_000
"""Bytes of one result, at most."""
SHOWN = 200_000
"""Characters of what one call prints that are passed on."""
TAIL = 2_000
"""Bytes of what a process wrote by itself that are kept for the message about its end."""
KEYBOARD = (-signal.SIGINT, 128 + signal.SIGINT)
"""Exit codes of a process that was ended by a Ctrl-C."""
MEANWHILE = 1.0
"""Seconds in which a Ctrl-C that ended a process is seen by this one too."""
LAST_WORDS = 5.0
"""Seconds in which a process that was told to end may do so, and a killed one may take to be gone."""
LONGEST = 1_000
"""Characters of an exception that are told."""


class Functions:
    """Python functions of one run. Processes are started when they are needed and used again until `close`."""

    def __init__(
        self, environ: Mapping[str, str], withheld: Collection[str] = (), most: int | None = None
    ) -> None:
        self._environ = without_keys(environ, withheld)
        self._most = most or max(4, os.cpu_count() or 1)
        self._pools: dict[Path, _Pool] = {}

    def tool(
        self, name: str, reference: str, base: Path, root: Path, effects: Effects = "once"
    ) -> FunctionTool:
        """The tool `name` of `reference`, such as tools.py:score, relative to `base`. Raises ToolError."""
        file, _, function = reference.partition(":")
        path = real(base / file)
        if not function or not path.is_relative_to(real(root)):
            raise ToolError(f"{reference} is no function of the project", hint="write file.py:function")
        how = _read(path, file, function)
        signature = Signature(name, how.description, how.arguments, how.result, effects)
        pool = self._pools.setdefault(path, _Pool(path, self._environ, self._most))
        return FunctionTool(signature, function, how, pool)

    async def close(self) -> None:
        """End every process."""
        pools, self._pools = list(self._pools.values()), {}
        await asyncio.gather(*(pool.close() for pool in pools))


def _read(path: Path, file: str, function: str) -> Called:
    try:
        tree = ast.parse(read_regular(path, LARGEST))
    except OSError as error:
        raise ToolError(f"{file}: {(error.strerror or str(error)).lower()}") from None
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # the last two: nested too deeply
        raise ToolError(f"{file} is no valid Python: {error}") from None
    found = functions_in(tree)
    if function not in found:
        hint = near(function, found) or f"it has {choice(found) or 'none'}"
        raise ToolError(f"{file} has no function '{function}'", hint=hint)
    return called(tree, found[function])


@dataclass(frozen=True, slots=True)
class FunctionTool:
    """One function."""

    signature: Signature
    function: str
    how: Called
    pool: _Pool

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Call it once; what it prints is progress. Raises ToolError with its exception and the line in its file."""
        name, how = self.signature.name, self.how
        problems = check_value(how.arguments, arguments)
        if problems:
            raise ToolError(f"{name}: {'; '.join(problems)}")
        request = {
            "function": self.function,
            "arguments": {key: value for key, value in arguments.items() if self._is_given(key, value)},
            "first": list(how.first),
            "made": sorted(how.made),
        }
        value = await self.pool.call(name, request, context.seconds, context.progress)
        problems = check_value(how.result, value)
        if problems:
            raise ToolError(
                f"{name} returned what its annotation does not say: {'; '.join(problems)}", unsure=True
            )
        return ToolResult(value)

    def _is_given(self, name: str, value: Any) -> bool:
        """A null for what may be left out means its default, unless null is a value of its type."""
        wanted = self.how.arguments.field(name)
        return (
            value is not None or wanted is None or not wanted.optional or not check_value(wanted.type, None)
        )


class _Pool:
    """Processes for one file. As many calls as there may be processes run side by side, the others wait."""

    def __init__(self, file: Path, environ: Mapping[str, str], most: int) -> None:
        self._file = file
        self._environ = environ
        self._free = asyncio.Semaphore(most)
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()

    async def call(
        self, name: str, request: Mapping[str, Any], seconds: float, progress: Callable[[str], None]
    ) -> Any:
        try:
            async with asyncio.timeout(seconds), self._free:
                return await self._call(name, request, progress)
        except TimeoutError:
            raise ToolError(f"{name} took longer than {seconds:g} s", unsure=True) from None

    async def _call(self, name: str, request: Mapping[str, Any], progress: Callable[[str], None]) -> Any:
        child = self._idle.pop() if self._idle else _Child(self._file, self._environ)
        self._all.add(child)
        kept = False
        try:
            answer = await child.call(name, request, progress)
            kept = True
        finally:
            if kept:
                self._idle.append(child)
            else:
                self._all.discard(child)
                await child.kill()
        if "error" in answer:
            place = f"{answer['place']}: " if answer["place"] else ""
            raise ToolError(f"{name}: {place}{_clipped(answer['error'])}")
        return answer["value"]

    async def close(self) -> None:
        children, self._all = list(self._all), set()
        self._idle.clear()
        await asyncio.gather(*(child.close() for child in children))


def _clipped(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


@dataclass(slots=True, eq=False)
class _Child:
    """One process under `lifeline.py`, which ends it with all it started, also when this process is killed."""

    file: Path
    environ: Mapping[str, str]
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _reader: asyncio.StreamReader | None = field(default=None, init=False)
    _lifeline: socket.socket | None = field(default=None, init=False)
    _writers: list[asyncio.StreamWriter] = field(default_factory=list, init=False)
    _listening: asyncio.Task[None] | None = field(default=None, init=False)
    _progress: Callable[[str], None] = field(default=quiet, init=False)
    _tail: bytes = field(default=b"", init=False)
    _left: int = field(default=0, init=False)

    async def call(
        self, name: str, request: Mapping[str, Any], progress: Callable[[str], None]
    ) -> dict[str, Any]:
        """What came of a call. Raises ToolError when the process ended over it."""
        self._progress, self._left, self._tail = progress, SHOWN, b""
        if self._process is None:
            await self._start()
        assert self._process is not None
        answer = asyncio.ensure_future(self._answer(json.dumps(request).encode()))
        ended = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({answer, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not answer.done():  # the last frame may still be on its way
                await asyncio.wait({answer}, timeout=0.2)
            if answer.done() and answer.exception() is None:
                return answer.result()
            if answer.done() and isinstance(answer.exception(), ToolError):
                raise answer.exception() or AssertionError
            await asyncio.wait({ended}, timeout=LAST_WORDS)
            if self._process.returncode in KEYBOARD:  # it met a Ctrl-C before it had a session of its own
                await asyncio.sleep(MEANWHILE)  # which ends this call too, and is no fault of the function
            raise ToolError(f"{name}: {self._end()}", unsure=True)
        finally:
            self._progress = quiet
            for task in (answer, ended):
                task.cancel()
            await asyncio.gather(answer, ended, return_exceptions=True)

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        said, saying = socket.socketpair()
        line, watched = socket.socketpair()
        child = (sys.executable, "-P", "-X", "utf8", str(CHILD), str(theirs.fileno()), str(self.file))
        try:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", str(WATCH), str(watched.fileno()), *child),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=saying.fileno(),
                stderr=saying.fileno(),
                pass_fds=(theirs.fileno(), watched.fileno()),
                cwd=self.file.parent,
                env=self.environ,
                start_new_session=True,
            )
            self._lifeline = line
            self._reader, writer = await asyncio.open_unix_connection(sock=ours)
            reader, other = await asyncio.open_unix_connection(sock=said)
        except OSError as error:
            for one in (ours, said, line):
                one.close()
            raise ToolError(f"a process for {self.file.name} cannot be started: {error}") from None
        finally:
            for one in (theirs, saying, watched):
                one.close()
        self._writers = [writer, other]
        self._listening = asyncio.create_task(self._listen(reader))

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        """What others than Python print: programs that the function starts, libraries in C, a dying interpreter."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(ConnectionError):
            while piece := await reader.read(65536):
                self._tail = (self._tail + piece)[-TAIL:]
                self._tell(decoder.decode(piece))

    def _tell(self, text: str) -> None:
        if text and self._left > 0:
            piece, self._left = text[: self._left], self._left - len(text)
            self._progress(piece if self._left > 0 else f"{piece}\n… more is not shown\n")

    async def _answer(self, request: bytes) -> dict[str, Any]:
        reader, writer = self._reader, self._writers[0]
        assert reader is not None
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        writer.write(b"c" + len(request).to_bytes(4, "big") + request)
        await writer.drain()
        while True:
            head = await reader.readexactly(5)
            size = int.from_bytes(head[1:], "big")
            if size > MOST:
                raise ToolError(f"it returned {size:,} bytes, more than {MOST // 1_000_000} MB", unsure=True)
            content = await reader.readexactly(size)
            if head[:1] == b"o":
                self._tell(decoder.decode(content))
                continue
            answer: dict[str, Any] = json.loads(content)
            self._tell(answer.get("trace", ""))
            return answer

    def _end(self) -> str:
        """How the process ended, and its last words."""
        code = self._process.returncode if self._process is not None else None
        how = "its process closed the channel to orch"
        if code is not None:
            number = -code if code < 0 else code - 128
            how = (
                f"its process was killed by {signal.Signals(number).name}"
                if number in set(signal.Signals)
                else f"its process ended with {code}"
            )
        last = self._tail.decode("utf-8", "replace").strip().splitlines()[-3:]
        return "; ".join([how, *last])

    async def kill(self) -> None:
        """End it at once, with all that it started."""
        process = self._process
        if process is not None:
            if process.returncode is None and self._lifeline is not None:
                with contextlib.suppress(OSError, TimeoutError):
                    self._lifeline.send(b"\0")
                    async with asyncio.timeout(LAST_WORDS):
                        await process.wait()
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await self._gone(process)

    async def close(self) -> None:
        """Let it end by itself, then end what is left."""
        process = self._process
        if process is not None:
            self._writers[0].close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS):
                    await process.wait()
        await self.kill()

    async def _gone(self, process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                await process.wait()
        for writer in self._writers:
            writer.close()
        if self._lifeline is not None:
            self._lifeline.close()
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
