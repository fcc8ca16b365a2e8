"""Calls of the Linux kernel that Python has no name for, through ctypes. Knows no policy."""

from __future__ import annotations

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION = 0x20080522


def checked(result: int, what: str) -> int:
    """The result of a call, or OSError that says what was tried."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def syscall(what: str, number: int, *arguments: int | bytes | None) -> int:
    """One raw system call. Whole numbers go as 64 bits, bytes as the address of a buffer."""
    given = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
    return checked(int(LIBC.syscall(ctypes.c_long(number), *given)), what)


def prctl(what: str, option: int, value: int) -> None:
    """Set an attribute of this process."""
    zero = ctypes.c_ulong(0)
    checked(int(LIBC.prctl(option, ctypes.c_ulong(value), zero, zero, zero)), what)


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2)."""
    given = [None if text is None else os.fsencode(text) for text in (source, target, kind, options or None)]
    result = LIBC.mount(given[0], given[1], given[2], ctypes.c_ulong(flags), given[3])
    checked(int(result), f"mount {target}")


def drop_capabilities(number: int) -> None:
    """Give up every capability; `number` is that of capset(2)."""
    header = CAPABILITY_VERSION.to_bytes(4, "little") + bytes(4)
    syscall("capset", number, header, bytes(24))
