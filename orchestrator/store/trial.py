"""Asks a process of its own whether a store is worse with the file that lies beside it (`strange.py` looks)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

LOOKS = "orchestrator.store.strange"
WORSE = 10
"""Exit code: the store is worse with it than without it."""


def tried(database: Path) -> str:
    """What would be wrong with the store if the file were folded in, or nothing; also where it cannot be tried."""
    command = [sys.executable, "-m", LOOKS, str(database)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own module
    return done.stdout.strip() if done.returncode == WORSE else ""


__all__ = ["WORSE", "tried"]
