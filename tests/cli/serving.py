"""`orch tui --web` as a process of its own, for tests of its page."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

LONGEST = 60.0
"""Seconds until something that has to come counts as missing."""


@dataclass(frozen=True)
class Served:
    """A server of pages."""

    process: subprocess.Popen[str]
    address: str

    @property
    def screens(self) -> set[int]:
        """The ids of the processes behind its pages."""
        return {child.pid for child in psutil.Process(self.process.pid).children()}

    def until(self, screens: int) -> set[int]:
        """The same, as soon as there are so many."""
        end = time.monotonic() + LONGEST
        while len(found := self.screens) != screens and time.monotonic() < end:
            time.sleep(0.02)
        assert len(found) == screens
        return found


def _heeding_hangups() -> None:
    """A closed terminal is noticed, also where the tests themselves run under `nohup`."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextmanager
def served(
    project: Path, *words: str, environment: Mapping[str, str] | None = None, silent: bool = False
) -> Iterator[Served]:
    """The server in this project, killed afterwards if it still runs. `silent` keeps what it says on errors."""
    with subprocess.Popen(
        [sys.executable, "-m", "orchestrator", "tui", "--web", *words],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE if silent else None,
        text=True,
        env={**os.environ, **(environment or {})},
        preexec_fn=_heeding_hangups,  # noqa: PLW1509 - nothing else runs in between
    ) as process:
        assert process.stdout is not None
        found = re.search(r"http://127\.0\.0\.1:\d+/[\w-]+/", process.stdout.readline())
        assert found
        try:
            yield Served(process, found[0])
        finally:
            process.kill()
