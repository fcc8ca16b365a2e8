"""Files that somebody else may have put there: read when regular and of bounded size, links followed without going round.

A pipe would wait for a writer and a device has no end, and a repository may hold a link to one. The file that was looked
at is the one that is read, whatever takes its name meanwhile.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def read_regular(path: Path, most: int) -> bytes:
    """The content of a regular file of at most so many bytes. Raises OSError, whose `strerror` says why not."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        data = b"" if found.st_size > most else file.read(most + 1)
        if found.st_size > most or len(data) > most:
            raise OSError(errno.EFBIG, f"it is larger than {_size(most)}", str(path))
        return data


def real(path: Path) -> Path:
    """The path with every link followed; as far as that goes where they lead in a circle, or no system has such a name."""
    try:
        return Path(os.path.realpath(path))
    except (OSError, ValueError):
        return path


def _size(most: int) -> str:
    return f"{most // 1_000_000} MB" if most >= 1_000_000 else f"{most // 1000} kB"


__all__ = ["read_regular", "real"]
