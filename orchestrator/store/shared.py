"""A cache that several people share: a directory, or another database, beside the cache of the store.

A directory is a sink: only answers whose label is within its clearance go there, and those of models that are the same
on every machine; the key of such an answer begins with its label. A file is written under another name and renamed, so
that no lock is needed on a network drive, and holds the digest of its content. What is read is data, judged by the run
as if the model had just said it: the digest finds damage, not a colleague's intent. It never fails a run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets as random
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from orchestrator.labels import LEVELS, Label, above
from orchestrator.ports import Cache

LARGEST = 8_000_000
"""Bytes of one answer."""
LIMIT = 1_000_000_000
"""Bytes of a directory; what was not used for longest goes first."""
_SLACK = 0.9
_KEY = re.compile(r"([a-z]+):([0-9a-f]{64})")
_FOLDER = "answers-1"
_LOST = 3600.0
"""Seconds after which a file that was never renamed is nobody's any more."""


class DirectoryCache:
    """Answers as files of a directory. A thread writes. Without the right to write it is read only."""

    def __init__(self, place: Path, *, limit: int = LIMIT) -> None:
        self._folder = place / _FOLDER
        self._limit = limit
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="shared cache")
        self._wrote = False
        self.fault: OSError | None = None

    def get(self, key: str) -> Any | None:
        """The value of this key; None when there is none that is whole."""
        path = self._path(key)
        try:
            data = _read(path)
            with contextlib.suppress(OSError):
                os.utime(path)
        except OSError:
            return None
        digest, _, text = data.partition(b"\n")
        if digest.decode("ascii", "replace") != hashlib.sha256(key.encode() + text).hexdigest():
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return None

    def put(self, key: str, value: Any) -> None:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
        if len(text) < LARGEST:
            self._writer.submit(self._write, key, text)

    def close(self) -> None:
        """Write what waits, and make room when it was written."""
        self._writer.shutdown(wait=True)
        if self._wrote:
            with contextlib.suppress(OSError):
                self._evict()

    def _path(self, key: str) -> Path:
        digest = hashlib.sha256(key.encode()).hexdigest()
        return self._folder / digest[:2] / digest

    def _write(self, key: str, text: bytes) -> None:
        path = self._path(key)
        fresh = path.with_name(f".{random.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.write_bytes(hashlib.sha256(key.encode() + text).hexdigest().encode() + b"\n" + text)
            fresh.replace(path)
            self._wrote = True
        except OSError as error:
            self.fault = error
            with contextlib.suppress(OSError):
                fresh.unlink(missing_ok=True)

    def _evict(self) -> None:
        files = list(self._files())
        total = sum(size for _, size, _ in files)
        excess = total - int(self._limit * _SLACK) if total > self._limit else 0
        for _, size, path in sorted(files):
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, Path]]:
        """Last use, size and place of all that is there; others may remove some meanwhile."""
        for folder in self._folder.iterdir():
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    found = path.lstat()
                    if not path.name.startswith("."):
                        yield found.st_mtime, found.st_size, path
                    elif found.st_mtime + _LOST < path.parent.stat().st_mtime:
                        path.unlink()


def _read(path: Path) -> bytes:
    """A regular file, no longer than an answer may be. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError
        return file.read(LARGEST + 100)


class SharedCache:
    """The cache of the store first, then the shared one for what may be there."""

    def __init__(self, near: Cache, far: Cache, clearance: Label) -> None:
        self._near, self._far, self._clearance = near, far, clearance

    def get(self, key: str) -> Any | None:
        found = self._near.get(key)
        if found is None and self._may(key):
            found = self._far.get(key)
        return found

    def put(self, key: str, value: Any) -> None:
        self._near.put(key, value)
        if self._may(key):
            self._far.put(key, value)

    def _may(self, key: str) -> bool:
        """Whether the answer of this key may be known to the others."""
        found = _KEY.fullmatch(key)
        label = next((level for level in LEVELS if found and found[1] == level), None)
        return label is not None and not above(label, self._clearance)


__all__ = ["DirectoryCache", "SharedCache"]
