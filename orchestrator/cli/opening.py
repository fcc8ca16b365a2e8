"""From what a person typed to a checked graph; used by the commands that only look at a workflow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.graph.build import Built
    from orchestrator.graph.model import Graph


LOCAL_ONLY = "Nothing leaves this machine: no cloud call, no download; as ORCH_OFFLINE=1 does."


def shown_path(path: Path) -> str:
    """The path as short as it can be said from here."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def checked(workflow: str) -> Built:
    """A file or a workflow's name, built and checked. Raises UsageError when there is no such file."""
    from orchestrator.graph.open import check_workflow
    from orchestrator.library import find_workflow

    path = find_workflow(workflow, Path.cwd())
    return check_workflow(path, display=shown_path(path))


def opened(workflow: str, console: Console) -> Graph:
    """The graph; warnings are printed. Raises SpecError when the file has errors.

    Not those of what is not executed yet: a run refuses it, and a plan lists it.
    """
    from orchestrator.graph.later import NOT_EXECUTED
    from orchestrator.spec.diagnostics import SpecError

    built = checked(workflow)
    if built.graph is None or any(d.severity == "error" for d in built.diagnostics):
        raise SpecError(built.diagnostics)
    for found in built.diagnostics:
        if found.code == NOT_EXECUTED:
            continue
        console.warning(f"{found.mark.file}:{found.mark.line}: {found.message}")
    return built.graph


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
