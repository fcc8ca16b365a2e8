"""The line in front of the budget: who waits for reservations of running calls, for how long, and in which order."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine.line import Line
from orchestrator.events import AttemptStarted, Decided
from orchestrator.messages import Request
from orchestrator.policy.budget import Ledger, Worst
from orchestrator.providers.scripted import Reply
from tests.engine.harness import Played
from tests.engine.test_escalate import calls, climbing
from tests.engine.test_money import most_at_once

WIDTH = 64
LIMIT = 10_000_000
"""In nano-dollars: for all 64 calls one after the other, and for about seven at once."""
WIDE = """
budget: {usd: 0.01, then: %s}
steps:
  n:
    foreach: range(64)
    parallel: 64
    agent: writer
    prompt: How many {{ item }}?
    output: int
    params: {max_tokens: 400}
"""
OWN = "    model: cloud\n"
CLIMB = "    escalate: {to: cloud, when: attempts > 0}\n"


async def answered(_: Request) -> Reply:
    """Takes its time, so that calls are open at once."""
    for _step in range(3):
        await asyncio.sleep(0)
    return Reply("42", usage=(50, 5))


def wide(project: Path, then: str, more: str, **options: Any) -> Played:
    return climbing(project, WIDE % then + more, tiny="3", cloud=answered, slots=WIDTH, **options)


@pytest.mark.parametrize("then", ["stay-local", "pause", "fail"])
@pytest.mark.parametrize("more", [OWN, CLIMB])
def test_64_calls_for_which_there_is_enough_one_after_the_other_are_all_made(
    project: Path, then: str, more: str
) -> None:
    """They wait for each other, whatever is done when the budget is used up, and never reserve more than there is."""
    played = wide(project, then, more)

    starts = [e for e in played.of(AttemptStarted) if e.intent]
    assert played.result.exit_code == 0
    assert played.outputs == [42] * WIDTH
    assert WIDTH * starts[0].reserved > 4 * LIMIT
    assert LIMIT - starts[0].reserved < most_at_once(played.events) <= LIMIT


@pytest.mark.parametrize("then", ["stay-local", "pause", "fail"])
def test_what_does_not_fit_either_when_all_others_have_settled_is_decided(project: Path, then: str) -> None:
    """The wait ends: most are paid for, the rest is what the file wants."""
    text = (WIDE % then).replace("0.01", "0.003") + CLIMB
    played = climbing(project, text, tiny="3", cloud=answered, slots=WIDTH)

    assert most_at_once(played.events) <= 3_000_000
    assert calls(played)["cloud"] > 20
    match then:
        case "stay-local":
            assert sorted(set(played.outputs)) == [3, 42]
        case "pause":
            assert played.result.status == "waiting"
        case "fail":
            assert played.result.exit_code == 5


def test_tokens_come_back_too(project: Path) -> None:
    """A limit of tokens holds for local calls, and they wait for each other."""
    text = (WIDE % "fail").replace("usd: 0.01", "tokens: 5000")
    played = climbing(project, text, tiny=answered, slots=WIDTH)

    assert played.outputs == [42] * WIDTH


def test_calls_do_not_come_back(project: Path) -> None:
    """Nobody waits for one: it was made."""
    text = (WIDE % "stay-local").replace("usd: 0.01", "usd: 0.01, cloud_calls: 5") + CLIMB
    played = climbing(project, text, tiny="3", cloud=answered, slots=WIDTH)

    stays = [d for d in played.of(Decided) if d.choice == "stay"]
    assert played.outputs.count(42) == calls(played)["cloud"] == 5
    assert len(stays) == WIDTH - 5
    assert all("5 cloud calls" in stay.reason for stay in stays)


# ----------------------------------------------------------------------------------------- the line itself


async def _through(line: Line, ledger: Ledger, worst: Worst, steps: int, price: int) -> bool:
    """As a call goes: wait, reserve, take some time, settle. Whether it was made."""
    if not line.is_due(worst):
        await line.turn(worst)
    if ledger.forbids(worst) is not None:
        return False
    ledger.reserve(worst)
    try:
        for _ in range(steps):
            await asyncio.sleep(0)
    finally:
        line.settle(worst, 0, price)
    return True


CALLS = st.lists(
    st.tuples(st.integers(0, 12), st.integers(0, 12), st.integers(0, 4), st.booleans()), max_size=30
)


@settings(max_examples=150, deadline=None)
@given(limit=st.integers(0, 20), wanted=CALLS)
def test_whoever_waits_gets_an_answer_and_the_limit_holds(
    limit: int, wanted: list[tuple[int, int, int, bool]]
) -> None:
    """Whatever the calls cost, however long they take, and whoever is cancelled while he waits."""

    async def main() -> None:
        ledger = Ledger(usd=limit)
        line = Line(ledger)
        tasks = []
        for most, billed, steps, cancelled in wanted:
            worst = Worst(0, most, cloud=True)
            task = asyncio.create_task(_through(line, ledger, worst, steps, min(most, billed)))
            tasks.append((task, worst, cancelled))
        await asyncio.sleep(0)
        for task, _, cancelled in tasks:
            if cancelled:
                task.cancel()
        async with asyncio.timeout(20):
            made = await asyncio.gather(*(task for task, _, _ in tasks), return_exceptions=True)
        assert ledger.held == 0
        assert ledger.paid <= limit
        for (_, worst, _), was in zip(tasks, made, strict=True):
            assert was is not False or ledger.forbids(worst) is not None

    asyncio.run(main())


def test_first_come_first_served_also_when_a_later_one_would_fit() -> None:
    """A dear call is not kept waiting by cheap ones, and one that was cancelled keeps nobody waiting."""
    order: list[str] = []

    async def main() -> None:
        ledger = Ledger(usd=10)
        line, running = Line(ledger), Worst(0, 6, cloud=True)
        ledger.reserve(running)

        async def ask(name: str, usd: int) -> None:
            if await _through(line, ledger, Worst(0, usd, cloud=True), 2, 0):
                order.append(name)

        tasks = [asyncio.create_task(ask(*call)) for call in (("gone", 9), ("dear", 10), ("cheap", 1))]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)
        line.settle(running, 0, 0)
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())

    assert order == ["dear", "cheap"]
