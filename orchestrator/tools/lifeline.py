"""Runs a command and ends it, with all it started, when a descriptor says so or closes.

Started as a script by whoever holds the other end: the system closes that end with its process, also by kill -9, so
nothing is left behind. On Linux also processes in sessions of their own are found: they become children of this one
when their parents end. Elsewhere those are not caught, only the process group. Imports nothing of the project, to
start fast.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator

NOT_STARTED = 127
GRACE = 2.0
"""Seconds in which a command whose user is gone may end by itself."""
SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""
DESCRIPTORS = 1024
"""Those below were handed on to the command and are closed here, so that it alone holds them."""


def main(lifeline: int, command: list[str]) -> int:
    """The exit code of the command; 128 and more for a signal."""
    _adopt()
    os.set_inheritable(lifeline, False)
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - the last words of a server
        return NOT_STARTED
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.closerange(3, lifeline)
    os.closerange(lifeline + 1, DESCRIPTORS)
    over, alone = threading.Event(), threading.Event()
    threading.Thread(target=_watch, args=(lifeline, child, over, alone), daemon=True).start()
    code = _awaited(child)
    over.set()
    _end_all()
    if alone.is_set():  # nobody reads the exit code, and nobody else would end the group
        os.killpg(0, signal.SIGKILL)
    return code if code >= 0 else 128 - code


def _adopt() -> None:
    """Have what descendants leave behind become children of this process."""
    if sys.platform == "linux":
        with contextlib.suppress(ImportError, OSError, AttributeError):
            import ctypes

            ctypes.CDLL(None).prctl(SUBREAPER, ctypes.c_ulong(1), *[ctypes.c_ulong(0)] * 3)


def _awaited(child: int) -> int:
    """How the command ended; whatever else was adopted and ends meanwhile is forgotten."""
    while True:
        process, status = os.waitpid(-1, 0)
        if process == child:
            return os.waitstatus_to_exitcode(status)


def _watch(lifeline: int, child: int, over: threading.Event, alone: threading.Event) -> None:
    """A byte means at once; the end means that nobody is there any more."""
    try:
        told = os.read(lifeline, 1)
    except OSError:
        told = b""
    if not told:
        alone.set()
        over.wait(GRACE)
    if not over.is_set():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(child, signal.SIGKILL)


def _end_all() -> None:
    """Kill children until there are none: each that ends hands its own over to this process."""
    while True:
        for child in _children():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> Iterator[int]:
    """Those of this process, as Linux lists them; none elsewhere."""
    try:
        numbers = [int(name) for name in os.listdir("/proc") if name.isdigit()]  # noqa: PTH208 - see below
    except OSError:
        return
    mine = str(os.getpid()).encode()
    for number in numbers:
        with contextlib.suppress(OSError):
            with open(f"/proc/{number}/stat", "rb") as file:  # noqa: PTH123 - pathlib would make the start slow
                parent = file.read().rpartition(b")")[2].split()[1]
            if parent == mine:
                yield number


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
