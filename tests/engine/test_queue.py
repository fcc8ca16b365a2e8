"""The order of calls: a burst warms one slot before it spreads, warm prefixes first, nobody waits for ever; and whatever
the order is, the same comes out of it."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.engine.gate import QueueFor
from orchestrator.engine.prefixes import Prefixes
from orchestrator.engine.queue import PATIENCE, Lane, Queue, Slots, queue_for
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Completion, Message, ModelInfo, Request, Timings, Usage
from orchestrator.ports import Emit
from orchestrator.providers.scripted import ScriptedModel
from tests.engine.harness import MemoryJournal

ROLE = "word " * 1000
TEAM = """
orch: 1
inputs: {items: "[string]"}
models: {tiny: 'scripted:none'}
agents:
  sorter: {model: tiny, role: "You sort. ROLE"}
  finder: {model: tiny, role: "You find. ROLE"}
  writer: {model: tiny, role: "You write. ROLE"}
steps:
  each:
    foreach: inputs.items
    steps:
      sort: {agent: sorter, prompt: "{{ item }}"}
      find: {agent: finder, prompt: "{{ item }} {{ sort }}"}
      write: {agent: writer, prompt: "{{ item }} {{ find }}"}
outputs: {told: "{{ each }}"}
""".replace("ROLE", ROLE)
BURST = """
orch: 1
inputs: {items: "[string]"}
models: {tiny: 'scripted:none'}
agents: {sorter: {model: tiny, role: "You sort. ROLE"}}
steps: {each: {foreach: inputs.items, agent: sorter, prompt: "{{ item }}"}}
outputs: {told: "{{ each }}"}
"""


@dataclass
class Host:
    """A host with slots that keep the last prompt each, told by what begins alike; it counts what it has to read.

    Reading a word takes one turn of the loop per hundred, so that others get to run meanwhile.
    """

    slots: int
    prompts: list[tuple[str, ...]] = field(default_factory=list)
    busy: set[int] = field(default_factory=set)
    read: int = 0
    most: int = 0
    calls: int = 0
    used: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.prompts = [()] * self.slots

    def _slot(self, words: tuple[str, ...]) -> tuple[int, int]:
        """The free slot that has most of it, if it has a tenth; else the one used the longest ago."""
        free = [n for n in range(self.slots) if n not in self.busy]
        alike = {n: _alike(self.prompts[n], words) for n in free}
        slot = max(free, key=lambda n: alike[n])
        if alike[slot] <= len(words) / 10:
            slot = min(free, key=lambda n: self.used.get(n, 0))
        return slot, alike[slot]

    async def answer(self, request: Request) -> Completion:
        words = tuple(word for message in request.messages for word in message.content.split())
        slot, cached = self._slot(words)
        self.busy.add(slot)
        self.calls += 1
        self.used[slot] = self.calls
        self.most = max(self.most, len(self.busy))
        self.read += len(words) - cached
        for _ in range(1 + (len(words) - cached) // 100):
            await asyncio.sleep(0)
        self.prompts[slot] = words
        self.busy.remove(slot)
        text = hashlib.sha256(repr(request.messages).encode()).hexdigest()[:12]
        usage = Usage(prompt=len(words), completion=8, cached=cached)
        return Completion(text, "stop", usage, Timings(prompt_rate=250.0, generation_rate=80.0))


def _alike(held: Sequence[str], words: Sequence[str]) -> int:
    return next(
        (n for n, (a, b) in enumerate(zip(held, words, strict=False)) if a != b), min(len(held), len(words))
    )


class Hosted(ScriptedModel):
    """A model behind such a host."""

    host: Host

    async def generate(self, request: Request, emit: Emit) -> Completion:
        return await self.host.answer(request)


def play(
    root: Path, text: str, items: int, slots: int, queue: QueueFor = queue_for
) -> tuple[Host, Any, list[Any]]:
    file = root / "workflow.yaml"
    file.write_text(text, encoding="utf-8")
    graph = open_workflow(file)
    journal, host = MemoryJournal(), Host(slots)
    model = Hosted("unused", name="tiny", slots=slots, context=100_000, prefixes=True)
    model.host = host
    models = dict.fromkeys(models_needed(graph), model)

    async def main() -> Any:
        inputs = {"items": [f"item{number}" for number in range(items)]}
        engine = Engine(graph, inputs, models, Ports(journal=journal), today="2026-01-31", queue=queue)
        return await engine.execute()

    result = asyncio.run(main())
    assert result.status == "done", result.error
    return host, result.outputs, journal.events


def test_each_role_is_read_once(tmp_path: Path) -> None:
    """Three agents with long roles, eight items, four slots: three roles and the items are read, no role twice."""
    host, _, _ = play(tmp_path, TEAM, 8, 4)

    assert host.read < 3 * 1000 + 8 * 3 * 40
    assert host.most > 1


def test_first_come_first_served_reads_them_again_and_again(tmp_path: Path) -> None:
    """What the queue is for: the same team without it."""
    host, _, _ = play(tmp_path, TEAM, 8, 4, queue=lambda info: Slots(info.slots))

    assert host.read > 8 * 1000


def test_items_of_one_agent_keep_their_order(tmp_path: Path) -> None:
    """The queue chooses among agents, not among the requests of one."""
    _, _, events = play(tmp_path, TEAM, 8, 2)

    sorted_first = [e.path for e in events if e.kind == "attempt.started" and e.path.endswith("sort")]
    assert sorted_first == [f"each.{n}.sort" for n in range(8)]


def test_a_burst_warms_one_slot_before_it_spreads(tmp_path: Path) -> None:
    """Eight short answers are not worth a second reading of a long role."""
    host, _, _ = play(tmp_path, BURST.replace("ROLE", ROLE), 8, 4)

    assert host.most == 1
    assert host.read < 1000 + 8 * 10


def test_a_short_role_spreads_at_once(tmp_path: Path) -> None:
    """Where there is nothing to save, all slots work."""
    host, _, _ = play(tmp_path, BURST.replace("ROLE", ""), 8, 4)

    assert host.most == 4


def test_a_long_burst_spreads_when_waiting_has_cost_as_much_as_reading(tmp_path: Path) -> None:
    """Four hundred items: the role is read for another slot after a while, and not for each of them."""
    host, _, _ = play(tmp_path, BURST.replace("ROLE", ROLE), 400, 4)

    assert host.most > 1
    assert host.read < 4 * 1000 + 400 * 10


def draft(affinity: str, tokens: int = 1000) -> Any:
    """As much of a draft as the queue looks at."""

    @dataclass
    class Count:
        tokens: int

    @dataclass
    class Draft:
        request: Request
        count: Count

    messages = (Message("system", "w" * tokens), Message("user", "x"))
    return Draft(Request(messages, 8, affinity=affinity), Count(tokens))


def test_nobody_is_passed_over_for_ever() -> None:
    """One slot, an agent whose prefix is warm and whose requests never end: the other one gets its turn."""

    async def main() -> int:
        queue = Queue(1)
        busy, other = draft("busy"), draft("other")
        assert queue.take(busy)
        waiting = [asyncio.create_task(queue.turn(busy)) for _ in range(50)]
        await asyncio.sleep(0)
        late = asyncio.create_task(queue.turn(other))
        await asyncio.sleep(0)
        served = 0
        while not late.done():
            queue.release(busy)
            await asyncio.sleep(0)
            served += 1
        queue.release(other)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        return served

    assert asyncio.run(main()) <= PATIENCE + 1


def test_a_request_that_is_cancelled_takes_no_slot() -> None:
    """Neither while it waits nor in the moment in which it gets its turn."""

    async def main() -> None:
        queue = Queue(1)
        one = draft("one")
        assert queue.take(one)
        waiting = asyncio.create_task(queue.turn(one))
        second = asyncio.create_task(queue.turn(one))
        await asyncio.sleep(0)
        queue.release(one)
        waiting.cancel()  # its turn has come already
        await asyncio.gather(waiting, return_exceptions=True)
        await second
        queue.release(one)
        assert queue.host.running == 0
        assert queue.waiting == 0
        assert queue.take(one)

    asyncio.run(main())


def test_the_slot_used_longest_ago_is_given_away() -> None:
    """Two slots, three agents: the first one's prefix is read again, the second one's is still there."""
    host = Prefixes(2)
    first, second, third = (host.add(1000) for _ in range(3))
    for prefix in (first, second, third):
        host.begin(prefix)
        host.end(prefix)

    assert not host.is_warm(first)
    assert host.is_warm(second)
    assert host.is_warm(third)


def test_models_that_share_nothing_between_requests_are_served_as_they_come() -> None:
    """A cloud is no host of ours."""
    info = ModelInfo("far", "openai:x", "openai", 8000, 8, local=False)

    assert type(queue_for(info)) is Slots


# ------------------------------------------------------------------------------------------------ any order


@st.composite
def workflows(draw: st.DrawFn) -> str:
    """A few steps of three agents, each reading some of those before it, some of them once per item."""
    lines, single = [], list[str]()
    for number in range(draw(st.integers(2, 7))):
        name = f"s{number}"
        agent = draw(st.sampled_from(["sorter", "finder", "writer"]))
        read = draw(st.lists(st.sampled_from(single), unique=True, max_size=3)) if single else []
        reads = " ".join(f"{{{{ {one} }}}}" for one in read)
        if draw(st.booleans()):
            lines.append(
                f'  {name}: {{foreach: inputs.items, agent: {agent}, prompt: "{{{{ item }}}} {reads}"}}'
            )
        else:
            lines.append(f'  {name}: {{agent: {agent}, prompt: "go {number} {reads}"}}')
            single.append(name)
    head = TEAM.partition("steps:")[0].replace(ROLE, "word " * draw(st.sampled_from([0, 300])))
    outputs = ", ".join(f'o{n}: "{{{{ {line.split(":")[0].strip()} }}}}"' for n, line in enumerate(lines))
    return f"{head}steps:\n" + "\n".join(lines) + f"\noutputs: {{{outputs}}}\n"


def by_step(events: list[Any]) -> dict[str, list[Any]]:
    """What happened to each step, without times and without what the host had in its cache."""
    told: dict[str, list[Any]] = {}
    for event in events:
        if path := getattr(event, "path", ""):
            facts = {k: v for k, v in _fields(event).items() if k not in UNSTABLE}
            if isinstance(facts.get("facts"), dict):
                facts["facts"] = {k: v for k, v in facts["facts"].items() if k != "seconds"}
            told.setdefault(path, []).append(repr(facts))
    return told


UNSTABLE = ("at", "seconds", "first_token", "rate", "cached_tokens")


def _fields(event: Any) -> dict[str, Any]:
    names = getattr(event, "__struct_fields__", None) or getattr(event, "__slots__", None)
    return {name: getattr(event, name) for name in names} if names else asdict(event)


@settings(max_examples=25, deadline=None)
@given(text=workflows(), slots=st.integers(1, 5), seed=st.integers(0, 2**16))
def test_any_order_gives_the_same_outputs_and_the_same_history_of_each_step(
    tmp_path_factory: Any, text: str, slots: int, seed: int
) -> None:
    """A model that is a pure function of its request, and a queue that picks by chance."""
    root = tmp_path_factory.mktemp("any")
    dice = random.Random(seed)

    def by_chance(lanes: Sequence[Lane], _host: Prefixes) -> Lane:
        return dice.choice(lanes)

    _, plain, first = play(root, text, 4, slots, queue=lambda info: Slots(info.slots))
    _, ours, second = play(root, text, 4, slots)
    _, chance, third = play(root, text, 4, slots, queue=lambda info: Queue(info.slots, by_chance))

    assert plain == ours == chance
    assert by_step(first) == by_step(second) == by_step(third)
    assert any("attempt.started" in "".join(kept) for kept in by_step(first).values())
