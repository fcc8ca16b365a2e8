"""orch: typed agent steps from a workflow file, with a scripted model, in memory and with its durable log."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.chain import Forgetful, workflow
from benchmarks.peers.work import ANSWER, WIDE, Prepare, Run, items
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, models_needed
from orchestrator.events import RunStarted
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.ports import Journal
from orchestrator.providers.scripted import ScriptedModel

FAN_OUT = f"""
orch: 1
inputs: {{items: "[string]"}}
models: {{tiny: "scripted:answers.yaml"}}
agents: {{writer: {{model: tiny, role: You write one line.}}}}
steps:
  say: {{foreach: inputs.items, parallel: {WIDE}, agent: writer, prompt: "Go on: {{{{ item }}}}", output: {{line: string(80)}}}}
outputs: {{said: "{{{{ say }}}}"}}
"""


def _open(text: str) -> Graph:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflow.yaml"
        file.write_text(text, encoding="utf-8")
        return open_workflow(file)


def _chain_of(steps: int) -> tuple[Graph, dict[str, Any]]:
    text = workflow(steps) + f'outputs: {{last: "{{{{ s{steps - 1}.line }}}}"}}\n'
    return _open(text), {"text": "once"}


def _fan_of(steps: int) -> tuple[Graph, dict[str, Any]]:
    return _open(FAN_OUT), {"items": items(steps)}


async def _execute(graph: Graph, inputs: dict[str, Any], journal: Journal) -> Any:
    models = {
        name: ScriptedModel(lambda _: ANSWER, name=name, requests=Nowhere()) for name in models_needed(graph)
    }
    engine = Engine(graph, inputs, models, Ports(journal=journal), today="2026-01-31")
    result = await engine.execute()
    assert result.status == "done", result
    found = result.outputs
    return found["last"] if "last" in found else [said["line"] for said in found["said"]]


class Nowhere(list[Any]):
    """Keeps no requests: the engine is measured, not the memory of the model."""

    def append(self, _: Any) -> None:
        return


def _in_memory(made: tuple[Graph, dict[str, Any]]) -> Run:
    return lambda: _execute(*made, Forgetful())


def _stored(made: tuple[Graph, dict[str, Any]], steps: int) -> Run:
    from orchestrator.store.journal import StoreJournal
    from orchestrator.store.lease import Lease
    from orchestrator.store.open import open_store

    graph, inputs = made
    folder = tempfile.TemporaryDirectory()
    store = open_store(Path(folder.name) / "runs.db")

    async def run() -> Any:
        with folder, Lease.acquire(store, "bench"):
            store.create(
                "bench", RunStarted(time.time(), "bench", "b", graph.file, "", "", "", "0", {}, {}, steps)
            )
            journal = StoreJournal(store, "bench")
            found = await _execute(graph, inputs, journal)
            journal.close()
            store.close()
            return found

    return run


WORK: dict[str, Prepare] = {
    "chain": lambda steps: _in_memory(_chain_of(steps)),
    "fan-out": lambda steps: _in_memory(_fan_of(steps)),
    "durable chain": lambda steps: _stored(_chain_of(steps), steps),
    "durable fan-out": lambda steps: _stored(_fan_of(steps), steps),
}
