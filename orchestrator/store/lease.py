"""One owner per run: an OS file lock held for the owner's life (SQLite), or a row on the server's clock.

The lock is the truth; the text in the file only says who holds it. A kill -9 frees the lock by itself.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Self

from orchestrator.errors import StoreError
from orchestrator.store import rowlease
from orchestrator.store.plainly import open_plain

if TYPE_CHECKING:
    from types import TracebackType

    from orchestrator.store.store import Store

_TRIES = 10
_PAUSE = 0.03
"""Somebody who only asks whether an owner lives holds the lock for microseconds: so try again before refusing."""


class Lease:
    """The right to execute a run and to write its events. A context manager, or `release()`."""

    def __init__(self, store: Store, run: str, lock: FileLock | rowlease.RowLease) -> None:
        self.run = run
        self._leases = store.leases
        self._lock = lock

    @classmethod
    def acquire(cls, store: Store, run: str) -> Lease:
        """Become the owner; before `Store.create` for a new run. Raises StoreError when somebody else is."""
        on_server = store.place is None
        lock = rowlease.RowLease(store, run, me()) if on_server else FileLock(_lock_path(store, run))
        holder = lock.take()
        if holder is not None:
            hint = f"follow it with `orch logs {run} -f`"
            raise StoreError(f"run {run} is being executed by {holder}", hint=hint)
        if isinstance(lock, rowlease.RowLease):
            store.leases[run] = lock
        return cls(store, run, lock)

    def release(self) -> None:
        self._leases.pop(self.run, None)
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


class FileLock:
    """An exclusive lock on a file that says who holds it. Child processes do not inherit it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = -1

    def take(self) -> str | None:
        """None when it is ours now, else who has it. Raises StoreError where no lock can be made."""
        while True:
            descriptor = self._open()
            if not _lock(descriptor):
                holder = _holder(descriptor)
                os.close(descriptor)
                return holder
            if _is_at(descriptor, self._path):
                break
            os.close(
                descriptor
            )  # its owner removed it while we waited: the lock of that name is another file
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, me().encode(), 0)
        except OSError as error:
            os.close(descriptor)
            raise self._cannot(error) from error
        self._descriptor = descriptor
        return None

    def hold(self) -> bool:
        """Take it for a moment, if it is free, in nobody's name: whoever asks still hears that nobody executes the run."""
        descriptor = self._open()
        if _is_free(descriptor) and _is_at(descriptor, self._path):
            os.ftruncate(descriptor, 0)
            self._descriptor = descriptor
            return True
        os.close(descriptor)
        return False

    def release(self) -> None:
        if self._descriptor >= 0:
            self._path.unlink(missing_ok=True)
            os.close(self._descriptor)
            self._descriptor = -1

    def _open(self) -> int:
        try:
            self._path.parent.mkdir(mode=0o700, exist_ok=True)
            return open_plain(self._path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise self._cannot(error) from error

    def _cannot(self, error: OSError) -> StoreError:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        writable = "make the folder writable, or name another store with ORCH_DATABASE_URL"
        hint = "free some space; what had begun goes on with `orch resume`" if full else writable
        return StoreError(f"cannot lock {self._path}: {error.strerror}", hint=hint)


def me() -> str:
    """This process as a person can find it."""
    return f"process {os.getpid()} on {socket.gethostname()}"


def owner_alive(store: Store, run: str) -> bool:
    """Whether a process executes the run now."""
    return owner(store, run) is not None


def owner(store: Store, run: str) -> str | None:
    """Who executes the run now, None when nobody does."""
    if store.place is None:
        return rowlease.holder(store, run)
    try:
        descriptor = open_plain(_lock_path(store, run), os.O_RDONLY)
    except OSError:
        return None
    try:
        if os.fstat(descriptor).st_size:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    finally:
        os.close(descriptor)
    return None


@contextmanager
def resting(store: Store, run: str) -> Iterator[bool]:
    """Whether nobody executes the run, and nobody begins to before the block ends. For a store that is a file."""
    lock = FileLock(_lock_path(store, run))
    try:
        free = lock.hold()
    except StoreError:
        free = False
    try:
        yield free
    finally:
        lock.release()


def _is_free(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def forget(store: Store, run: str) -> None:
    """Remove what the locks of a deleted run left."""
    if store.place is None:
        rowlease.forget(store, run)
    else:
        _lock_path(store, run).unlink(missing_ok=True)


def _lock(descriptor: int) -> bool:
    for _ in range(_TRIES):
        if _is_free(descriptor):
            return True
        time.sleep(_PAUSE)
    return False


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"


def _lock_path(store: Store, run: str) -> Path:
    assert store.place is not None
    return store.place / "locks" / f"{store.name}.{run}.lock"
