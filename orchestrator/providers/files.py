"""Files that several processes share: locks that die with their owner, atomic writes, digests."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

CHUNK = 1 << 20


class FileLock:
    """An advisory lock on a file. The kernel frees it when the last process holding the descriptor is gone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    @property
    def fd(self) -> int:
        """The descriptor, to hand on to a child that shall hold the lock too."""
        return self._fd

    @property
    def held(self) -> bool:
        return self._fd >= 0

    def take(self, *, shared: bool = False) -> bool:
        """Take the lock if nobody is in the way; at once in any case."""
        fd = self._fd if self.held else os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            if not self.held:
                os.close(fd)
            return False
        self._fd = fd
        return True

    def wait(
        self, seconds: float, *, shared: bool = False, waiting: Callable[[], None] | None = None
    ) -> bool:
        """Take the lock, waiting so long for it; `waiting` is called again and again meanwhile."""
        end = time.monotonic() + seconds
        while not self.take(shared=shared):
            if time.monotonic() >= end:
                return False
            if waiting is not None:
                waiting()
            time.sleep(0.02)
        return True

    def release(self) -> None:
        if self.held:
            fd, self._fd = self._fd, -1
            os.close(fd)

    def __enter__(self) -> FileLock:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def is_locked(path: Path, *, by_anyone: bool = False) -> bool:
    """Whether some process holds this lock exclusively now; with `by_anyone` also when it is shared.

    A file that is not there is not locked.
    """
    if not path.exists():
        return False
    with FileLock(path) as lock:
        return not lock.take(shared=not by_anyone)


def write_atomic(path: Path, text: str) -> None:
    """Write the whole file or nothing, readable by its owner only."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise


def sha256_of(path: Path, progress: Callable[[int], None] | None = None) -> str:
    """The digest of a file, read once; `progress` hears how many bytes are done."""
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while block := file.read(CHUNK):
            digest.update(block)
            done += len(block)
            if progress is not None:
                progress(done)
    return digest.hexdigest()
