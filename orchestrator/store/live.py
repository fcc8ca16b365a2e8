"""Tokens while they are generated, for whoever watches from another process: a local socket per run, lossy by design.

The owner never waits: a frame that a slow watcher's buffer has no room for is dropped. Knows no event.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import stat
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.store import Store

_LOOK = 0.05
"""Seconds between looks for new watchers."""

_PIECE = 8000
"""Characters of one frame."""

_CHUNK = 1_000_000
"""Bytes read at once, and of one frame at most: a piece takes at most twelve per character."""

_LONGEST = 100
"""Bytes a socket's path may have on every platform (Linux 108, macOS 104)."""


def socket_path(where: str, run: str, runtime: Path | None = None) -> Path | None:
    """The socket of a run of the store `where`; None when there is no safe place for one."""
    name = hashlib.sha256(f"{where}\n{run}".encode()).hexdigest()[:16] + ".sock"
    for folder in [runtime] if runtime else _folders():
        path = folder / name
        if len(os.fsencode(path)) <= _LONGEST and _ours(folder):
            return path
    return None


def _folders() -> list[Path]:
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    private = f"orch-{os.getuid()}"
    found = [Path(runtime) / "orch"] if runtime else []
    return [*found, Path(tempfile.gettempdir()) / private, Path("/tmp") / private]  # noqa: S108 - checked to be ours


def _ours(folder: Path) -> bool:
    """The folder exists, is no link, belongs to this user and to nobody else: /tmp is everybody's."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        facts = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(facts.st_mode) and facts.st_uid == os.getuid() and not facts.st_mode & 0o077


@dataclass(slots=True)
class _Watcher:
    """One connection; `rest` is the part of a frame that did not fit."""

    socket: socket.socket
    rest: bytes = b""

    def send(self, frame: bytes) -> bool:
        """False when the watcher has gone. A frame is sent whole or not at all, in the end."""
        try:
            if self.rest:
                self.rest = self.rest[self.socket.send(self.rest) :]
            if not self.rest:
                self.rest = frame[self.socket.send(frame) :]
        except BlockingIOError:
            return True
        except OSError:
            self.socket.close()
            return False
        return True


class LiveSender:
    """The owner's side, callable as `ports.Live`: `live(path, text)`. Costs a clock reading when nobody watches."""

    def __init__(self, store: Store, run: str, *, runtime: Path | None = None) -> None:
        """`runtime` is the folder for the socket; without a safe one every call does nothing."""
        self._path = socket_path(store.where, run, runtime)
        self._listener = _listen(self._path) if self._path else None
        self._watchers: list[_Watcher] = []
        self._looked = 0.0

    def __call__(self, path: str, text: str) -> None:
        if self._listener is None:
            return
        now = time.monotonic()
        if now - self._looked >= _LOOK:
            self._looked = now
            self._accept(self._listener)
        if self._watchers:
            for start in range(0, len(text), _PIECE):
                frame = json.dumps([path, text[start : start + _PIECE]]).encode() + b"\n"
                self._watchers = [watcher for watcher in self._watchers if watcher.send(frame)]

    @property
    def watched(self) -> bool:
        """Whether somebody was connected at the last look."""
        return bool(self._watchers)

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.socket.close()
        self._watchers = []
        if self._listener is not None and self._path is not None:
            self._listener.close()
            self._listener = None
            with contextlib.suppress(OSError):
                self._path.unlink()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                connection.setblocking(False)
                self._watchers.append(_Watcher(connection))


def _listen(path: Path) -> socket.socket | None:
    """A socket left by a killed owner is replaced: only the holder of the lease comes here."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        listener.bind(str(path))
        listener.listen(8)
        listener.setblocking(False)
    except OSError:
        listener.close()
        return None
    return listener


async def watch(
    store: Store, run: str, *, runtime: Path | None = None, retry: float = 0.3, gather: float = 0.0
) -> AsyncIterator[tuple[str, str]]:
    """Pieces of text as `(path of the step, text)`, from whenever the owner listens; end it by cancelling.

    Ends by itself where there is no safe place for a socket. `retry` and `gather` are in seconds: so long nothing is
    read after something was, since to be woken for every token costs more than to read it.
    """
    path = socket_path(store.where, run, runtime)
    while path is not None:
        try:
            reader, writer = await asyncio.open_unix_connection(str(path))
        except OSError:
            await asyncio.sleep(retry)
            continue
        try:
            async for frame in _frames(reader, writer, gather):
                yield frame
        except (OSError, ValueError):
            pass  # cut off or no frames of ours: connect again
        finally:
            writer.close()
        await asyncio.sleep(retry)


async def _frames(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gather: float
) -> AsyncIterator[tuple[str, str]]:
    """Until the other side closes. Raises ValueError when what comes has no end."""
    rest = b""
    while chunk := await reader.read(_CHUNK):
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if (frame := _frame(line)) is not None:
                yield frame
        if len(rest) > _CHUNK:
            raise ValueError("a frame without an end")
        await _rest_from(writer.transport, gather)


async def _rest_from(transport: asyncio.BaseTransport, seconds: float) -> None:
    """What comes meanwhile stays with the system."""
    if seconds and isinstance(transport, asyncio.Transport):
        transport.pause_reading()
        await asyncio.sleep(seconds)
        transport.resume_reading()
    else:
        await asyncio.sleep(0)


def _frame(line: bytes) -> tuple[str, str] | None:
    try:
        path, text = json.loads(line)
    except (ValueError, TypeError):
        return None
    return (path, text) if isinstance(path, str) and isinstance(text, str) else None
