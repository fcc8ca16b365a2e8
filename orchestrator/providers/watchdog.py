"""Runs a command in a process group of its own and ends the whole group when standard input closes.

Started as a script by whoever needs the command, who holds the other end of standard input: the system closes it when that process
ends, also by kill -9, so that no server is left behind. Imports nothing of the project, to start fast.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time

NOT_FOUND = 127
_DEATH_SIGNAL = 1
"""The option of prctl that names the signal for a child whose parent is gone."""
GRACE = 5.0
"""Seconds between asking the group to end and ending it."""


def main(command: list[str]) -> int:
    """The exit code of the command, or 0 when it was ended because nobody needs it any more."""
    try:
        child = subprocess.Popen(  # noqa: S603 - what somebody wrote into a file of their own, or has measured
            command,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - there are no threads here
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - the log of the server
        return NOT_FOUND
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while child.poll() is None:
            readable, _, _ = select.select([0], [], [], 0.1)
            if readable and not os.read(0, 4096):
                return 0
    finally:
        if child.poll() is None:
            end(child)
    code = child.returncode
    return code if code >= 0 else 128 - code


def _die_with_parent() -> None:
    """Runs in the child: on Linux it ends also when somebody kills the watchdog itself."""
    try:
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, int(signal.SIGKILL))
    except (OSError, AttributeError):
        return


def end(child: subprocess.Popen[bytes]) -> None:
    """Ask the group to end; insist after a while."""
    _signal(child, signal.SIGTERM)
    latest = time.monotonic() + GRACE
    while child.poll() is None and time.monotonic() < latest:
        time.sleep(0.02)
    _signal(child, signal.SIGKILL)
    child.wait()


def _signal(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
