"""Processes that a killed one left behind: they become children of this one, and must have ended soon after it.

Knows nothing of runs.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

SUBREAPER = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""
PATIENCE = 30.0
"""Seconds after which a process counts as left behind."""


def adopt() -> None:
    """From now on whoever loses its parent becomes a child of this process. On Linux only."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(SUBREAPER, ctypes.c_ulong(1), *[ctypes.c_ulong(0)] * 3)


def left_over() -> list[str]:
    """Those that do not end; they are ended then."""
    _, alive = psutil.wait_procs(psutil.Process().children(recursive=True), timeout=PATIENCE)
    told = [f"{one.pid} {_words(one)}" for one in alive if one.is_running() and one.status() != "zombie"]
    for one in alive:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue
    return told


def _words(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())[:200]
    return ""


def digest_of(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
