"""Three models of which one may be loaded: how often orch loads them, against an item after the other.

    orch            one run over all items, with ORCH_MODELS_MAX=1
    item by item    the same workflow once per item: what a loop over items does

The three models are the same weights under three digests, each on a host of its own; a load is a host that was started.

    python -m benchmarks.swaps --items 8
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.chain import Forgetful
from benchmarks.table import Row, as_markdown, figure
from orchestrator.config import Config
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine
from orchestrator.events import AttemptFinished, Event
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.providers.catalog import DEFAULT
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.model_store import ModelStore
from orchestrator.providers.registry import open_model

MODELS = ("one", "two", "three")
WORKFLOW = """
orch: 1
inputs: {items: "[string]"}
models:
  one: {use: 'llamacpp:./one.gguf', context: 512}
  two: {use: 'llamacpp:./two.gguf', context: 512}
  three: {use: 'llamacpp:./three.gguf', context: 512}
agents: {sorter: {model: one}, writer: {model: two}, checker: {model: three}}
steps:
  each:
    foreach: inputs.items
    steps:
      kind: {agent: sorter, prompt: "{{ item }}", output: news | offer | question}
      reply: {agent: writer, prompt: "Answer this {{ kind }}: {{ item }}", output: string(60)}
      fits: {agent: checker, prompt: "Is it polite? {{ reply }}", output: yes | no}
"""


class Loads(Forgetful):
    """Which hosts answered, by their process."""

    def __init__(self, hosts: Hosts) -> None:
        super().__init__()
        self.hosts = hosts
        self.processes: set[int] = set()

    def append(self, event: Event) -> None:
        super().append(event)
        if isinstance(event, AttemptFinished):
            self.processes |= {host.state.pid for host in self.hosts.running() if host.state is not None}


def measure(items: int = 8) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="orch-") as folder:
        root = Path(folder)
        config = replace(Config.from_environment(os.environ, root), runtime=root)
        _copies(config, root)
        file = root / "workflow.yaml"
        file.write_text(WORKFLOW, encoding="utf-8")
        graph = open_workflow(file)
        texts = [f"Letter {n}: is the red lamp still for sale?" for n in range(items)]
        one_run = asyncio.run(_taken(graph, config, [texts]))
        each = asyncio.run(_taken(graph, config, [[text] for text in texts]))
    return _rows(items, one_run, each)


def _copies(config: Config, root: Path) -> None:
    """The default model under three digests: a byte behind the end changes nothing that it says."""
    weights = ModelStore(config.models, environ=os.environ).open(DEFAULT, root).path
    for name in MODELS:
        copy = shutil.copy(weights, root / f"{name}.gguf")
        with Path(copy).open("ab") as end:
            end.write(name.encode())


async def _taken(graph: Graph, config: Config, runs: Sequence[Sequence[str]]) -> tuple[float, int]:
    """Seconds, and how many hosts were started, of these runs one after the other."""
    environ = {**os.environ, "ORCH_MODELS_MAX": "1"}
    hosts = Hosts(config.runtime / "hosts", environ=environ)
    _stop_all(hosts)
    journal = Loads(hosts)
    began = time.perf_counter()
    for items in runs:
        await _run(graph, config, environ, items, journal)
    seconds = time.perf_counter() - began
    _stop_all(hosts)
    return seconds, len(journal.processes)


async def _run(
    graph: Graph, config: Config, environ: dict[str, str], items: Sequence[str], journal: Loads
) -> None:
    models = {
        name: open_model(name, graph.models[name], environ=environ, config=config, base=config.runtime)
        for name in MODELS
    }
    try:
        engine = Engine(graph, {"items": list(items)}, models, Ports(journal=journal), today="2026-01-31")
        result = await engine.execute()
    finally:
        for model in models.values():
            await model.close()
    assert result.status == "done", str(result.error)


def _stop_all(hosts: Hosts) -> None:
    for host in hosts.running():
        hosts.stop(host.identity)


def _rows(items: int, one_run: tuple[float, int], each: tuple[float, int]) -> list[Row]:
    (seconds, loads), (by_item, loads_by_item) = one_run, each
    what = f"three models, room for one, {items} items"
    return [
        Row(f"{what}: loads", str(loads), str(len(MODELS)), f"{seconds:.1f} s"),
        Row(f"{what}, item by item: loads", str(loads_by_item), spread=f"{by_item:.1f} s"),
        figure(f"{what}: item by item / orch", [by_item / seconds], "x"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.swaps", description=__doc__)
    parser.add_argument("--items", type=int, default=8)
    print(as_markdown(measure(parser.parse_args().items)))


if __name__ == "__main__":
    main()
