"""Runs a command in this process group and ends the whole group when a descriptor closes.

Started as a script by `mcp_stdio.py`, which holds the other end: the system closes it when that process ends, also by
kill -9, so that no server is left behind. Imports nothing of the project, to start fast.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time

NOT_STARTED = 127
GRACE = 2.0
"""Seconds in which a server whose input has closed may end by itself."""


def main(lifeline: int, command: list[str]) -> int:
    """The exit code of the command."""
    os.set_inheritable(lifeline, False)
    try:
        child = os.posix_spawnp(command[0], command, os.environ)
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)  # noqa: T201 - the last words of a server
        return NOT_STARTED
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    threading.Thread(target=_watch, args=(lifeline,), daemon=True).start()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _watch(lifeline: int) -> None:
    while os.read(lifeline, 1):
        pass
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
