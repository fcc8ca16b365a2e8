"""Models that take turns in a memory: N items through M models are M loads; nobody waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from orchestrator.engine.residency import BOUND, House, Tenant
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result, models_needed
from orchestrator.errors import ProviderError
from orchestrator.events import ModelReady
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit, Footprint, Resident
from orchestrator.providers.scripted import ScriptedModel
from tests.engine.harness import MemoryJournal

CHAIN = """
orch: 1
inputs: {items: "[string]"}
models: {one: 'scripted:none', two: 'scripted:none', three: 'scripted:none'}
agents: {first: {model: one}, second: {model: two}, third: {model: three}}
steps:
  each:
    foreach: inputs.items
    steps:
      draft: {agent: first, prompt: "{{ item }}"}
      check: {agent: second, prompt: "{{ draft }}"}
      tell: {agent: third, prompt: "{{ check }}"}
outputs: {told: "{{ each }}"}
"""


@dataclass
class Memory:
    """One memory, and everything that was loaded into it."""

    room: int
    most: int | None = None
    loads: list[str] = field(default_factory=list)
    inside: set[str] = field(default_factory=set)
    nearer: list[str] = field(default_factory=list)
    worst: int = 0


class Heavy:
    """A model that takes one unit of memory, and answers only while it is loaded."""

    def __init__(self, name: str, memory: Memory, fault: ProviderError | None = None) -> None:
        self.name, self.memory, self._fault = name, memory, fault
        self._model = ScriptedModel(
            lambda request: f"{name}({request.messages[-1].content})", name=name, slots=2
        )

    async def prepare(self) -> ModelInfo:
        if self._fault is not None:
            raise self._fault
        await asyncio.sleep(0)
        if self.name not in self.memory.inside:
            self.memory.loads.append(self.name)
            self.memory.inside.add(self.name)
            self.memory.worst = max(self.memory.worst, len(self.memory.inside))
        return await self._model.prepare()

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        assert self.name in self.memory.inside
        await asyncio.sleep(0)
        return await self._model.count(messages)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        assert self.name in self.memory.inside
        await asyncio.sleep(0)
        answer = await self._model.generate(request, emit)
        assert self.name in self.memory.inside
        return answer

    async def footprint(self, *, fetch: bool = True) -> Footprint:
        assert fetch
        return Footprint("memory", self.name, 1, self.memory.room, self.memory.most)

    async def prefetch(self) -> None:
        assert self.name not in self.memory.inside
        self.memory.nearer.append(self.name)

    async def unload(self) -> None:
        self.memory.inside.remove(self.name)

    async def close(self) -> None:
        """Nothing to give back."""


def run(
    root: Path, text: str, memory: Memory, items: int, faults: dict[str, ProviderError] | None = None
) -> tuple[Result, MemoryJournal]:
    """Run it with models that take turns in this memory."""
    file = root / "workflow.yaml"
    file.write_text(text, encoding="utf-8")
    graph = open_workflow(file)
    journal = MemoryJournal()
    models = {name: Heavy(name, memory, (faults or {}).get(name)) for name in models_needed(graph)}

    async def main() -> Result:
        inputs = {"items": [str(number) for number in range(items)]}
        return await Engine(graph, inputs, models, Ports(journal=journal), today="2026-01-31").execute()

    return asyncio.run(main()), journal


def told(number: int) -> dict[str, str]:
    """What the three of them make of an item."""
    return {
        "item": str(number),
        "draft": f"one({number})",
        "check": f"two(one({number}))",
        "tell": f"three(two(one({number})))",
    }


@pytest.mark.parametrize("items", [1, 8, 100])
def test_loads_are_as_many_as_models(tmp_path: Path, items: int) -> None:
    """Every item goes through three models, and each is loaded once."""
    memory = Memory(room=1)

    result, journal = run(tmp_path, CHAIN, memory, items)

    assert result.outputs == {"told": [told(n) for n in range(items)]}
    assert memory.loads == ["one", "two", "three"]
    assert memory.worst == 1
    assert set(memory.nearer) <= {"two", "three"}
    assert [event.model for event in journal.events if isinstance(event, ModelReady)] == memory.loads


def test_the_stated_number_bounds_how_many_are_loaded(tmp_path: Path) -> None:
    """Room for all, but two places: the third takes the place of the one nobody needs any more."""
    memory = Memory(room=9, most=2)

    run(tmp_path, CHAIN, memory, 20)

    assert memory.loads == ["one", "two", "three"]
    assert memory.worst == 2


def test_where_all_fit_nothing_leaves(tmp_path: Path) -> None:
    """Models that have room for all are loaded at the start and stay."""
    memory = Memory(room=3)

    result, _ = run(tmp_path, CHAIN, memory, 5)

    assert result.status == "done"
    assert memory.inside == {"one", "two", "three"}


def test_a_model_that_cannot_be_loaded_fails_its_step_and_not_the_others(tmp_path: Path) -> None:
    """What it takes was known before; that it fails is known when it is its turn."""
    fault = ProviderError("crashed", "it does not start")

    result, _ = run(tmp_path, CHAIN, Memory(room=1), 3, {"two": fault})

    assert result.status == "failed"
    assert result.path.endswith("check")


def test_they_are_residents() -> None:
    """The engine knows them by what they can do."""
    assert isinstance(Heavy("one", Memory(1)), Resident)
    assert not isinstance(ScriptedModel("x"), Resident)


def housed(names: str) -> tuple[House, dict[str, Tenant], list[str]]:
    """A house with room for one of these."""
    house, loads = House(room=1), list[str]()

    def tenant(name: str, rank: int) -> Tenant:
        async def load() -> None:
            loads.append(name)

        async def unload() -> None:
            loads.append(f"-{name}")

        async def prefetch() -> None:
            loads.append(f"~{name}")

        return Tenant(name, 1, load, unload, prefetch, rank=rank)

    tenants = {name: tenant(name, rank) for rank, name in enumerate(names)}
    for one in tenants.values():
        house.add(one)
    return house, tenants, loads


async def until(fact: Callable[[], bool]) -> None:
    for _ in range(1000):
        if fact():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came")


def test_the_longest_way_behind_it_goes_first() -> None:
    """Of two that wait, the one with more steps behind it is loaded; being first only decides among equals."""
    house, tenants, loads = housed("abc")

    async def main() -> None:
        await house.enter(tenants["a"])
        short = asyncio.create_task(house.enter(tenants["b"]))
        await asyncio.sleep(0)
        long = asyncio.create_task(house.enter(tenants["c"]))
        await asyncio.sleep(0)
        house.leave(tenants["a"])
        await long
        house.leave(tenants["c"])
        await short
        house.leave(tenants["b"])

    asyncio.run(main())

    assert [one for one in loads if one[0] not in "-~"] == ["a", "c", "b"]


def test_the_next_one_is_brought_nearer_while_the_tail_runs() -> None:
    """Once, and without taking the place of the one that is still needed."""
    house, tenants, loads = housed("ab")

    async def main() -> None:
        await house.enter(tenants["a"])
        await house.enter(tenants["a"])
        waiting = asyncio.create_task(house.enter(tenants["b"]))
        await until(lambda: "~b" in loads)
        house.leave(tenants["a"])
        for _ in range(20):
            await asyncio.sleep(0)
        house.leave(tenants["a"])
        await waiting

    asyncio.run(main())

    assert loads == ["a", "~b", "-a", "b"]


def test_the_last_one_may_leave_while_the_next_is_brought_nearer() -> None:
    """What happens during a wait is seen after it: nobody waits for a sign that has been given already."""
    house, tenants, loads = housed("ab")
    slow = asyncio.Event()

    async def prefetch() -> None:
        loads.append("~b")
        await slow.wait()

    tenants["b"].prefetch = prefetch

    async def main() -> None:
        await house.enter(tenants["a"])
        waiting = asyncio.create_task(house.enter(tenants["b"]))
        await until(lambda: "~b" in loads)
        house.leave(tenants["a"])
        slow.set()
        await asyncio.wait_for(waiting, 10)

    asyncio.run(main())

    assert loads == ["a", "~b", "-a", "b"]


def test_nobody_is_passed_over_for_ever() -> None:
    """A model whose requests never end gives its place to one that waits, after a bound."""
    house, tenants, loads = housed("ab")

    async def stream() -> None:
        """Always two requests inside, so that it is never idle."""
        await house.enter(tenants["b"])
        while "a" not in loads:
            await house.enter(tenants["b"])
            house.leave(tenants["b"])
            await asyncio.sleep(0)
            if not tenants["b"].open:
                break
        house.leave(tenants["b"])

    async def main() -> int:
        busy = asyncio.create_task(stream())
        await until(lambda: loads == ["b"])
        await asyncio.wait_for(house.enter(tenants["a"]), 30)
        passed = tenants["a"].passed
        house.leave(tenants["a"])
        await busy
        return passed

    assert asyncio.run(main()) <= BOUND + 1
    assert [one for one in loads if one[0] != "~"][:3] == ["b", "-b", "a"]


def test_one_that_gives_up_waiting_holds_nothing() -> None:
    """A cancelled step neither loads its model later nor keeps another one out."""
    house, tenants, loads = housed("ab")

    async def main() -> None:
        await house.enter(tenants["a"])
        waiting = asyncio.create_task(house.enter(tenants["b"]))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        house.leave(tenants["a"])
        for _ in range(20):
            await asyncio.sleep(0)
        await house.enter(tenants["a"])

    asyncio.run(main())

    assert [one for one in loads if one[0] != "~"] == ["a"]
