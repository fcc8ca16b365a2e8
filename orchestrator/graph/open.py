"""From a path to a checked graph: the file, its project, its specialists and the workflows it calls."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestrator.graph.build import Built, Family, build
from orchestrator.graph.model import Graph
from orchestrator.library import Library
from orchestrator.spec.diagnostics import Diagnostic, SpecError
from orchestrator.spec.load import read, read_project


def check_workflow(path: Path, *, display: str | None = None) -> Built:
    """Everything there is to say about a workflow file, sorted; the graph when there is no error.

    Raises UsageError when there is no such text file.
    """
    return build_file(path.absolute(), display or str(path), Family())


def open_workflow(path: Path, *, display: str | None = None) -> Graph:
    """The graph of a workflow file. Raises SpecError with all that is wrong, or UsageError."""
    built = check_workflow(path, display=display)
    if built.graph is None:
        raise SpecError(built.diagnostics)
    return built.graph


def build_file(path: Path, display: str, family: Family) -> Built:
    """Read and build one file. `family` are the workflows that call it."""
    loaded = read(path, display=display)
    document = loaded.document
    if document is None:
        return Built(None, _sorted(loaded.diagnostics))
    project = read_project(document.root)
    library = Library(document, project)
    built = build(document, library, project=project, family=family)
    diagnostics = _sorted(
        (*loaded.diagnostics, *(project.diagnostics if project else ()), *built.diagnostics)
    )
    wrong = any(d.severity == "error" for d in diagnostics)
    return Built(None if wrong else built.graph, diagnostics)


def _sorted(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda d: (d.mark, d.code)))
