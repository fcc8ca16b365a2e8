"""Run ids: short, sortable within a year, easy to type: `1123-0645-k7q` is month, day, hour, minute, three at random."""

from __future__ import annotations

import random
import time

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
"""Without 0, 1, i, l and o, which look like one another."""


def run_id(at: float, chance: random.Random) -> str:
    """An id for a run that starts at `at` (local time); whether it is taken, the store knows."""
    tail = "".join(chance.choice(ALPHABET) for _ in range(3))
    return f"{time.strftime('%m%d-%H%M', time.localtime(at))}-{tail}"
