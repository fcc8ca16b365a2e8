"""What the engine costs per step, in CPU time, beside a bare asyncio task group that does the same work.

The bare version renders nothing, validates nothing and records nothing: it formats the prompt with an f-string
and awaits the same scripted model in one task per step.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from pathlib import Path

from benchmarks.chain import Forgetful, workflow
from benchmarks.table import Row, figure
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.events import RunStarted
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Message, Request
from orchestrator.ports import Journal
from orchestrator.providers.scripted import ScriptedModel

REPEATS = 5
ANSWER = '{"line":"and so it went on"}'


def measure() -> list[Row]:
    rows: list[Row] = []
    for steps in (1000, 10_000):
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "chain.yaml"
            file.write_text(workflow(steps), encoding="utf-8")
            graph = open_workflow(file)
            bare, memory, stored = [], [], []
            for n in range(REPEATS):
                bare.append(_bare(steps))
                memory.append(_in_memory(graph, steps))
                stored.append(_with_store(graph, steps, Path(folder) / f"{n}.db"))
            ratio = [m / b for m, b in zip(memory, bare, strict=True)]
            ratio_stored = [s / b for s, b in zip(stored, bare, strict=True)]
            name = f"chain of {steps:,} steps"
            rows += [
                figure(f"{name}: bare task group", bare, "µs CPU per step"),
                figure(f"{name}: in memory", memory, "µs CPU per step", "≤ 40 µs"),
                figure(f"{name}: in memory, ratio to bare", ratio, "x", "≤ 4x"),
                figure(f"{name}: with the durable log", stored, "µs CPU per step", "≤ 60 µs"),
                figure(f"{name}: with the durable log, ratio to bare", ratio_stored, "x"),
            ]
    return rows


def _bare(steps: int) -> float:
    model = ScriptedModel(lambda _: ANSWER)

    async def step(text: str) -> str:
        request = Request((Message("user", f"Go on: {text}"),), 64)
        return (await model.generate(request, lambda _: None)).text

    async def main() -> None:
        text = "once"
        for _ in range(steps):
            async with asyncio.TaskGroup() as group:
                task = group.create_task(step(text))
            text = task.result()

    return _cpu(lambda: asyncio.run(main()), steps)


def _in_memory(graph: Graph, steps: int) -> float:
    return _cpu(lambda: asyncio.run(_run(graph, Forgetful())), steps)


def _with_store(graph: Graph, steps: int, file: Path) -> float:
    from orchestrator.store.journal import StoreJournal
    from orchestrator.store.lease import Lease
    from orchestrator.store.open import open_store

    store = open_store(file)

    async def main() -> None:
        journal = StoreJournal(store, "bench")
        await _run(graph, journal)
        journal.close()

    with Lease.acquire(store, "bench"):
        store.create("bench", _started(graph, steps))
        spent = _cpu(lambda: asyncio.run(main()), steps)
    store.close()
    return spent


async def _run(graph: Graph, journal: Journal) -> None:
    models = {name: ScriptedModel(lambda _: ANSWER, name=name) for name in models_needed(graph)}
    engine = Engine(graph, {"text": "once"}, models, Ports(journal=journal), today="2026-01-31")
    result = await engine.execute()
    assert result.status == "done", result


def _started(graph: Graph, steps: int) -> RunStarted:
    return RunStarted(time.time(), "bench", "chain", graph.file, "", "", "", "0", {}, {}, steps)


def _cpu(work: object, steps: int) -> float:
    """Microseconds of CPU per step, all threads."""
    assert callable(work)
    gc.collect()
    began = time.process_time()
    work()
    return (time.process_time() - began) / steps * 1e6
