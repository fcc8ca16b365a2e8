"""Runs a workflow given as text with scripted models, and with whatever ports a test of privacy needs."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from orchestrator.engine.recover import Recovered
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result, models_needed
from orchestrator.graph.model import Graph
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request
from orchestrator.providers.scripted import ScriptedModel
from tests.engine.harness import HEAD, MemoryJournal, Played

Answer = Callable[[Request], Any]


def graph_of(root: Path, text: str) -> Graph:
    """The graph of this YAML, with a model and an agent put before it unless it has its own."""
    text = textwrap.dedent(text)
    file = root / "workflow.yaml"
    file.write_text(text if "orch: 1" in text else HEAD + text, encoding="utf-8")
    return open_workflow(file)


def play(
    root: Path,
    text: str,
    answer: Answer | Mapping[str, Answer] = lambda _: "ok",
    *,
    inputs: Mapping[str, Any] | None = None,
    recovered: Recovered | None = None,
    **ports: Any,
) -> Played:
    """Run it; `ports` are fields of `Ports`."""
    return play_graph(graph_of(root, text), answer, inputs=inputs, recovered=recovered, **ports)


def play_graph(
    graph: Graph,
    answer: Answer | Mapping[str, Answer],
    *,
    inputs: Mapping[str, Any] | None = None,
    recovered: Recovered | None = None,
    **ports: Any,
) -> Played:
    journal = MemoryJournal()
    answers = answer if isinstance(answer, Mapping) else {}
    models = {
        name: ScriptedModel(answers[name] if answers else answer, name=name) for name in models_needed(graph)
    }

    async def main() -> Result:
        filled = Ports(**{"journal": journal, **ports})
        engine = Engine(graph, inputs or {}, dict(models), filled, today="2026-01-31", recovered=recovered)
        return await engine.execute()

    result = asyncio.run(main())
    return Played(result, journal.events, models)
