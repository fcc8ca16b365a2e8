"""`serve:`: starts a local model server, waits until it answers, and stops it with the run.

The server runs in a group of its own under a small watchdog process (see `watchdog.py`), which ends it when this
process is gone, however it went. A server that answers at the address already is used as it is and not stopped.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from orchestrator.errors import ProviderError, UsageError
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit, Model
from orchestrator.providers.address import place_of
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.faults import Loading, clip
from orchestrator.providers.hosts import BARRIERS

PATIENCE = 600.0
"""Seconds a server may take to load its model."""
LAST_LINES = 6


@dataclass(slots=True)
class LocalServer:
    """A server process. `health` is an address that answers to the `key` with a 2xx once the server is ready."""

    name: str
    command: Sequence[str]
    health: str
    environ: Mapping[str, str]
    folder: Path
    patience: float = PATIENCE
    interval: float = 0.1
    key: str = field(default="", repr=False)
    _process: asyncio.subprocess.Process | None = field(default=None, init=False)
    _log: IO[bytes] | None = field(default=None, init=False)

    async def start(self) -> None:
        """Return when the server answers. Raises ProviderError or UsageError."""
        if self._process is not None and self._process.returncode is None:
            return
        server = ChatServer(self.health, model=self.name, key=self.key)
        try:
            found = await _state(server)
            if found == "silent":
                self._refuse_busy_port()
                await self._spawn()
            if found != "ready":
                await self._wait(server)
        except BaseException:
            await self.stop()
            raise
        finally:
            await server.close()

    async def stop(self) -> None:
        """End the server and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()  # the watchdog takes this as the end
            await process.wait()
        if self._log is not None:
            log, self._log = self._log, None
            log.close()

    async def _spawn(self) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the server runs
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",  # our folder is no place to import from: it has an openai.py
                str(Path(__file__).with_name("watchdog.py")),
                *self.command,
                stdin=asyncio.subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                cwd=self.folder,
                env={**BARRIERS, **self.environ},
                start_new_session=True,
            )
        except OSError as error:
            raise UsageError(f"model '{self.name}': the server cannot be started: {error.strerror}") from None

    async def _wait(self, server: ChatServer) -> None:
        loop = asyncio.get_running_loop()
        latest = loop.time() + self.patience
        while (found := await _state(server)) != "ready":
            # one that ended while another answers was started by a run that came second to the port
            if found == "silent" and not self._alive() and await _state(server) == "silent":
                raise self._ended()
            if loop.time() > latest:
                raise ProviderError(
                    "timeout",
                    f"model '{self.name}': {self.command[0]} runs, but {self.health} does not answer after "
                    f"{self.patience:g} s{self._said()}",
                    hint="check that `url` and the port in `serve` are the same",
                )
            await asyncio.sleep(self.interval)

    def _alive(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def _ended(self) -> ProviderError:
        if self._process is None:
            return ProviderError("unreachable", f"model '{self.name}': {self.health} answers no more")
        code = self._process.returncode
        if code == 127:
            return ProviderError(
                "unreachable",
                f"model '{self.name}': there is no command '{self.command[0]}'",
                hint="install it, or correct `serve`",
            )
        return ProviderError(
            "unreachable",
            f"model '{self.name}': {self.command[0]} ended with {code} before it answered{self._said()}",
            hint="run the command of `serve` by hand",
        )

    def _said(self) -> str:
        """The last lines the server wrote, as data."""
        if self._log is None:
            return ""
        size = os.fstat(self._log.fileno()).st_size
        tail = os.pread(self._log.fileno(), 4096, max(0, size - 4096)).decode("utf-8", "replace")
        lines = [clip(line) for line in tail.splitlines() if line.strip()][-LAST_LINES:]
        return "".join(f"\n  {line}" for line in lines)

    def _refuse_busy_port(self) -> None:
        """Somebody else's server on the port would be taken for ours."""
        place = place_of(self.health)
        with socket.socket(socket.AF_INET6 if ":" in place.host else socket.AF_INET) as probe:
            probe.settimeout(1.0)
            if probe.connect_ex((place.host, place.port)) != 0:
                return
        raise ProviderError(
            "unreachable",
            f"model '{self.name}': port {place.port} is taken by something that does not answer at {self.health}",
            hint="choose another port in `url` and `serve`",
        )


async def _state(server: ChatServer) -> Literal["ready", "loading", "silent"]:
    """One that asks for another key is ready: what is asked next tells it."""
    path = server.place.url.removeprefix(server.place.root)
    try:
        async with asyncio.timeout(5.0):
            await server.get(path)
    except Loading:
        return "loading"
    except ProviderError as error:
        return "ready" if error.kind == "auth" else "silent"
    except TimeoutError:
        return "silent"
    return "ready"


class ServedModel:
    """A model whose server is started before it is prepared and stopped when it is closed."""

    def __init__(self, model: Model, server: LocalServer) -> None:
        self._model = model
        self._server = server

    async def prepare(self) -> ModelInfo:
        await self._server.start()
        return await self._model.prepare()

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        return await self._model.count(messages)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        return await self._model.generate(request, emit)

    async def close(self) -> None:
        await self._model.close()
        await self._server.stop()
