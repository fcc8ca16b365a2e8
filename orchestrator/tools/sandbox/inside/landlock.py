"""Landlock: which files the process may open from now on. Everything not granted is refused by the kernel."""

from __future__ import annotations

import os
import stat
import struct

from orchestrator.tools.sandbox.inside.kernel import PR_SET_NO_NEW_PRIVS, prctl, syscall
from orchestrator.tools.sandbox.inside.numbers import LANDLOCK_ADD, LANDLOCK_CREATE, LANDLOCK_RESTRICT

TYPE_CHECKING = False  # of our own: importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Sequence

WRITE_FILE, READ_FILE, READ_DIR = 1 << 1, 1 << 2, 1 << 3
REMOVE, MAKE_DIR, MAKE_FILE, MAKE_LINK = (1 << 4) | (1 << 5), 1 << 7, 1 << 8, 1 << 12
REFER, TRUNCATE = 1 << 13, 1 << 14
READ = READ_FILE | READ_DIR
WRITE = WRITE_FILE | REMOVE | MAKE_DIR | MAKE_FILE | MAKE_LINK | REFER | TRUNCATE
OF_A_FILE = READ_FILE | WRITE_FILE | TRUNCATE
ASK_VERSION = 1
WITH_TRUNCATE = 3
"""From this version on Landlock alone keeps files from being changed; before, a read-only mount must help."""
BENEATH = 1


def version() -> int:
    """The version of Landlock in this kernel; 0 when there is none."""
    try:
        return syscall("landlock", LANDLOCK_CREATE, None, 0, ASK_VERSION)
    except OSError:
        return 0


def restrict(abi: int, readable: Sequence[str], writable: Sequence[str], devices: Sequence[str]) -> None:
    """Only these paths can be opened from now on; no TCP, no sockets without a path, no signals to others."""
    files = (1 << (13 if abi < 2 else 14 if abi < 3 else 15 if abi < 5 else 16)) - 1
    attributes = struct.pack("<QQQ", files, 3, 3)[: 8 if abi < 4 else 16 if abi < 6 else 24]
    rules = syscall("landlock", LANDLOCK_CREATE, attributes, len(attributes), 0)
    try:
        for path in readable:
            _grant(rules, path, READ & files)
        for path in writable:
            _grant(rules, path, (READ | WRITE) & files)
        for path in devices:
            _grant(rules, path, OF_A_FILE & files)
        prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)
        syscall("landlock", LANDLOCK_RESTRICT, rules, 0)
    finally:
        os.close(rules)


def _grant(rules: int, path: str, rights: int) -> None:
    """A path that is not there grants nothing."""
    try:
        at = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(at).st_mode):
            rights &= OF_A_FILE
        syscall("landlock", LANDLOCK_ADD, rules, BENEATH, struct.pack("<Qi", rights, at), 0)
    finally:
        os.close(at)
