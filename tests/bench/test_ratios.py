"""What the engine costs a step, against a bare task group in the same process: ratios of CPU time, no absolute times.

The best of several alternating rounds on either side, so that other work on the machine hardly counts. The bounds leave
room for slower machines, not for an engine that became three times slower.
"""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest

from benchmarks.peers import by_hand, by_orch
from benchmarks.peers.work import Prepare, Run, check

STEPS, ROUNDS = 300, 4
BOUNDS = {"chain": 10, "fan-out": 14, "durable chain": 24, "durable fan-out": 40}
"""Measured on two busy cores: 3.8–4.7, 6.3–8.4, 9.2–9.4, 20–22."""


def _cpu(prepare: Prepare) -> float:
    made = prepare(STEPS)

    async def main() -> tuple[Any, float]:
        gc.collect()
        began = time.process_time()
        found = await made()
        return found, time.process_time() - began

    found, spent = asyncio.run(main())
    check(found, STEPS)
    return spent


def ratio(ours: Prepare, bare: Prepare) -> float:
    """The least that ours takes, in units of the least that the bare task group takes."""
    rounds = [(_cpu(ours), _cpu(bare)) for _ in range(ROUNDS)]
    return min(spent for spent, _ in rounds) / min(spent for _, spent in rounds)


@pytest.mark.parametrize("work", list(BOUNDS))
def test_a_step_costs_no_more_than_so_many_bare_steps(work: str) -> None:
    """In memory and with the durable log, one after the other and side by side."""
    bare = by_hand.BARE[work.removeprefix("durable ")]

    found = ratio(by_orch.WORK[work], bare)

    assert found <= BOUNDS[work], f"{work}: a step costs {found:.1f} bare ones"


def test_a_path_that_is_three_times_slower_is_found() -> None:
    """The bound is no bound if it lets that through."""

    def slow(steps: int) -> Run:
        once: Run = by_orch.WORK["chain"](steps)

        async def run() -> Any:
            return [await once() for _ in range(3)][-1]

        return run

    assert ratio(slow, by_hand.BARE["chain"]) > BOUNDS["chain"]
