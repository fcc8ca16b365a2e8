"""Whether the engine's cost per step stays what it is: chains, graphs and fan-outs of 1,000 to 100,000 steps, the memory
of 10,000, and how well 64 slow calls run side by side.

Everything happens in memory, with a model that answers at once and keeps nothing. A file holds at most 1 MB, so longer
chains are made of the steps of a short one, as they come out of the checker.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chain import Forgetful, workflow
from benchmarks.engine import ANSWER
from benchmarks.table import Row, figure
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.graph.model import Graph, Node
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Message, Request
from orchestrator.providers.scripted import ScriptedModel
from orchestrator.render import compile_template

SIZES, QUICK = (1000, 10_000, 100_000), (1000, 10_000)
REPEATS = 3
WIDE, DELAY, ROUNDS = 64, 0.05, 10
FAN_OUT = """
orch: 1
inputs: {items: "[string]"}
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny, role: You write one line.}}
steps:
  say: {foreach: inputs.items, parallel: 64, agent: writer, prompt: "Go on: {{ item }}", output: {line: string(80)}}
"""


class Nowhere(list[Any]):
    """Keeps nothing of what is appended: the memory of the engine is measured, not that of the model."""

    def append(self, _: Any) -> None:
        return


def measure(*, quick: bool = False) -> list[Row]:
    sizes = QUICK if quick else SIZES
    with tempfile.TemporaryDirectory() as folder:
        short, fan = Path(folder) / "chain.yaml", Path(folder) / "fan.yaml"
        short.write_text(workflow(2), encoding="utf-8")
        fan.write_text(FAN_OUT, encoding="utf-8")
        chain, fanned = open_workflow(short), open_workflow(fan)
    return [
        *_series("chain", sizes, lambda n: _graph_run(chain, n, 1), _bare_chain),
        *_series("graph of 64 chains side by side", sizes, lambda n: _graph_run(chain, n, WIDE), None),
        *_series("fan-out", sizes, lambda n: lambda: _run(fanned, {"items": _items(n)}), _bare_fan_out),
        _memory("chain", lambda n: _graph_run(chain, n, 1)),
        _memory("fan-out", lambda n: lambda: _run(fanned, {"items": _items(n)})),
        _efficiency(fanned),
    ]


Prepared = Callable[[int], Callable[[], None]]
"""From a number of steps to one run of them; what is made before the run is not measured."""


def _series(
    name: str, sizes: Sequence[int], prepare: Prepared, bare: Callable[[int], None] | None
) -> list[Row]:
    """Microseconds per step of each size, the ratio to a bare task group, and the growth over all sizes."""
    rows: list[Row] = []
    first: list[float] = []
    spent: list[float] = []
    for size in sizes:
        run = prepare(size)
        pairs = [(_cpu(run, size), _cpu(partial(bare, size), size) if bare else 0.0) for _ in range(REPEATS)]
        spent = [ours for ours, _ in pairs]
        first = first or spent
        goal = "≤ 40 µs" if size == sizes[0] else ""
        rows.append(figure(f"{name}, {size:,} steps: in memory", spent, "µs CPU per step", goal))
        if bare is not None:
            ratios = [ours / theirs for ours, theirs in pairs]
            rows.append(figure(f"{name}, {size:,} steps: ratio to a bare task group", ratios, "x", "≤ 4x"))
    growth = [after / before for before, after in zip(first, spent, strict=True)]
    rows.append(
        figure(
            f"{name}: growth of the cost of a step from {sizes[0]:,} to {sizes[-1]:,}", growth, "x", "≤ 1.3x"
        )
    )
    return rows


def _cpu(work: Callable[[], None], steps: int) -> float:
    gc.collect()
    began = time.process_time()
    work()
    return (time.process_time() - began) / steps * 1e6


def _memory(name: str, prepare: Prepared) -> Row:
    """The most that the engine holds during a run of 10,000 steps, above what was there before."""
    run = prepare(10_000)
    prepare(100)()  # what is made once
    gc.collect()
    tracemalloc.start()
    run()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return figure(f"{name}: memory per 10,000 steps", [most / 1e6], "MB", "≤ 10 MB")


def _efficiency(graph: Graph) -> Row:
    """The shortest time that so many calls can take, divided by what they take."""
    found = []
    for _ in range(REPEATS):
        began = time.perf_counter()
        _run(graph, {"items": _items(WIDE * ROUNDS)}, delay=DELAY, slots=WIDE)
        found.append(DELAY * ROUNDS / (time.perf_counter() - began))
    return figure(f"efficiency, {WIDE} wide, steps of {DELAY * 1000:.0f} ms", found, "", "≥ 0.93")


# ------------------------------------------------------------------------------------------------- the work


def _run(graph: Graph, inputs: Mapping[str, Any], *, delay: float = 0.0, slots: int = 8) -> None:
    models = {
        name: ScriptedModel(lambda _: ANSWER, name=name, delay=delay, slots=slots, requests=Nowhere())
        for name in models_needed(graph)
    }

    async def main() -> None:
        engine = Engine(graph, inputs, models, Ports(journal=Forgetful()), today="2026-01-31")
        result = await engine.execute()
        assert result.status == "done", result

    asyncio.run(main())


def _items(count: int) -> list[str]:
    return [f"item {n}" for n in range(count)]


def _graph_run(graph: Graph, steps: int, width: int) -> Callable[[], None]:
    long = _longer(graph, steps, width)
    return lambda: _run(long, {"text": "once"})


def _longer(graph: Graph, steps: int, width: int) -> Graph:
    """The graph with so many steps, each of which reads the one `width` places before it."""
    first, second = graph.scope.nodes
    nodes = tuple(_node(first if n < width else second, n, steps, width) for n in range(steps))
    scope = replace(graph.scope, nodes=nodes, roots=tuple(range(min(width, steps))))
    return replace(graph, scope=scope)


def _node(pattern: Node, n: int, steps: int, width: int) -> Node:
    before, after = n - width, n + width
    read = f"s{before}.line" if before >= 0 else "inputs.text"
    return replace(
        pattern,
        index=n,
        name=f"s{n}",
        path=f"s{n}",
        deps=(before,) if before >= 0 else (),
        successors=(after,) if after < steps else (),
        programs={**pattern.programs, "prompt": compile_template(f"Go on: {{{{ {read} }}}}")},
    )


def _bare_chain(steps: int) -> None:
    step = _bare_step()

    async def main() -> None:
        text = "once"
        for _ in range(steps):
            async with asyncio.TaskGroup() as group:
                task = group.create_task(step(text))
            text = task.result()

    asyncio.run(main())


def _bare_fan_out(steps: int) -> None:
    step = _bare_step()

    async def main() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(step(item)) for item in _items(steps)]
        assert len([task.result() for task in tasks]) == steps

    asyncio.run(main())


def _bare_step() -> Callable[[str], Any]:
    model = ScriptedModel(lambda _: ANSWER, requests=Nowhere())

    async def step(text: str) -> str:
        request = Request((Message("user", f"Go on: {text}"),), 64)
        return (await model.generate(request, lambda _: None)).text

    return step
