"""What a start costs is measured of an installed program: with its bytecode on the disk, also where sources just changed."""

from __future__ import annotations

import compileall
from pathlib import Path

ROOT = Path(__file__).parent.parent
PARTS = ("orchestrator", "tui", "benchmarks")


def compiled() -> None:
    """Write the bytecode that is missing or older than its source."""
    for part in PARTS:
        compileall.compile_dir(ROOT / part, quiet=2)
