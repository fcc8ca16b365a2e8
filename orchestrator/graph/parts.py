"""Checks the files of a project that are no workflows: the project file `orch.yaml`, and the `agent.yaml` of a specialist."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from orchestrator.graph.build import check_declarations
from orchestrator.library import AGENT_FILE, Library
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import Document, LoadedProject, read_project
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import Project, Workflow
from orchestrator.spec.places import PROJECT_FILE, find_root, shown


def check_part(path: Path) -> tuple[Diagnostic, ...] | None:
    """What is wrong with a project file or an agent's file; None when it is neither. Raises UsageError."""
    path = path.absolute()
    if path.name == PROJECT_FILE:
        return _project(path)
    if path.name == AGENT_FILE and path.parent.parent.name == "agents":
        return _agent(path)
    return None


def _project(path: Path) -> tuple[Diagnostic, ...] | None:
    loaded = read_project(path.parent)
    if loaded is None:
        return None
    document = _document(path, path.parent, loaded)
    library = Library(document)
    found = check_declarations(document, library, None, tuple(loaded.project.agents))
    return _sorted((*loaded.diagnostics, *found))


def _agent(path: Path) -> tuple[Diagnostic, ...]:
    """As a workflow beside the `agents/` directory would find it."""
    home = path.parent.parent.parent
    root = find_root(home)
    project = read_project(root)
    document = _document(home / "workflow.yaml", root)
    library = Library(document, project)
    found = check_declarations(document, library, project, (path.parent.name,))
    return _sorted(replace(d, mark=replace(d.mark, file=shown(Path(d.mark.file)))) for d in found)


def _document(path: Path, root: Path, loaded: LoadedProject | None = None) -> Document:
    """A workflow that does nothing and declares what the project does."""
    workflow = Workflow.model_validate({"orch": 1, "steps": {"nothing": {"value": ""}}})
    if loaded is None:
        return Document(str(path), path, root, "", workflow, Marks(str(path), ""))
    shared = {key: getattr(loaded.project, key) for key in Project.model_fields if key != "orch"}
    workflow = workflow.model_copy(update=shared)
    return Document(loaded.file, path, root, loaded.text, workflow, loaded.marks, loaded.broken)


def _sorted(found: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(dict.fromkeys(found), key=lambda d: (d.mark, d.code)))
