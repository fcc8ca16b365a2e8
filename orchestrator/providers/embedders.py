"""From the reference of an embedding model to the embedder that answers for it; imported when one is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError
from orchestrator.providers.catalog import find
from orchestrator.providers.model_store import silent
from orchestrator.providers.registry import describe, is_cloud, ollama_here, provider_of, secret_of

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
    base: Path,  # noqa: ARG001 - as for models: references may name files one day
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
    if provider == "llamacpp":
        entry = find(model)
        if entry is not None and entry.embedding:
            return _embedded(environ, config, progress)
    if provider in ("llamacpp", "scripted"):
        raise UsageError(
            f"'{ref}' is no embedding model",
            hint="leave `embed` out for the one that ships; others are reached through their server, "
            "like ollama:nomic-embed-text",
        )
    return _served(ref, spec, environ, config)


def _embedded(environ: Mapping[str, str], config: Config, progress: Progress) -> Embedder:
    from orchestrator.providers.embed_here import EmbeddedEmbedder

    return EmbeddedEmbedder(config=config, environ=environ, progress=progress)


def _served(ref: str, spec: ModelSpec, environ: Mapping[str, str], config: Config) -> Embedder:
    from orchestrator.providers.chat import ChatServer
    from orchestrator.providers.embed_served import Ollama, OpenAI, ServedEmbedder

    provider, model = provider_of(spec.use)
    cloud = is_cloud(spec)
    if cloud and config.offline:
        raise UsageError(
            f"'{ref}' is not on this machine, and nothing may leave it",
            hint="leave `embed` out to embed on this machine, or run without --local-only and ORCH_OFFLINE",
        )
    if spec.serve is not None:
        raise UsageError(f"'{ref}': `serve` starts chat models only", hint="start its server yourself")
    url = describe(spec).url
    if provider == "ollama" and spec.url is None:
        url = ollama_here(environ)
    server = ChatServer(url, model=model, key=secret_of(ref, spec, environ))
    dialect = Ollama() if provider == "ollama" else OpenAI()
    return ServedEmbedder(spec.use, server, dialect, local=not cloud, context=spec.context)
