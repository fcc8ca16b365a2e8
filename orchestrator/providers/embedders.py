"""From the reference of an embedding model to the embedder that answers for it; imported when one is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.providers.catalog import find
from orchestrator.providers.model_store import silent
from orchestrator.providers.registry import provider_of

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.ports import Embedder
    from orchestrator.providers.fetch import Progress
    from orchestrator.spec.model import ModelSpec

NO_MODELS: Mapping[str, ModelSpec] = MappingProxyType({})


def open_embedder(
    ref: str | None,
    *,
    environ: Mapping[str, str],
    config: Config,
    base: Path,
    models: Mapping[str, ModelSpec] = NO_MODELS,
    progress: Progress = silent,
) -> Embedder:
    """The embedder of a reference `provider:model`, or of an entry of `models` by its name; not yet prepared.

    None means the embedded default. `base` is the folder of the file that says so. Raises UsageError for what the
    file says wrong, CredentialsMissing for a key that the environment does not hold.
    """
    from orchestrator.spec.model import ModelSpec

    if ref is None:
        return _embedded(environ, config, progress)
    spec = models.get(ref) or ModelSpec(use=ref)
    provider, model = provider_of(spec.use)
    entry = find(model)
    if provider == "llamacpp" and entry is not None and entry.embedding:
        return _embedded(environ, config, progress)
    raise UsageError(f"'{ref}' is no embedding model", hint=f"leave `embed` out, or write {provider}:MODEL")


def _embedded(environ: Mapping[str, str], config: Config, progress: Progress) -> Embedder:
    from orchestrator.providers.embed_here import EmbeddedEmbedder

    return EmbeddedEmbedder(config=config, environ=environ, progress=progress)
