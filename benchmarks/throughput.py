"""Tokens per second of a foreach of 32 items through orch, against the same requests sent straight to the model host.

Both sides use the same host, the same slots and the same prompts; a nonce per repetition keeps the host's
prompt cache out of it. Repetitions alternate, and the ratio is taken within each pair.
"""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
import time
from pathlib import Path

from benchmarks.chain import Forgetful
from benchmarks.table import Row, figure
from orchestrator.config import Config
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine
from orchestrator.events import AttemptFinished, Event
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.ports import Model
from orchestrator.providers.host import State
from orchestrator.providers.hosts import Hosts
from orchestrator.providers.registry import open_model

REPEATS = 5
ITEMS = 32
WORKFLOW = """
orch: 1
inputs: {items: "[string](0..100)"}
models: {tiny: llamacpp:smollm2-135m}
agents: {writer: {model: tiny, role: You write one short sentence., params: {max_tokens: 40, temperature: 0}}}
steps:
  say: {foreach: inputs.items, agent: writer, prompt: "Write about {{ item }}.", repair: 0, on_error: continue}
"""
THINGS = (
    "a river",
    "an old clock",
    "bread",
    "the first snow",
    "a lost key",
    "a train",
    "the moon",
    "a small dog",
)


class Recording(Forgetful):
    """Counts generated tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens = 0
        self.requests: list[tuple[str, str]] = []

    def append(self, event: Event) -> None:
        super().append(event)
        if isinstance(event, AttemptFinished):
            self.tokens += event.completion_tokens


def measure() -> list[Row]:
    return asyncio.run(_measure())


async def _measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "workflow.yaml"
        file.write_text(WORKFLOW, encoding="utf-8")
        graph = open_workflow(file)
        config = Config.from_environment(os.environ, Path.cwd())
        model = open_model("tiny", graph.models["tiny"], environ=os.environ, config=config, base=Path(folder))
        try:
            info = await model.prepare()
            host = host_of(config, info.ref)
            await _raw(host, _items(99), info.slots)
            raw, through = [], []
            for n in range(REPEATS):
                pair = [_raw(host, _items(2 * n), info.slots), _orch(graph, model, _items(2 * n + 1))]
                if n % 2:
                    through.append(await pair[1])
                    raw.append(await pair[0])
                else:
                    raw.append(await pair[0])
                    through.append(await pair[1])
        finally:
            await model.close()
    ratios = [t / r for t, r in zip(through, raw, strict=True)]
    return [
        figure(f"foreach of {ITEMS}: straight to the model host", raw, "tokens/s"),
        figure(f"foreach of {ITEMS}: through orch", through, "tokens/s"),
        figure(f"foreach of {ITEMS}: ratio", ratios, "x", "≥ 0.97"),
    ]


def _items(nonce: int) -> list[str]:
    return [f"{THINGS[n % len(THINGS)]} in the year {1000 + nonce * ITEMS + n}" for n in range(ITEMS)]


async def _orch(graph: Graph, model: Model, items: list[str]) -> float:
    journal = Recording()
    engine = Engine(graph, {"items": items}, {"tiny": model}, Ports(journal=journal), today="2026-01-31")
    began = time.perf_counter()
    result = await engine.execute()
    assert result.status == "done", json.dumps(str(result.error))
    return journal.tokens / (time.perf_counter() - began)


def host_of(config: Config, ref: str) -> State:
    """The running host of this model."""
    running = [entry.state for entry in Hosts(config.runtime / "hosts", environ=os.environ).running()]
    return next(state for state in running if state is not None and ref.endswith(state.launch.name))


async def _raw(host: State, items: list[str], slots: int) -> float:
    """The same requests over plain HTTP, `slots` at a time; the answers are only counted."""
    import httpx2

    waiting = list(items)
    tokens = 0
    limits = httpx2.Limits(max_keepalive_connections=0)  # the host closes behind each stream
    headers = {"authorization": f"Bearer {host.key}"}

    async def worker(client: httpx2.AsyncClient) -> None:
        nonlocal tokens
        while waiting:
            body = {
                "messages": [
                    {"role": "system", "content": "You write one short sentence."},
                    {"role": "user", "content": f"Write about {waiting.pop(0)}."},
                ],
                "max_tokens": 40,
                "temperature": 0,
                "stream": True,
                "stream_options": {"include_usage": True},
            }
            async with client.stream("POST", "/v1/chat/completions", json=body) as response:
                lines = [line async for line in response.aiter_lines() if line.startswith("data: {")]
            tokens += json.loads(lines[-1][6:])["usage"]["completion_tokens"]

    async with httpx2.AsyncClient(base_url=host.url, headers=headers, limits=limits, timeout=None) as client:
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for _ in range(slots):
                group.create_task(worker(client))
        return tokens / (time.perf_counter() - began)
