"""What code in the sandbox may use at most."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bytes, seconds and counts. `disk` and `output` bound all files together, and each of stdout and stderr."""

    seconds: float = 30.0
    """By the wall clock, interpreter start included; then it is killed from outside."""
    memory: int = 1 << 30
    """Address space; numpy and pandas take about a third of the default."""
    disk: int = 64 << 20
    files: int = 1000
    output: int = 1 << 20
    value: int = 256 << 10
    threads: int = 32
    descriptors: int = 128

    def as_map(self, *, others: int = 0) -> dict[str, int]:
        """As the child reads it. `others`: threads the same user has already, where they are counted together."""
        return {
            "memory": self.memory,
            "disk": self.disk,
            "files": self.files,
            "value": self.value,
            "threads": self.threads + others,
            "descriptors": self.descriptors,
            "cpu": math.ceil(self.seconds) + 1,
        }
