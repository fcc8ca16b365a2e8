"""A program in a real pseudo-terminal whose output is read at once and only its end kept. Knows no application."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

COLUMNS, LINES = 120, 40
KEPT = 1_000_000
"""Bytes of output that are kept."""
_CONTROL = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|P[^\x1b]*\x1b\\|[()].|[^\[\]P])"
)


class Terminal:
    """A program in a terminal of 120 x 40. A context manager: leaving it ends the program. Times are monotonic."""

    def __init__(self, command: Sequence[str], *, cwd: Path, environ: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=cwd,
            env={**environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"},
            start_new_session=True,
        )
        os.close(slave)
        self.arrivals: list[float] = []
        """When output came."""
        self._seen = b""
        self._news = threading.Condition()
        self._closed = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, *texts: str, seconds: float = 60) -> float:
        """Seconds from the start of the program until all of these texts were written. Raises TimeoutError."""
        with self._news:
            self._news.wait_for(lambda: self._closed or self._shows(texts), seconds)
            if not self._shows(texts):
                raise TimeoutError(
                    f"{' and '.join(texts)} did not appear; the output ends: {self.text()[-500:]}"
                )
            return self.arrivals[-1] - self.began

    def text(self) -> str:
        """What was written, without control sequences."""
        return _CONTROL.sub(b"", self._seen).decode(errors="replace")

    def send(self, keys: str) -> float:
        """Press keys. Returns when."""
        moment = time.monotonic()
        os.write(self._master, keys.encode())
        return moment

    def end(self, keys: str = "", *, seconds: float = 10) -> None:
        """Leave the program with these keys, or with signals where it does not listen."""
        with suppress(OSError):
            self.send(keys)
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                self.process.wait(seconds)
                break
            except subprocess.TimeoutExpired:
                self.process.send_signal(number)
        self.process.wait()
        self._reader.join(seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end(seconds=0 if self.process.poll() is None else 10)
        os.close(self._master)

    def _shows(self, texts: Sequence[str]) -> bool:
        written = self.text()
        return all(text in written for text in texts)

    def _read(self) -> None:
        with suppress(OSError):  # how Linux says that nobody has the other side open any more
            while chunk := os.read(self._master, 65536):
                with self._news:
                    self._seen = (self._seen + chunk)[-KEPT:]
                    self.arrivals.append(time.monotonic())
                    self._news.notify_all()
        with self._news:
            self._closed = True
            self._news.notify_all()
