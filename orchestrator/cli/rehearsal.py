"""What of a run is in the cache already: the engine plays it with models that are never asked.

Whatever would need an answer waits, like a question nobody answers; everything that can be reused is found, also
behind other reused answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.engine.run import Blocked, Ports
from orchestrator.engine.start import Engine, models_climbed, models_needed
from orchestrator.events import Event, StepFinished
from orchestrator.messages import Completion, Message, ModelInfo, Request, TokenCount
from orchestrator.ports import Emit, Model, Tool
from orchestrator.report.paths import step_of

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.store.store import Store


class _Silent:
    """A model that can be measured, but is not asked."""

    def __init__(self, model: Model) -> None:
        self._model = model

    async def prepare(self) -> ModelInfo:
        return await self._model.prepare()

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        return await self._model.count(messages)

    async def generate(self, request: Request, emit: Emit) -> Completion:  # noqa: ARG002 - the shape of Model
        raise Blocked

    async def close(self) -> None:
        await self._model.close()


class _Reused:
    """A journal that counts reused answers by step."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()

    def append(self, event: Event) -> None:
        if isinstance(event, StepFinished) and event.cached:
            self.steps[step_of(event.path)] += 1

    async def flush(self) -> None:
        """Nothing is kept."""


async def _nothing_called(file: str, name: str) -> Tool:  # noqa: ARG001 - the shape of Tools
    raise Blocked


async def reused_answers(
    graph: Graph, inputs: Mapping[str, Any], store: Store, config: Config, base: Path
) -> dict[str, int]:
    """Number of answers per step that a run with these inputs would take from the cache.

    `base` is the folder of the workflow's file. Raises ProviderError.
    """
    from orchestrator.cli.needs import open_needed
    from orchestrator.store.cache import StoreCache

    climbed = models_climbed(graph)
    models = {
        name: _Silent(open_needed(name, spec, config, base, climbed=name in climbed))
        for name, spec in models_needed(graph).items()
    }
    journal, cache = _Reused(), StoreCache(store)
    today = date.today().isoformat()  # noqa: DTZ011 - the user's own calendar
    try:
        ports = Ports(journal=journal, cache=cache, tools=_nothing_called)
        await Engine(graph, inputs, models, ports, today=today).execute()
    finally:
        cache.close()
        for model in models.values():
            await model.close()
    return dict(journal.steps)
