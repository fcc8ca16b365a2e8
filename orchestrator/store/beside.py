"""The file beside a SQLite store that holds what was written last, `store.db-wal`: whether it is still the one we wrote.

SQLite folds in any file of that name whose own checksums fit, also that of another database, and misses none that was
removed. So whoever commits writes down which file it was, in `marks/` beside the store. Knows no table.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from orchestrator.light import light
from orchestrator.store.plainly import open_plain, read_plain

FOLDER = "marks"
_IDENTITY = slice(12, 32)
"""Of the file's first bytes: how often it was begun anew, two numbers drawn at random, and their checksum."""
_HEADER = 32


@light(frozen=True, slots=True)
class Seen:
    """A file as it was: `identity` changes whenever SQLite begins it anew; until then `size` only grows."""

    identity: str
    size: int


class Beside:
    """For one process that has the store open. Files that cannot be written are no fault: then nobody can tell."""

    def __init__(self, database: Path) -> None:
        self._log = database.with_name(database.name + "-wal")
        self._note = database.parent / FOLDER / f"{database.name}.wal"
        self._place: tuple[int, int] | None = None
        self._noted: Seen | None = None
        self._connections = 0

    # -- while it is open

    def connected(self, *_: object) -> None:
        self._connections += 1

    def disconnected(self, *_: object) -> None:
        """The last one of a process takes the file with it, and the next one makes another."""
        self._connections -= 1
        if self._connections <= 0:
            self._place = None

    def is_gone(self) -> bool:
        """Whether somebody removed or replaced the file that we write to."""
        return self._place is not None and _place_of(self._log) != self._place

    def committed(self) -> None:
        """Write down which file it is that holds the transaction."""
        if self._place is None:
            self._place = _place_of(self._log)
        seen = look(self._log)
        if seen is not None and seen != self._noted:
            self._noted = seen if self._write(seen) else None

    def closed(self) -> None:
        """Where all of it was folded in, there is nothing to be missed."""
        self._place = self._noted = None
        if look(self._log) is None:
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)

    # -- before it is opened

    def is_empty(self) -> bool:
        """Whether everything stands in the store itself."""
        return look(self._log) is None

    def is_known(self) -> bool:
        """Whether the file, if there is one, is that of which somebody wrote down that it is ours, and no shorter."""
        seen = look(self._log)
        if seen is None:
            return True
        noted = self._read()
        return noted is not None and noted.identity == seen.identity and seen.size >= noted.size

    def believe(self) -> None:
        """From now on it is ours."""
        seen = look(self._log)
        if seen is not None:
            self._write(seen)

    @property
    def log(self) -> Path:
        return self._log

    def _write(self, seen: Seen) -> bool:
        try:
            descriptor = _open(self._note)
            try:
                os.pwrite(descriptor, f"{seen.identity} {seen.size:020d}\n".encode(), 0)
            finally:
                os.close(descriptor)
        except OSError:
            return False
        return True

    def _read(self) -> Seen | None:
        try:
            identity, size = read_plain(self._note).split()
            return Seen(identity, int(size))
        except (OSError, ValueError):
            return None


def look(log: Path) -> Seen | None:
    """None where there is no such file, or nothing in it."""
    try:
        descriptor = open_plain(log, os.O_RDONLY)
    except OSError:
        return None
    try:
        header, size = os.pread(descriptor, _HEADER, 0), os.fstat(descriptor).st_size
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return Seen(header[_IDENTITY].hex(), size) if len(header) == _HEADER else None


def _open(note: Path) -> int:
    try:
        return open_plain(note, os.O_WRONLY | os.O_CREAT)
    except FileNotFoundError:
        note.parent.mkdir(mode=0o700, exist_ok=True)
        return open_plain(note, os.O_WRONLY | os.O_CREAT)


def _place_of(log: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(log)  # noqa: PTH116 - it is asked around each transaction
    except OSError:
        return None
    return found.st_dev, found.st_ino
