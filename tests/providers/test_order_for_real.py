"""The order of calls with real hosts: a team on one of them, and three models of which one may be loaded."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.queue import Slots
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result, models_needed
from orchestrator.events import AttemptFinished, ModelReady
from orchestrator.graph.open import open_workflow
from orchestrator.ports import Model
from orchestrator.providers.llamacpp import LlamaCpp
from orchestrator.spec.model import ModelSpec
from tests.engine.harness import MemoryJournal
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

pytestmark = pytest.mark.real_model
NAMES = ("Quillfeather", "Dunmarrow", "Oxbrindle", "Tavistock")
CITIES = ("Zanzibar", "Reykjavik", "Samarkand", "Timbuktu", "Valparaiso", "Yellowknife")
MARKED = re.compile("|".join((*NAMES, *CITIES)))
TEAM = """
orch: 1
inputs: {items: "[string]"}
models: {tiny: {use: 'llamacpp:smollm2-135m', context: 1024}}
agents:
  AGENTS
steps:
  each:
    foreach: inputs.items
    steps:
      STEPS
"""
TURNS = """
orch: 1
inputs: {items: "[string]"}
models: {one: {use: './a.gguf', context: 512}, two: {use: './b.gguf', context: 512}, three: {use: './c.gguf', context: 512}}
agents: {first: {model: one}, second: {model: two}, third: {model: three}}
steps:
  each:
    foreach: inputs.items
    steps:
      draft: {agent: first, prompt: "{{ item }}", output: a | b}
      check: {agent: second, prompt: "{{ item }} {{ draft }}", output: a | b}
      tell: {agent: third, prompt: "{{ item }} {{ check }}", output: a | b}
"""


def team() -> str:
    """Four agents, each of its own name; every answer goes to the next together with the item."""
    agents = [
        f"{name.lower()}: {{model: tiny, params: {{max_tokens: 24}}, role: 'You are {name}. Copy the name of the city. "
        f"{'Never speak of anything else. ' * 12}'}}"
        for name in NAMES
    ]
    steps = [
        f"s{n}: {{agent: {name.lower()}, output: string(30), prompt: '{{{{ item }}}}'}}"
        for n, name in enumerate(NAMES)
    ]
    return TEAM.replace("AGENTS", "\n  ".join(agents)).replace("STEPS", "\n      ".join(steps))


def play(
    file: Path, models: dict[str, Model], items: Sequence[str], **more: Any
) -> tuple[Result, MemoryJournal]:
    journal = MemoryJournal()

    async def main() -> Result:
        try:
            engine = Engine(
                open_workflow(file),
                {"items": list(items)},
                models,
                Ports(journal=journal),
                today="2026-01-31",
                **more,
            )
            return await engine.execute()
        finally:
            for model in models.values():
                await model.close()

    return asyncio.run(main()), journal


def test_a_team_on_one_host_speaks_of_its_own_prompts_only(embedded: Embedded, tmp_path: Path) -> None:
    """Four agents in four slots, in the order of the queue: no answer holds a name of another one's prompt, and they
    are those of one request after the other, but for what batches round."""
    file = tmp_path / "workflow.yaml"
    file.write_text(team(), encoding="utf-8")
    items = [f"A letter came from {city} this morning." for city in CITIES]

    alone, serial = play(file, {"tiny": embedded.model()}, items, queue=lambda _: Slots(1))
    together, queued = play(file, {"tiny": embedded.model()}, items)

    assert alone.status == together.status == "done"
    answers = [(e.path, e.text) for e in queued.events if isinstance(e, AttemptFinished)]
    for path, text in answers:
        own = {CITIES[int(path.split(".")[1])], NAMES[int(path[-1])]}
        assert set(MARKED.findall(text)) <= own, (path, text)
    assert any(MARKED.search(text) for _, text in answers)
    before = {e.path: e.text for e in serial.events if isinstance(e, AttemptFinished)}
    assert sum(before[path] == text for path, text in answers) >= 0.75 * len(answers)
    read = sum(e.prompt_tokens - e.cached_tokens for e in queued.events if isinstance(e, AttemptFinished))
    whole = sum(e.prompt_tokens for e in queued.events if isinstance(e, AttemptFinished))
    assert read < 0.6 * whole


def test_three_models_of_which_one_may_be_loaded_are_loaded_three_times(
    embedded: Embedded, tmp_path: Path
) -> None:
    """Four items go through all of them; the hosts of the first two have ended."""
    for name in "abc":  # a byte more behind the end: other weights by their digest, the same by what they say
        copy = shutil.copy(embedded.weights.path, tmp_path / f"{name}.gguf")
        with Path(copy).open("ab") as end:
            end.write(name.encode())
    file = tmp_path / "workflow.yaml"
    file.write_text(TURNS.replace("'./", "'llamacpp:./"), encoding="utf-8")
    environ = {**os.environ, "ORCH_MODELS_MAX": "1"}
    specs: dict[str, ModelSpec] = models_needed(open_workflow(file))
    models: dict[str, Model] = {
        name: LlamaCpp(name, spec, config=embedded.config, environ=environ, base=tmp_path)
        for name, spec in specs.items()
    }

    result, journal = play(file, models, [f"item {n}" for n in range(4)])

    assert result.status == "done", result.error
    assert [e.model for e in journal.events if isinstance(e, ModelReady)] == ["one", "two", "three"]
    names = [host.state.launch.name for host in embedded.hosts.running() if host.state]
    assert [name for name in names if name in ("./a.gguf", "./b.gguf", "./c.gguf")] == ["./c.gguf"]
