"""Told to stop at any moment a run ends soon, leaves no process behind, and can be gone on with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.cancel import prepare, stop_at

FEW, MANY = 3, 200
SECONDS = 30.0
"""The goal is 2, and `python -m tests.chaos --cancel 200` measures it; a busy machine is no defect."""


@pytest.mark.parametrize("how", ["ctrl-c", "orch cancel"])
def test_a_run_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path, how: str, full: bool) -> None:
    """At random moments, on a terminal of its own."""
    chance = random.Random(how)
    for number in range(MANY if full else FEW):
        folder = tmp_path / str(number)
        folder.mkdir()
        mark = prepare(folder, number)

        stopped = stop_at(folder, mark, chance.uniform(0.3, 4.0), how)

        assert not stopped.is_wrong, stopped
        assert stopped.seconds < SECONDS, stopped
