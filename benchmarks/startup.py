"""Wall time of `orch --help` and of `orch validate` on 1,000 steps, process start included."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bytecode import compiled
from benchmarks.chain import workflow
from benchmarks.table import Row, figure

REPEATS = 9


def measure() -> list[Row]:
    orch = str(Path(sys.executable).with_name("orch"))
    compiled()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "chain.yaml"
        file.write_text(workflow(1000), encoding="utf-8")
        bare = _wall([sys.executable, "-c", "pass"])
        return [
            figure("`python -c pass`, for comparison", bare, "ms"),
            figure("`orch --help`", _wall([orch, "--help"]), "ms", "≤ 80 ms"),
            figure("`orch validate`, 1,000 steps", _wall([orch, "validate", str(file)]), "ms", "≤ 350 ms"),
        ]


def _wall(command: list[str]) -> list[float]:
    """Milliseconds of each repetition, after one that warms the file cache."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append((time.perf_counter() - began) * 1000)
    return times[1:]
