"""Opening the small files beside a store as what they are: files. A copied project may bring others in its `.orch/`.

A link there would have what we write go into another file of the user's; a pipe or a device never ends.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_ENOUGH = 4096


def open_plain(path: Path, flags: int) -> int:
    """A descriptor; where it is made, it is for the owner's eyes. Raises OSError for what is no plain file."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "it is no plain file", str(path))


def read_plain(path: Path) -> str:
    """The text of a small file. Raises OSError, or ValueError where it is not ASCII."""
    descriptor = open_plain(path, os.O_RDONLY)
    try:
        return os.read(descriptor, _ENOUGH).decode("ascii")
    finally:
        os.close(descriptor)


def not_plain(path: Path) -> bool:
    """Whether something is there that is no plain file, a link among them."""
    try:
        return not stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
