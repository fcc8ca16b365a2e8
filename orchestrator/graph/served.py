"""Whether each model names a provider that there is: those of the file, and those of its project that it uses."""

from __future__ import annotations

from orchestrator.graph.cloud import PROVIDERS, provider_of
from orchestrator.graph.say import near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import ModelSpec


def check_provider(setting: Setting, marks: Marks, name: str, model: ModelSpec) -> None:
    """Of one model, where it is declared."""
    provider = provider_of(model)
    if provider in PROVIDERS:
        return
    path: Path = ("models", name, "use") if marks.has("models", name, "use") else ("models", name)
    hint = near(provider, PROVIDERS) or f"providers are {', '.join(PROVIDERS)}"
    message = f"there is no provider '{provider}'"
    if ":" not in model.use:
        message = f"'{model.use}' names no provider"
        hint = "write provider:model, like ollama:llama3.2:3b"
    setting.report.at(marks, path, "ORCH608", message, hint)


def check_shared_providers(setting: Setting) -> None:
    """Of the project's models that the steps, or the agents that are used, name."""
    project, own = setting.project, setting.document.workflow.models
    if project is None:
        return
    for name in sorted(setting.used.get("models", set()) - set(own)):
        model = project.project.models.get(name)
        if model is not None and setting.models.get(name) is model:
            check_provider(setting, project.marks, name, model)
