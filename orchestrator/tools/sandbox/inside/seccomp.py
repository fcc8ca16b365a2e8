"""The filter of system calls: a classic BPF program made by hand and loaded for all threads. Knows no policy on files."""

from __future__ import annotations

import ctypes
import os
import struct

from orchestrator.tools.sandbox.inside.kernel import PR_SET_NO_NEW_PRIVS, prctl, syscall
from orchestrator.tools.sandbox.inside.numbers import ALLOWED, SECCOMP, SPECIAL, Numbers, column, number

TYPE_CHECKING = False  # of our own: importing typing takes longer than everything else here
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ARCHITECTURES = (0xC000003E, 0xC00000B7)
X32 = 0x40000000
KILL, ALLOW = 0x80000000, 0x7FFF0000
REFUSE, UNKNOWN, PRETEND = 0x00050001, 0x00050026, 0x00050000
"""EPERM, ENOSYS (the C library then falls back to an older call), and success without doing anything."""
LOAD, EQUAL, AT_LEAST, AND, RETURN = 0x20, 0x15, 0x35, 0x54, 0x06
SET_MODE_FILTER, ALL_THREADS = 1, 1
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16

THREAD = (0x3D0F00, 0x7D0F00)
"""The flags of clone(2) with which glibc and musl make a thread; any other child is refused."""
TERMINAL = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""ioctl: is it a terminal, its size, bytes waiting, non-blocking, close on exec."""
DESCRIPTORS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032)
"""fcntl without those that aim signals at other processes."""
THREAD_NAME = (15, 16)
PRETENDED = ("chmod", "fchmodat", "utime", "utimes", "futimesat", "utimensat")
"""Landlock does not know modes and times, so they are not changed by path; copying a file still works."""

Instruction = tuple[int, int, int, int]


def install() -> None:
    """Filter this process from now on. Raises OSError."""
    program = build(os.getpid(), column())
    code = b"".join(struct.pack("<HBBI", *one) for one in program)
    held = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("<HxxxxxxQ", len(program), ctypes.addressof(held))
    prctl("no_new_privs", PR_SET_NO_NEW_PRIVS, 1)
    syscall("seccomp", number(SECCOMP), SET_MODE_FILTER, ALL_THREADS, header)


def build(pid: int, machine: int) -> list[Instruction]:
    """The program: another architecture kills, what is not named is refused."""
    program: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, KILL),
        (LOAD, 0, 0, NUMBER_AT),
    ]
    if machine == 0:
        program += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, KILL)]
    for pair in ALLOWED.values():
        program += _when(pair[machine], [(RETURN, 0, 0, ALLOW)])
    for name, body in _special(pid):
        program += _when(_at(SPECIAL[name], machine), body)
    return [*program, (RETURN, 0, 0, REFUSE)]


def _special(pid: int) -> Iterable[tuple[str, list[Instruction]]]:
    yield "ioctl", _only(1, TERMINAL)
    yield "clone", _only(0, THREAD)
    yield "clone3", [(RETURN, 0, 0, UNKNOWN)]
    yield "fcntl", _only(1, DESCRIPTORS)
    yield "prlimit64", _only(0, (0, pid))
    yield "kill", _only(0, (pid,))
    yield "tgkill", _only(0, (pid,))
    yield "prctl", _only(0, THREAD_NAME)
    yield "socketpair", _stream_pair()
    for name in PRETENDED:
        yield name, [(RETURN, 0, 0, PRETEND)]


def _only(argument: int, values: Sequence[int]) -> list[Instruction]:
    """Allowed when the low half of an argument is one of the values. The kernel reads these arguments as 32 bits."""
    body: list[Instruction] = [(LOAD, 0, 0, _place(argument))]
    for value in values:
        body += [(EQUAL, 0, 1, value), (RETURN, 0, 0, ALLOW)]
    return [*body, (RETURN, 0, 0, REFUSE)]


def _stream_pair() -> list[Instruction]:
    """A connected pair only: a datagram socket could write to any socket of the machine that it can name."""
    unix, kinds, stream = 1, 0xF, 1
    return [
        (LOAD, 0, 0, _place(0)),
        (EQUAL, 0, 3, unix),
        (LOAD, 0, 0, _place(1)),
        (AND, 0, 0, kinds),
        (EQUAL, 1, 0, stream),
        (RETURN, 0, 0, REFUSE),
        (RETURN, 0, 0, ALLOW),
    ]


def _when(value: int | None, body: list[Instruction]) -> list[Instruction]:
    return [] if value is None else [(EQUAL, 0, len(body), value), *body]


def _place(argument: int) -> int:
    return ARGUMENTS_AT + 8 * argument


def _at(pair: Numbers, machine: int) -> int | None:
    return pair[machine]
