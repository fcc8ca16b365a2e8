"""From what a person typed to a checked graph; used by the commands that only look at a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.events import RunStarted
    from orchestrator.graph.build import Built
    from orchestrator.graph.model import Graph


LOCAL_ONLY = "Nothing leaves this machine: no cloud call, no download; as ORCH_OFFLINE=1 does."


def shown_path(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def checked(workflow: str, models: Mapping[str, str] | None = None) -> Built:
    """A file or a workflow's name, built and checked. Raises UsageError when there is no such file.

    `models` are references that stand in for those of the file (`-m`).
    """
    from orchestrator.graph.open import check_workflow
    from orchestrator.library import find_workflow

    for name, reference in (models or {}).items():
        refuse_bare(reference)
        _refuse_unknown(name, reference)
    path = find_workflow(workflow, Path.cwd())
    return check_workflow(path, display=shown_path(path), models=models)


def opened(workflow: str, console: Console, models: Mapping[str, str] | None = None) -> Graph:
    """The graph, with other references behind some model names; warnings are printed.

    Raises SpecError when the file has errors, also such as only these models make, and UsageError for the name of a
    model that it does not use.
    """
    from orchestrator.spec.diagnostics import SpecError

    built = checked(workflow, models)
    if built.graph is None or any(d.severity == "error" for d in built.diagnostics):
        raise SpecError(built.diagnostics)
    for found in built.diagnostics:
        console.warning(f"{found.mark.file}:{found.mark.line}: {found.message}")
    unknown = next((name for name in models or () if name not in built.graph.models), None)
    if unknown is not None:
        raise UsageError(
            f"-m {unknown}=…: this workflow has no model '{unknown}'",
            hint=f"its models are: {', '.join(sorted(built.graph.models)) or 'none'}",
        )
    return built.graph


def opened_again(started: RunStarted, console: Console, models: Mapping[str, str]) -> Graph:
    """The file of a run as it is now. Raises UsageError too when it lies there no more."""
    if not Path(started.file).exists():
        raise UsageError(
            f"{started.file}, of which run {started.run} is, does not exist any more",
            hint=f"put it there again; where it has another name now, a link will do: ln -s NEW {started.file}",
        )
    return opened(started.file, console, models)


def refuse_bare(reference: str) -> None:
    """Raise UsageError for a model without a provider: whose it is decides what may be told to it."""
    if ":" in reference:
        return
    from orchestrator.providers.catalog import find, nearest

    near = reference if find(reference) is not None else nearest(reference)
    hint = f"write llamacpp:{near}" if near else "write provider:model, like ollama:llama3.2:3b"
    raise UsageError(f"'{reference}' names no provider", hint=hint)


def _refuse_unknown(name: str, reference: str) -> None:
    """Raise UsageError for a provider that does not exist, before anybody judges what may be told to it."""
    from orchestrator.graph.cloud import PROVIDERS
    from orchestrator.graph.say import near

    provider = reference.partition(":")[0]
    if provider not in PROVIDERS:
        hint = near(provider, PROVIDERS) or f"providers are {', '.join(PROVIDERS)}"
        raise UsageError(f"-m {name}={reference}: there is no provider '{provider}'", hint=hint)


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`NAME=VALUE` texts as a map. Raises UsageError for a text without a name or a sign."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip():
            raise UsageError(f"{option} {text}: expected NAME=VALUE", hint=f"for example {option} name=value")
        if name.strip() in found:
            raise UsageError(f"{option} {name.strip()} is given twice", hint="say it once")
        found[name.strip()] = value
    return found
