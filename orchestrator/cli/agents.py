"""`orch agents` and `orch workflows`: what can be used and run by name here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli.console import Console, the_console

if TYPE_CHECKING:
    from orchestrator.library import Library


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def agents(as_json: bool) -> None:
    """List the specialists that `uses:` and `agent:` find here: the project's own and those that ship."""
    library = _library()
    found = [(name, library.agent(name)) for name in library.names()]
    entries = [
        {"name": name, "from": agent.origin, "description": agent.spec.description or ""}
        for name, agent in found
        if agent is not None
    ]
    console = the_console()
    for problem in library.diagnostics:
        console.warning(f"{problem.mark.file}:{problem.mark.line}: {problem.message}")
    _print(entries, console, as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def workflows(as_json: bool) -> None:
    """List the workflows that `orch run NAME` finds here: the project's own and those that ship."""
    from orchestrator.library import named_workflows, shipped_workflows

    shipped = shipped_workflows()
    found = [
        _workflow(name, path, "shipped" if shipped.get(name) == path else "project")
        for name, path in sorted(named_workflows(Path.cwd()).items())
    ]
    _print(found, the_console(), as_json)


def _library() -> Library:
    """The library as a workflow in the project's root would see it."""
    from orchestrator.config import find_root
    from orchestrator.library import Library
    from orchestrator.spec.load import Document, read_project
    from orchestrator.spec.marks import Marks
    from orchestrator.spec.model import Workflow

    root = find_root(Path.cwd())
    empty = Workflow.model_validate({"orch": 1, "steps": {"nothing": {"value": ""}}})
    path = root / "workflow.yaml"
    document = Document(path.name, path, root, "", empty, Marks(path.name, ""))
    return Library(document, read_project(root))


def _workflow(name: str, path: Path, origin: str) -> dict[str, str]:
    from orchestrator.spec.load import read

    document = read(path).document
    text = document.workflow.description if document else "has errors: `orch validate` shows them"
    return {"name": name, "from": origin, "description": text}


def _print(entries: list[dict[str, str]], console: Console, as_json: bool) -> None:
    if as_json:
        console.json(entries)
    else:
        console.table(("name", "from", "description"), [tuple(entry.values()) for entry in entries])
