"""From a path to a checked graph: the file, its project, its specialists and the workflows it calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from orchestrator.graph.build import Built, Family, build_file
from orchestrator.graph.flow_rules import ALL_RULES
from orchestrator.graph.model import Graph
from orchestrator.spec.diagnostics import SpecError


def check_workflow(
    path: Path,
    *,
    display: str | None = None,
    rules: frozenset[str] = ALL_RULES,
    models: Mapping[str, str] | None = None,
) -> Built:
    """Everything there is to say about a workflow file, sorted; the graph when there is no error.

    `models` are references that stand in for those of the file, so that what they may see is checked as well.
    `rules` are those by which labels pass on; fewer than all only to see what each is good for.
    Raises UsageError when there is no such text file.
    """
    return build_file(path.absolute(), display or str(path), Family(rules=rules, models=models or {}))


def open_workflow(path: Path, *, display: str | None = None) -> Graph:
    """The graph of a workflow file. Raises SpecError with all that is wrong, or UsageError."""
    built = check_workflow(path, display=display)
    if built.graph is None:
        raise SpecError(built.diagnostics)
    return built.graph
