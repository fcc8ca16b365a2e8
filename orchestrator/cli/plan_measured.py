"""What `orch plan` finds out on this machine: tokens of prompts, answers that are in the cache, memory of models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.messages import TokenCount
    from orchestrator.plan.overview import Overview
    from orchestrator.providers.lineage import Form
    from orchestrator.spec.model import ModelSpec


def measured(graph: Graph, plan: Overview) -> dict[str, TokenCount]:
    """Tokens of each known prompt by its first model's tokenizer. Raises ProviderError."""
    import asyncio

    return asyncio.run(_count_all(plan, Path.cwd(), Path(graph.file).resolve().parent))


async def _count_all(plan: Overview, cwd: Path, base: Path) -> dict[str, TokenCount]:
    from orchestrator.config import Config
    from orchestrator.providers.registry import open_model

    config = Config.from_environment(os.environ, cwd)
    counted: dict[str, TokenCount] = {}
    for model in plan.models:
        if model.cloud:
            continue  # counting there would send the prompt
        client = open_model(model.names[0], model.spec, environ=os.environ, config=config, base=base)
        try:
            await client.prepare()
            for step in plan.steps:
                if step.prompt is not None and step.path in model.steps and step.path not in counted:
                    counted[step.path] = await client.count(step.prompt.messages)
        finally:
            await client.close()
    return counted


def cached_answers(graph: Graph, plan: Overview, inputs: Mapping[str, Any]) -> dict[str, int] | None:
    """Answers per step that are in the cache now; None when that cannot be known without leaving this machine."""
    import asyncio

    from orchestrator.cli.rehearsal import reused_answers
    from orchestrator.cli.wiring import find_store
    from orchestrator.config import Config

    if any(model.cloud for model in plan.models):
        return None
    store = find_store()
    if store is None:
        return {}
    config = Config.from_environment(os.environ, Path.cwd())
    try:
        return asyncio.run(reused_answers(graph, inputs, store, config, Path(graph.file).resolve().parent))
    finally:
        store.close()


def memory_of(spec: ModelSpec) -> tuple[int, int] | None:
    """Bytes of weights and of a full context of an embedded model; None where only its server knows."""
    from orchestrator.providers.catalog import find

    provider, _, name = spec.use.partition(":")
    entry = find(name) if provider == "llamacpp" else None
    if entry is None:
        return None
    context = min(spec.context or entry.context, entry.context)
    form = form_of(spec)
    return form.bytes if form is not None else entry.bytes, entry.kv_bytes * context


def form_of(spec: ModelSpec) -> Form | None:
    """What an embedded model is used as on this machine; None for the original."""
    from orchestrator.config import Config
    from orchestrator.providers.model_store import ModelStore

    provider, _, name = spec.use.partition(":")
    if provider != "llamacpp":
        return None
    config = Config.from_environment(os.environ, Path.cwd())
    store = ModelStore(config.models, environ=os.environ, offline=True)
    here = store.get(name)
    form = store.lineage.of(here.sha256) if here is not None else None
    return form if form is not None and form.form else None


__all__ = ["cached_answers", "form_of", "measured", "memory_of"]
