"""The filter of system calls, read by an interpreter of its own: both tables, also that of the machine we are not on."""

from __future__ import annotations

import errno
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from orchestrator.tools.sandbox.inside.numbers import ALLOWED, SPECIAL
from orchestrator.tools.sandbox.inside.seccomp import ALLOW, ARCHITECTURES, KILL, PRETEND, REFUSE, build
from orchestrator.tools.sandbox.inside.space import outermost

PID = 1234
MACHINES = (0, 1)
HEADER = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


def answer(machine: int, number: int, *arguments: int, architecture: int | None = None) -> int:
    """What the kernel would do."""
    program, at, held = build(PID, machine), 0, 0
    words = {0: number, 4: ARCHITECTURES[machine] if architecture is None else architecture}
    words |= {16 + 8 * n: value & 0xFFFFFFFF for n, value in enumerate(arguments)}
    while True:
        code, yes, no, value = program[at]
        at += 1
        match code:
            case 0x20:
                held = words.get(value, 0)
            case 0x15:
                at += yes if held == value else no
            case 0x35:
                at += yes if held >= value else no
            case 0x54:
                held &= value
            case 0x06:
                return value
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def special(name: str, machine: int) -> int:
    number = SPECIAL[name][machine]
    assert number is not None
    return number


@pytest.mark.parametrize("machine", MACHINES)
def test_what_is_named_is_allowed_and_nothing_else(machine: int) -> None:
    """Whatever a kernel learns later is refused."""
    named = {pair[machine] for pair in (*ALLOWED.values(), *SPECIAL.values())}

    ours = [pair[machine] for pair in ALLOWED.values()]
    assert all(answer(machine, number) == ALLOW for number in ours if number is not None)
    assert all(answer(machine, number) == REFUSE for number in range(600) if number not in named)


@pytest.mark.parametrize("machine", MACHINES)
def test_another_architecture_kills(machine: int) -> None:
    """The same number means another call there."""
    assert answer(machine, 0, architecture=0x40000003) == KILL
    assert answer(machine, 0, architecture=ARCHITECTURES[1 - machine]) == KILL


def test_the_x32_table_kills() -> None:
    """Its calls have the same architecture."""
    assert answer(0, 0x40000000 + 39) == KILL


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "arguments", "allowed"),
    [
        ("clone", (0x3D0F00,), True),
        ("clone", (17,), False),
        ("clone", (0x4111,), False),
        ("clone", (0x3D0F00 | 0x10000000,), False),
        ("kill", (PID, 9), True),
        ("kill", (PID + 1, 9), False),
        ("kill", (-1, 9), False),
        ("kill", (0, 9), False),
        ("tgkill", (PID, 5, 6), True),
        ("tgkill", (1, 1, 9), False),
        ("prlimit64", (0,), True),
        ("prlimit64", (1,), False),
        ("prctl", (15,), True),
        ("prctl", (1, 0), False),
        ("fcntl", (3, 1030), True),
        ("fcntl", (3, 8, 1), False),
        ("fcntl", (3, 10, 9), False),
        ("ioctl", (0, 0x5401), True),
        ("ioctl", (0, 0x5412), False),
        ("socketpair", (1, 1 | 0x80000), True),
        ("socketpair", (1, 2), False),
        ("socketpair", (2, 1), False),
    ],
)
def test_arguments_decide(machine: int, name: str, arguments: Sequence[int], allowed: bool) -> None:
    """A thread is made by the call that also makes a process."""
    assert answer(machine, special(name, machine), *arguments) == (ALLOW if allowed else REFUSE)


@pytest.mark.parametrize("machine", MACHINES)
def test_modes_and_times_are_only_pretended_to_change(machine: int) -> None:
    """Copying a file works then; nothing happens to files outside. And clone3 sends the C library to clone."""
    assert answer(machine, special("fchmodat", machine)) == PRETEND
    assert answer(machine, special("clone3", machine)) & 0xFFFF == errno.ENOSYS


def test_the_table_has_the_kernels_numbers() -> None:
    """A wrong number would allow another call."""
    if not HEADER.exists():
        pytest.skip(f"{HEADER} is not there to compare with")
    kernels = {name: int(number) for name, number in re.findall(r"__NR_(\w+) (\d+)", HEADER.read_text())}

    ours = {name: pair[0] for name, pair in {**ALLOWED, **SPECIAL}.items()}

    assert {name: number for name, number in ours.items() if kernels.get(name) != number} == {}


def test_no_program_is_longer_than_the_kernel_takes() -> None:
    """4096 instructions, and jumps of at most 255."""
    for machine in MACHINES:
        program = build(PID, machine)
        assert len(program) <= 4096
        assert all(0 <= jump < 256 for one in program for jump in one[1:3])


def test_what_lies_beneath_another_path_is_shown_once() -> None:
    """Two mounts on top of each other would hide what the first holds."""
    given = [("/usr/lib/python3", "p"), ("/usr/lib", "l"), ("/usr/lib64", "m"), ("/usr/lib", "l")]

    assert list(outermost(given)) == [("/usr/lib", "l"), ("/usr/lib64", "m")]
