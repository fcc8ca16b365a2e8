"""The parent's side of a database: starts children, keeps a few warm, asks them, and ends what takes too long.

DuckDB runs here, and not as a job in the sandbox of the tool `python`, because it is worth keeping: starting it and loading
200,000 rows takes as long as a hundred queries of them, and an agent asks several times about the same tables. The locks are the
sandbox's own (address space, Landlock, system calls), put on before the first file is opened; what runs behind them is
DuckDB and not a program that a model wrote. DuckDB's own memory_limit does not hold, that of the address space does.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import SandboxUnavailable, ToolError
from orchestrator.tools.database.sources import Sources, written
from orchestrator.tools.sandbox.ground import Ground, own_ground

START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from orchestrator.tools.database.inside.main import main; main()"
)
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "TZ": "UTC", "MALLOC_ARENA_MAX": "2"}
"""Few arenas: each thread would reserve 64 MB of the address space for its own."""
LAST_WORDS = 10.0
"""Seconds that a killed process may take until it is gone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of one question, `memory` as address space in bytes; `size` bytes of a result as JSON."""

    seconds: float = 30.0
    memory: int = 2 << 30
    rows: int = 10_000
    size: int = 1 << 20
    threads: int = 2
    warm: int = 2


class Stopped(Exception):
    """A question was not answered: it took too long, or too much memory, or broke the database. Says which."""


class Databases:
    """Children by what they have loaded. Each answers one question at a time."""

    def __init__(self, limits: Limits | None = None, ground: Ground | None = None) -> None:
        self._limits = limits or Limits()
        self._ground = ground or own_ground()
        self._children: OrderedDict[str, _Child] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def limits(self) -> Limits:
        return self._limits

    async def ask(
        self, sources: Sources, asked: dict[str, Any], scratch: Path, seconds: float | None = None
    ) -> Any:
        """The child's answer. Raises Stopped, ToolError where a table cannot be loaded, SandboxUnavailable."""
        wall = min(self._limits.seconds, self._limits.seconds if seconds is None else seconds)
        try:
            async with asyncio.timeout(wall):
                lock = self._locks.setdefault(sources.stamp, asyncio.Lock())
                async with lock:
                    return await self._asked(sources, asked, scratch)
        except TimeoutError:
            raise Stopped(f"stopped: still running after {wall:g} s") from None

    async def close(self) -> None:
        """End every child."""
        while self._children:
            await self._children.popitem()[1].end()

    async def _asked(self, sources: Sources, asked: dict[str, Any], scratch: Path) -> Any:
        child = await self._child(sources, scratch)
        try:
            said = await child.ask(asked)
        except BaseException:
            self._children.pop(sources.stamp, None)
            await child.end()
            raise
        self._children.move_to_end(sources.stamp)
        await self._spare()
        return said

    async def _child(self, sources: Sources, scratch: Path) -> _Child:
        known = self._children.get(sources.stamp)
        if known is not None and known.alive:
            return known
        if known is not None:
            await known.end()
        child = await _Child.start(self._order(written(sources, scratch)), self._ground, self._limits)
        self._children[sources.stamp] = child
        return child

    async def _spare(self) -> None:
        """End what was asked longest ago, unless it is being asked."""
        for stamp in list(self._children):
            if len(self._children) <= self._limits.warm:
                return
            if not self._children[stamp].busy:
                await self._children.pop(stamp).end()

    def _order(self, sources: Sources) -> dict[str, Any]:
        return {
            "parent": os.getpid(),
            "memory": self._limits.memory,
            "threads": self._limits.threads,
            "readable": list(self._ground.readable),
            "devices": list(self._ground.devices),
            "files": sources.files,
            "database": {"path": sources.database, "shown": sources.shown} if sources.database else None,
            "tables": [
                {"name": one.name, "path": one.path, "kind": one.kind, "shown": one.shown}
                for one in sources.tables
            ],
        }


class _Child:
    """One process with tables loaded."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.busy = False
        self.layers = ""

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    @classmethod
    async def start(cls, order: dict[str, Any], ground: Ground, limits: Limits) -> _Child:
        """Raises ToolError when a table cannot be loaded, SandboxUnavailable when the child cannot be locked in."""
        try:
            process = await asyncio.create_subprocess_exec(
                *(ground.python, "-I", "-S", "-X", "utf8", "-c", START, _home(), *ground.packages),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=ENVIRONMENT if sys.platform != "win32" else None,
                start_new_session=True,
                limit=4 * limits.size + 65536,
            )
        except OSError as error:
            raise SandboxUnavailable(f"{ground.python} does not start: {error}") from error
        child = cls(process)
        try:
            child.layers = await child._ready(order)
        except BaseException:
            await child.end()
            raise
        return child

    async def ask(self, asked: dict[str, Any]) -> Any:
        """Raises Stopped when the child is of no use any more."""
        self.busy = True
        try:
            said = await self._said(asked)
        finally:
            self.busy = False
        if "answer" not in said:
            raise Stopped("the query broke the database; write it more simply")
        return said["answer"]

    async def end(self) -> None:
        """Kill it and whatever it started; returns when it is gone."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        if self._process.stdin is not None:
            self._process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._process.wait()), LAST_WORDS)

    async def _ready(self, order: dict[str, Any]) -> str:
        try:
            said = await self._said(order)
        except Stopped as error:
            raise ToolError(f"the tables could not be loaded ({error})", hint="are they too large?") from None
        if "ready" in said:
            return str(said["ready"])
        if "refused" in said:
            raise SandboxUnavailable(
                f"sql does not run on this machine: {said['refused']}", hint="orch doctor --sandbox"
            )
        raise ToolError(f"{said.get('failed', 'the tables could not be loaded')}")

    async def _said(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One line there, one line back."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            await self._process.stdin.drain()
            line = await self._process.stdout.readuntil(b"\n")
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            raise Stopped("it used too much memory, or broke the database") from None
        try:
            said = json.loads(line)
        except ValueError:
            said = None
        return said if isinstance(said, dict) else {}


def _home() -> str:
    """The folder that `orchestrator` is imported from."""
    return str(Path(__file__).resolve().parents[3])
