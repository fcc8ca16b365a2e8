"""Files that stand for models, `llamacpp:./tuned.gguf`: each means one beside the file that names it. So do the paths in
a command that starts a server.

A run opens all its models from one folder, that of the workflow somebody called; what another file says is put in terms
of that folder, so that two files may say the same and mean two models. Opens nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from orchestrator.spec.model import ModelSpec


def as_seen_from(folder: Path, models: Mapping[str, ModelSpec], written_in: Path) -> dict[str, ModelSpec]:
    """The entries of a file in the folder `written_in`, for whoever opens them from `folder`."""
    here, there = folder.resolve(), written_in.resolve()
    if here == there:
        return dict(models)
    return {name: _moved(spec, here, there) for name, spec in models.items()}


def _moved(spec: ModelSpec, here: Path, there: Path) -> ModelSpec:
    if spec.serve is not None:
        return spec.written_in(there)
    provider, _, model = spec.use.partition(":")
    if not _is_relative(provider, model):
        return spec
    path = os.path.relpath(there / model, here)
    use = path if _is_relative(provider, path) else f"./{path}"
    return spec.model_copy(update={"use": f"{provider}:{use}"})


def _is_relative(provider: str, model: str) -> bool:
    """Whether it names a file by a path that depends on where it is written."""
    if model.startswith(("/", "~")):
        return False
    if provider == "scripted":
        return True
    return provider == "llamacpp" and (
        model.startswith(".") or (model.lower().endswith(".gguf") and model.count("/") < 2)
    )


__all__ = ["as_seen_from"]
