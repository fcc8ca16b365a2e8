"""No call arrives at a cloud that was not reserved before: 64 at once, killed at any moment, and after a resume.

The cloud is a server in the test's own process: it outlives the run, and looks into the store when a call arrives.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.engine.recover import recover
from orchestrator.events import AttemptFinished, AttemptStarted, Decided, Event, RunFinished
from orchestrator.store.open import open_store
from tests.providers.loopback import Exchange
from tests.providers.servers import OpenAIServer

WIDTH = 64
BUDGET = 40_000_000
"""In nano-dollars, as in the file: enough for half of the calls at once; the others wait for what these give back."""
WORKFLOW = """
orch: 1
inputs: {n: {type: "[int](0..64)", label: public}}
models:
  tiny: "scripted:tiny.yaml"
  cloud: {use: "llama-server:tiny", url: "%s", where: cloud, price: {input: 1, output: 2}}
agents: {writer: {model: tiny}}
budget: {usd: 0.04, then: stay-local}
steps:
  each:
    foreach: inputs.n
    parallel: 64
    agent: writer
    prompt: "Answer {{ item }}"
    params: {max_tokens: 600}
    escalate: {to: cloud, when: "true"}
outputs: {count: "{{ each | length }}"}
"""
TINY = "- {match: Answer, text: here}\n"


@dataclass
class Watching(OpenAIServer):
    """Answers, and counts what stood in the store when a call arrived."""

    project: Path = Path()
    arrived: list[str] = field(default_factory=list)
    """What each call asked, in order."""
    unreserved: list[str] = field(default_factory=list)
    most: int = 0
    wide: int = 0
    open: int = 0

    def __post_init__(self) -> None:
        OpenAIServer.__init__(self)

    async def props(self, exchange: Exchange) -> None:
        await exchange.send_json({"default_generation_settings": {"n_ctx": 4096}, "total_slots": WIDTH})

    async def answer(self, exchange: Exchange) -> None:
        asked = exchange.body["messages"][-1]["content"]
        self.arrived.append(asked)
        self._look(asked)
        self.open += 1
        self.wide = max(self.wide, self.open)
        try:
            await asyncio.sleep(0.03)
            await self.good(exchange)
        finally:
            self.open -= 1

    def _look(self, asked: str) -> None:
        log = events(self.project)
        reserved = [e for e in log if isinstance(e, AttemptStarted) and e.intent and e.reserved > 0]
        mine = [e for e in reserved if e.messages and e.messages[-1]["content"] == asked]
        again = [e for e in log if isinstance(e, Decided) and e.choice == "again"]
        if len(mine) + len(again) < self.arrived.count(asked):
            self.unreserved.append(asked)
        self.most = max(self.most, used(log))


def used(log: list[Event]) -> int:
    """What was paid and is reserved, in nano-dollars; a reservation that a kill left open counts."""
    open_: dict[tuple[str, int], int] = {}
    paid = 0
    for event in log:
        match event:
            case AttemptStarted(intent=True):
                lost = open_.pop((event.path, event.attempt), 0)
                paid += lost
                open_[event.path, event.attempt] = event.reserved
            case AttemptFinished() if (event.path, event.attempt) in open_:
                del open_[event.path, event.attempt]
                paid += event.cost
            case _:
                pass
    return paid + sum(open_.values())


def events(project: Path) -> list[Event]:
    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        return [event for _, event in store.events(store.find("last"))]
    finally:
        store.close()


async def orch(project: Path, *arguments: str, kill_at: int | None = None) -> tuple[int, str]:
    environment = os.environ | ({} if kill_at is None else {"ORCH_KILL_AT": str(kill_at)})
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "orchestrator",
        *arguments,
        cwd=project,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, output.decode()


NUMBERS = f"n={list(range(WIDTH))}"


async def played(project: Path, kill_at: int | None = None) -> tuple[Watching, list[Event]]:
    server = Watching(project=project)
    async with server:
        (project / "workflow.yaml").write_text(WORKFLOW % server.url, encoding="utf-8")
        (project / "tiny.yaml").write_text(TINY, encoding="utf-8")
        code, said = await orch(project, "run", "workflow.yaml", "--no-cache", "-i", NUMBERS, kill_at=kill_at)
        if kill_at is not None and code != 0:
            assert code == -signal.SIGKILL, said
            code, said = await orch(project, "resume", "last")
        assert code == 0, said
    return server, events(project)


def test_64_calls_at_once_are_reserved_before_they_arrive(project: Path) -> None:
    """Each is in the store, durable, when the server hears of it, and all together are never above the budget."""
    server, log = asyncio.run(played(project))

    climbs = [e for e in log if isinstance(e, Decided) and e.choice == "climb"]
    assert isinstance(log[-1], RunFinished)
    assert server.unreserved == []
    assert server.most <= BUDGET
    assert used(log) <= BUDGET
    assert server.wide > 8
    assert len(server.arrived) == len(climbs) == WIDTH


def test_killed_and_resumed_no_call_is_unreserved_either(project: Path, full: bool) -> None:
    """What was under way at the kill counts in full; sampled boundaries, many of them under `--full`."""
    _, whole = asyncio.run(played(project))
    first = next(k for k, e in enumerate(whole) if isinstance(e, AttemptStarted) and e.intent)
    boundaries = range(2 * first, 2 * len(whole) - 2)
    chosen = random.Random(4).sample(boundaries, 40 if full else 2)

    for boundary in chosen:
        server, log = asyncio.run(played(project, boundary))
        assert server.unreserved == [], boundary
        assert server.most <= BUDGET, boundary
        assert used(log) <= BUDGET, boundary
        assert recover(log).paid <= BUDGET, boundary
