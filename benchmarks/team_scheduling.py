"""A team of four agents with roles of about 1,000 tokens on one model host: orch against ways to write it by hand.

    serial    item after item, agent after agent
    wide      four items at once, each agent after agent: what a map over items does
    lanes     all items at once, a lock per agent: the best we know to write by hand
    as ready  orch without its queue: requests go out as steps get ready

All send the same requests to the same host, but for a number in front of each role, so that nothing is warm at the start.
Repetitions alternate; ratios are taken within each. Other work on the machine disturbs times, and ratios less.

    python -m benchmarks.team_scheduling --items 8 --repeats 3
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median, stdev
from typing import Any

from benchmarks.chain import Forgetful
from benchmarks.table import Row, as_markdown, figure
from benchmarks.throughput import host_of
from orchestrator.config import Config
from orchestrator.engine.queue import Slots
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine
from orchestrator.events import AttemptFinished, Event
from orchestrator.graph.open import open_workflow
from orchestrator.ports import Model
from orchestrator.providers.gbnf import grammar
from orchestrator.providers.host import State
from orchestrator.providers.registry import open_model

AGENTS = ("sorter", "finder", "writer", "checker")
LETTERS = 40
"""Characters of an answer, at most: few tokens, as in a team that passes short notes on."""
TOKENS = 64
TEXT = """the order was sent to a house near the river and the client asked for a new date since the first one
had passed while nobody was at home so the parcel went back to the store where it was found again by a clerk who wrote
a short note about its state and put it on the shelf with all the other late ones"""
SCHEMA = {"type": "string", "maxLength": LETTERS}
T95 = {1: 12.7, 2: 4.30, 3: 3.18, 4: 2.78, 5: 2.57, 6: 2.45, 7: 2.36, 8: 2.31, 9: 2.26}
"""Student's t for a two-sided 95 % interval, by degrees of freedom."""


@dataclass
class Team:
    """The roles and items of one repetition, and what it cost.

    Teams of one `draw` have the same words, so that they answer about alike; the `nonce` in front of them keeps what one left warm
    from helping the next.
    """

    nonce: int
    size: int
    draw: int
    read: int = 0
    roles: dict[str, str] = field(init=False)
    items: list[str] = field(init=False)

    def __post_init__(self) -> None:
        dice = random.Random(self.draw)
        self.roles = {name: f"Team {self.nonce}: you are its {name}. {_words(dice, 900)}." for name in AGENTS}
        self.items = [f"{_words(dice, 30)}." for _ in range(self.size)]

    def workflow(self) -> str:
        agents = "\n".join(
            f"  {name}: {{model: tiny, role: {json.dumps(role)}, params: {{max_tokens: {TOKENS}}}}}"
            for name, role in self.roles.items()
        )
        steps = "\n".join(
            f'      {name}: {{agent: {name}, output: string({LETTERS}), repair: 0, prompt: "{{{{ item }}}} '
            f'{{{{ {before} }}}}"}}'
            for before, name in zip(("item", *AGENTS), AGENTS, strict=False)
        )
        return (
            'orch: 1\ninputs: {items: "[string](0..1000)"}\nmodels: {tiny: llamacpp:smollm2-135m}\n'
            f"agents:\n{agents}\nsteps:\n  each:\n    foreach: inputs.items\n    steps:\n{steps}\n"
        )


def _words(dice: random.Random, count: int) -> str:
    words = TEXT.split()
    return " ".join(dice.choice(words) for _ in range(count))


class Counting(Forgetful):
    """Counts prompt tokens that were read and not found in the host's cache."""

    def __init__(self) -> None:
        super().__init__()
        self.read = 0

    def append(self, event: Event) -> None:
        super().append(event)
        if isinstance(event, AttemptFinished):
            self.read += event.prompt_tokens - event.cached_tokens


async def orch(team: Team, _host: State, model: Model, *, queued: bool = True) -> None:
    """Through the engine, with its queue or as steps get ready."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflow.yaml"
        file.write_text(team.workflow(), encoding="utf-8")
        graph = open_workflow(file)
    journal = Counting()
    more: dict[str, Any] = {} if queued else {"queue": lambda info: Slots(info.slots)}
    engine = Engine(
        graph, {"items": team.items}, {"tiny": model}, Ports(journal=journal), today="2026-01-31", **more
    )
    result = await engine.execute()
    assert result.status == "done", str(result.error)
    team.read = journal.read


async def as_ready(team: Team, host: State, model: Model) -> None:
    await orch(team, host, model, queued=False)


class ByHand:
    """The same requests over plain HTTP."""

    def __init__(self, team: Team, host: State) -> None:
        import httpx2

        self.team = team
        self.client = httpx2.AsyncClient(
            base_url=host.url,
            headers={"authorization": f"Bearer {host.key}"},
            limits=httpx2.Limits(max_keepalive_connections=0),
            timeout=None,
        )

    async def ask(self, agent: str, item: str, before: str) -> str:
        shape = "Answer with JSON only: a string"
        body = {
            "messages": [
                {"role": "system", "content": f"{self.team.roles[agent]}\n{shape}"},
                {"role": "user", "content": f"{item} {before}"},
            ],
            "temperature": 0,
            "max_tokens": TOKENS,
            "cache_prompt": True,
            "grammar": grammar(SCHEMA),
        }
        found = (await self.client.post("/v1/chat/completions", json=body)).json()
        self.team.read += found["timings"]["prompt_n"]
        return str(json.loads(found["choices"][0]["message"]["content"]))

    async def item(self, item: str, locks: dict[str, asyncio.Lock]) -> None:
        before = item
        for agent in AGENTS:
            async with locks[agent]:
                before = await self.ask(agent, item, before)


async def serial(team: Team, host: State, _model: Model) -> None:
    hand = ByHand(team, host)
    async with hand.client:
        for item in team.items:
            await hand.item(item, _locks())


async def wide(team: Team, host: State, _model: Model) -> None:
    hand = ByHand(team, host)
    waiting = list(team.items)

    async def worker() -> None:
        while waiting:
            await hand.item(waiting.pop(0), _locks())

    async with hand.client, asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(worker())


async def lanes(team: Team, host: State, _model: Model) -> None:
    hand, locks = ByHand(team, host), _locks()
    async with hand.client, asyncio.TaskGroup() as group:
        for item in team.items:
            group.create_task(hand.item(item, locks))


def _locks() -> dict[str, asyncio.Lock]:
    return {agent: asyncio.Lock() for agent in AGENTS}


Way = Callable[[Team, State, Model], Awaitable[None]]
WAYS: dict[str, Way] = {"orch": orch, "lanes": lanes, "serial": serial, "wide": wide, "as ready": as_ready}


def measure(items: Sequence[int] = (8, 32), repeats: int = 3, ways: Sequence[str] = tuple(WAYS)) -> list[Row]:
    return asyncio.run(_measure(items, repeats, ways))


async def _measure(sizes: Sequence[int], repeats: int, ways: Sequence[str]) -> list[Row]:
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflow.yaml"
        file.write_text(Team(0, 1, 0).workflow(), encoding="utf-8")
        graph = open_workflow(file)
        config = Config.from_environment(os.environ, Path.cwd())
        model = open_model("tiny", graph.models["tiny"], environ=os.environ, config=config, base=Path(folder))
        try:
            host = host_of(config, (await model.prepare()).ref)
            for size in sizes:
                rows += _rows(size, await _alternating(size, repeats, ways, host, model))
        finally:
            await model.close()
    return rows


Taken = dict[str, list[tuple[float, int]]]
"""Seconds and prompt tokens read of each repetition, by way."""


async def _alternating(size: int, repeats: int, ways: Sequence[str], host: State, model: Model) -> Taken:
    taken: Taken = {name: [] for name in ways}
    nonce = int(time.time())
    for n in range(repeats):
        draw = nonce
        for name in ways if n % 2 == 0 else tuple(reversed(ways)):
            nonce += 1
            team = Team(nonce, size, draw)
            began = time.perf_counter()
            await WAYS[name](team, host, model)
            taken[name].append((time.perf_counter() - began, team.read))
            print(f"{size} items, {name}: {taken[name][-1][0]:.1f} s, {team.read:,} tokens read", flush=True)
    return taken


def _rows(size: int, taken: Taken) -> list[Row]:
    rows = [
        Row(
            f"{size} items, {name}",
            f"{median(seconds for seconds, _ in runs):.1f} s",
            spread=f"{median(read for _, read in runs):,.0f} prompt tokens read",
        )
        for name, runs in taken.items()
    ]
    ours = [seconds for seconds, _ in taken.get("orch", ())]
    for name, goal in (("wide", "≥ 2.5" if size == 8 else ""), ("as ready", ""), ("serial", "≥ 0.97")):
        if ours and name in taken:
            rows.append(_ratio(f"{size} items: {name} / orch", [s for s, _ in taken[name]], ours, goal))
    by_hand = [taken[name] for name in ("serial", "lanes") if name in taken]
    if ours and by_hand:
        best = [min(runs[n][0] for runs in by_hand) for n in range(len(ours))]
        rows.append(_ratio(f"{size} items: best by hand / orch", best, ours, "≥ 0.97"))
    return rows


def _ratio(what: str, theirs: Sequence[float], ours: Sequence[float], goal: str) -> Row:
    """The median of the ratios, with the lower 95 % bound of their geometric mean."""
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    if len(ratios) < 2:
        return figure(what, ratios, "x", goal)
    logs = [math.log(ratio) for ratio in ratios]
    half = T95.get(len(logs) - 1, 1.96) * stdev(logs) / math.sqrt(len(logs))
    bound = math.exp(fmean(logs) - half)
    return Row(
        what, f"{median(ratios):.3g} x", goal, f"{min(ratios):.3g}–{max(ratios):.3g}, bound {bound:.3g}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.team_scheduling", description=__doc__)
    parser.add_argument("--items", type=int, nargs="+", default=[8, 32])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ways", nargs="+", choices=list(WAYS), default=list(WAYS))
    given = parser.parse_args()
    print(as_markdown(measure(given.items, given.repeats, given.ways)))


if __name__ == "__main__":
    main()
