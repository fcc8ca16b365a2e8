"""One owner per run: an OS file lock held for the owner's life (SQLite), or a row on the server's clock.

The lock is the truth; the text in the file only says who holds it. A kill -9 frees the lock by itself.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from types import TracebackType

    from orchestrator.store.store import Store

_TRIES = 10
_PAUSE = 0.03
"""Somebody who only asks whether an owner lives holds the lock for microseconds: so try again before refusing."""


class Lease:
    """The right to execute a run and to write its events. Use as a context manager, or `release()`."""

    def __init__(self, run: str, descriptor: int, path: Path) -> None:
        self.run = run
        self._descriptor = descriptor
        self._path = path

    @classmethod
    def acquire(cls, store: Store, run: str) -> Lease:
        """Become the owner; before `Store.create` for a new run. Raises StoreError when somebody else is."""
        path = _lock_path(store, run)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(
                f"run {run} cannot be locked: {path}: {error.strerror}", hint="make the folder writable"
            ) from error
        if not _lock(descriptor):
            owner = _holder(descriptor)
            os.close(descriptor)
            raise StoreError(
                f"run {run} is being executed by {owner}", hint=f"follow it with `orch logs {run} -f`"
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, me().encode(), 0)
        return cls(run, descriptor, path)

    def release(self) -> None:
        if self._descriptor >= 0:
            os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def me() -> str:
    """This process as a person can find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def owner_alive(store: Store, run: str) -> bool:
    """Whether a process executes the run now."""
    return owner(store, run) is not None


def owner(store: Store, run: str) -> str | None:
    """Who executes the run now, None when nobody does."""
    try:
        descriptor = os.open(_lock_path(store, run), os.O_RDONLY)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_size == 0:
            return None
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


def _lock(descriptor: int) -> bool:
    for _ in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            time.sleep(_PAUSE)
    return False


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"


def _lock_path(store: Store, run: str) -> Path:
    assert store.place is not None
    return store.place / "locks" / f"{store.name}.{run}.lock"
