"""What a run needs before it begins: models that can be opened, their weights, tools that can be called, prices."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.console import Console
from orchestrator.cli.equipment import check_tools
from orchestrator.cli.equipment_knowledge import embeds_here, prepare_lookups, refuse_embedders_away
from orchestrator.config import Config
from orchestrator.engine.preflight import Absent, preflight
from orchestrator.engine.start import models_climbed, models_needed
from orchestrator.errors import CredentialsMissing
from orchestrator.graph.model import Graph
from orchestrator.ports import Model
from orchestrator.providers.registry import open_model

if TYPE_CHECKING:
    from orchestrator.money import Price
    from orchestrator.spec.model import ModelSpec

EMBEDDER = "llamacpp:all-minilm-l6-v2"
"""What embeds where nothing else is said."""


def open_models(graph: Graph, config: Config, console: Console) -> dict[str, Model]:
    """A model for every name the graph needs; missing weights are fetched, nothing is started yet.

    Tools that cannot be called are found too, and what the steps look up is brought up to date. Raises UsageError,
    CredentialsMissing, ProviderError, SandboxUnavailable, KnowledgeError.
    """
    base = Path(graph.file).resolve().parent
    preflight(graph, price_list, offline=config.offline)
    check_tools(graph, os.environ)
    refuse_embedders_away(graph, offline=config.offline)
    needed, climbed = models_needed(graph), models_climbed(graph)
    fetch_weights(graph, config, console)
    prepare_lookups(graph, config, os.environ, console)
    return {
        name: open_needed(name, spec, config, base, climbed=name in climbed) for name, spec in needed.items()
    }


def open_needed(name: str, spec: ModelSpec, config: Config, base: Path, *, climbed: bool) -> Model:
    """One model; without its key it is absent where only an `escalate` asks it, and the run stays local."""
    try:
        return open_model(name, spec, environ=os.environ, config=config, base=base)
    except CredentialsMissing as error:
        if climbed:
            return Absent(error)
        raise


def check_models(graph: Graph, config: Config, console: Console) -> None:
    """Find out what keeps the models from being opened, and fetch missing weights, for a run somewhere else.

    Raises UsageError, CredentialsMissing, ProviderError.
    """

    async def close() -> None:
        for model in models.values():
            await model.close()

    models = open_models(graph, config, console)
    asyncio.run(close())


def fetch_weights(graph: Graph, config: Config, console: Console) -> None:
    """Bring what is not on this machine yet. Raises UsageError, ProviderError."""
    references = [spec.use for spec in models_needed(graph).values()]
    references += [EMBEDDER] if embeds_here(graph) else []
    base = Path(graph.file).resolve().parent
    if not any(reference.startswith("llamacpp:") for reference in references):
        return
    from orchestrator.cli.download import fetch_missing
    from orchestrator.providers.model_store import ModelStore

    store = ModelStore(config.models, environ=os.environ, offline=config.offline)
    fetch_missing(references, store, base, console)


def price_list(spec: ModelSpec, *, local: bool) -> Price | None:
    """What a model costs; the list is read when the first model off the machine is asked."""
    from orchestrator.pricelist import price_of

    return price_of(spec, local=local)


__all__ = ["EMBEDDER", "check_models", "fetch_weights", "open_models", "open_needed", "price_list"]
