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
_PART, _NAME, _FRESH = re.compile("[0-9a-f]{2}"), re.compile("[0-9a-f]{64}"), re.compile(r"\.[0-9a-f]{16}")
"""Names of folders, of answers in them, and of those that are being written; nothing else is ever touched."""
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
        total = sum(size for _, size, _, _ in files)
        excess = total - int(self._limit * _SLACK) if total > self._limit else 0
        for _, size, folder, name in sorted(files):
            if excess <= 0:
                return
            with _opened(self._folder / folder) as place:
                _remove(name, place)
            excess -= size

    def _files(self) -> Iterator[tuple[float, int, str, str]]:
        """Last use, size, folder and name of all answers that are there; others may remove some meanwhile."""
        for part in self._folder.iterdir():
            if _PART.fullmatch(part.name) is not None:
                with contextlib.suppress(OSError), _opened(part) as place:
                    yield from ((*found, part.name, name) for found, name in _answers(place))


def _answers(place: int) -> Iterator[tuple[tuple[float, int], str]]:
    """Last use, size and name of those in an opened folder."""
    now = os.fstat(place).st_mtime
    with os.scandir(place) as entries:
        for entry in entries:
            with contextlib.suppress(FileNotFoundError):
                found = entry.stat(follow_symlinks=False)
                if _NAME.fullmatch(entry.name):
                    yield (found.st_mtime, found.st_size), entry.name
                elif _FRESH.fullmatch(entry.name) and found.st_mtime + _LOST < now:
                    _remove(entry.name, place)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    """A folder of answers, and no link to another place: what is removed in it is removed there. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _remove(name: str, place: int) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=place)


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
