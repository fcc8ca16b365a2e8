"""`orch` on a terminal of its own: what it writes, keys that are typed, and how it ends."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path

OPENED, CLOSED = "\x1b[?1049h", "\x1b[?1049l"
"""What a program writes that takes the whole screen, and gives it back."""
CONTROLS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
LONGEST = 60.0
"""Seconds after which a test gives up; nothing depends on them."""


class Terminal:
    """A running command. `seen` is all it has written."""

    def __init__(self, process: subprocess.Popen[bytes], screen: int) -> None:
        self.seen = ""
        self._process = process
        self._screen = screen

    def wait_for(self, text: str) -> None:
        """Read until it has written this. Fails when it ends first."""
        until = time.monotonic() + LONGEST
        while text not in self.seen:
            assert self._read(), f"it ended without {text!r}: {self.seen!r}"
            assert time.monotonic() < until, f"no {text!r} in {self.seen!r}"

    def type(self, keys: str) -> None:
        os.write(self._screen, keys.encode())

    def interrupt(self) -> None:
        """What Ctrl-C does: the terminal is not the controlling one, so the key alone does nothing."""
        self._process.send_signal(signal.SIGINT)

    def interrupt_until(self, text: str) -> None:
        """Ctrl-C at a prompt, again where it came in the moment before the program waits for keys."""
        until = time.monotonic() + LONGEST
        while text not in self.seen:
            assert time.monotonic() < until, f"no {text!r} in {self.seen!r}"
            self.interrupt()
            again = time.monotonic() + 2
            while text not in self.seen and time.monotonic() < again:
                assert self._read(), f"it ended without {text!r}: {self.seen!r}"

    def vanish(self) -> None:
        """Close the window; whoever is not its session hears no signal."""
        with Path(os.devnull).open("rb") as nothing:
            os.dup2(nothing.fileno(), self._screen)

    def end(self) -> int:
        """Read to the end and return the exit code."""
        until = time.monotonic() + LONGEST
        while self._read():
            assert time.monotonic() < until, f"it does not end: {self.seen!r}"
        return self._process.wait(LONGEST)

    @property
    def afterwards(self) -> str:
        """What stands on the terminal once the screen is gone, without controls."""
        return CONTROLS.sub("", self.seen.rpartition(CLOSED)[2])

    def _read(self) -> bool:
        """False when nothing more can come."""
        try:
            if select.select([self._screen], [], [], 0.2)[0]:
                data = os.read(self._screen, 65536)
                self.seen += data.decode(errors="replace")
                return bool(data)
        except OSError:  # the other side is closed
            return False
        return True


@contextmanager
def terminal(cwd: Path, *arguments: str, **environ: str) -> Iterator[Terminal]:
    """`orch ARGUMENTS` on a terminal of 100 by 30."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    listens = signal.signal(
        signal.SIGINT, signal.default_int_handler
    )  # a child inherits that Ctrl-C is ignored
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "orchestrator", *arguments],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={**os.environ, "TERM": "xterm-256color", "NO_COLOR": "1", **environ},
            start_new_session=True,
        )
    finally:
        signal.signal(signal.SIGINT, listens)
    os.close(theirs)
    try:
        yield Terminal(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
