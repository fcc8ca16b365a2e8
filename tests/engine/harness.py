"""Runs a workflow given as text, with scripted models, entirely in memory."""

from __future__ import annotations

import asyncio
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.engine.recover import Recovered, recover
from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result, models_needed
from orchestrator.events import Event, RunResumed, RunStarted
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request
from orchestrator.ports import Asker, Cache, Model
from orchestrator.providers.scripted import ScriptedModel

E = TypeVar("E")
Answer = Callable[[Request], Any]


class MemoryJournal:
    """A list of events. `fail_at` raises at that event, as a killed process would stop there."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def append(self, event: Event) -> None:
        self.events.append(event)

    async def flush(self) -> None:
        """Memory is always flushed."""


@dataclass
class Played:
    """A finished run with everything it wrote."""

    result: Result
    events: list[Event]
    models: Mapping[str, ScriptedModel] = field(default_factory=dict)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def outputs(self) -> Any:
        return self.result.outputs

    @property
    def requests(self) -> list[Request]:
        return [request for model in self.models.values() for request in model.requests]


HEAD = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {writer: {model: tiny}}
"""


def play(
    root: Path,
    steps: str,
    answer: Answer | Sequence[Any] | Mapping[str, Answer | Sequence[Any]] = lambda _: "ok",
    *,
    inputs: Mapping[str, Any] | None = None,
    asker: Asker | None = None,
    cache: Cache | None = None,
    recovered: Recovered | None = None,
    offline: bool = False,
    away: Collection[str] = (),
    kind: type[ScriptedModel] = ScriptedModel,
    equip: Mapping[str, Any] | None = None,
    **model_options: Any,
) -> Played:
    """Run this YAML (the head above is put before it unless it has its own) with scripted answers.

    `away` are models that turn out to be off this machine although the file does not say so; `kind` is a
    model that behaves otherwise. `equip` are further ports, by their names.
    """
    text = textwrap.dedent(steps)
    if "orch: 1" not in text:
        text = HEAD + text
    file = root / "workflow.yaml"
    file.write_text(text, encoding="utf-8")
    return play_file(
        file,
        answer,
        inputs=inputs,
        asker=asker,
        cache=cache,
        recovered=recovered,
        offline=offline,
        away=away,
        kind=kind,
        equip=equip,
        **model_options,
    )


def play_file(
    file: Path,
    answer: Answer | Sequence[Any] | Mapping[str, Answer | Sequence[Any]],
    *,
    inputs: Mapping[str, Any] | None = None,
    asker: Asker | None = None,
    cache: Cache | None = None,
    recovered: Recovered | None = None,
    offline: bool = False,
    away: Collection[str] = (),
    kind: type[ScriptedModel] = ScriptedModel,
    equip: Mapping[str, Any] | None = None,
    **model_options: Any,
) -> Played:
    graph = open_workflow(file)
    journal = MemoryJournal()
    models = {
        name: kind(
            answer[name] if isinstance(answer, Mapping) else answer,
            name=name,
            local=spec.where != "cloud" and name not in away,
            ref=f"scripted:{name}",
            **{"context": spec.context or 8192, **model_options},
        )
        for name, spec in models_needed(graph).items()
    }
    ports = Ports(journal=journal, asker=asker, cache=cache, offline=offline, **(equip or {}))
    given: Mapping[str, Model] = models
    first = _first(graph.file, inputs or {}) if recovered is None else RunResumed(at=0.0, owner="test")

    async def main() -> Result:
        engine = Engine(graph, inputs or {}, given, ports, today="2026-01-31", recovered=recovered)
        journal.append(first)
        return await engine.execute()

    result = asyncio.run(main())
    return Played(result, journal.events, models)


def _first(file: str, inputs: Mapping[str, Any]) -> RunStarted:
    return RunStarted(
        at=0.0,
        run="test",
        workflow="test",
        file=file,
        root="",
        revision="",
        source="",
        version="0",
        inputs=inputs,
        options={},
        steps=0,
    )


def again(played: Played) -> Recovered:
    """What a resumed run would know after these events."""
    return recover(played.events)
