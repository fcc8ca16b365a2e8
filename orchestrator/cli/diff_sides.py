"""The two sides of `orch diff` of a workflow: a revision, the working tree, or a file, each opened and planned."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from orchestrator.errors import OrchError, UsageError

if TYPE_CHECKING:
    from orchestrator.cli.diff_git import Repository
    from orchestrator.graph.model import Graph
    from orchestrator.plan.compare import Side
    from orchestrator.spec.diagnostics import Diagnostic


NOTHING = "orch: 1\nsteps: {none: {value: nothing}}\n"


@dataclass(frozen=True, slots=True)
class Found:
    """One side as it was named. `side` is None where `errors` say why; `left_out` counts files that were not read.

    `moved` is its path where the file has another name there than the one that was asked for.
    """

    name: str
    side: Side | None
    errors: tuple[Diagnostic, ...] = ()
    left_out: int = 0
    moved: str = ""


def of_file(path: Path, name: str, given: Mapping[str, str], *, shown: str = "", left_out: int = 0) -> Found:
    """A file as it lies there, with all that it includes. Raises UsageError when there is none."""
    from orchestrator.graph.open import check_workflow
    from orchestrator.library import not_found

    if not path.exists():
        raise not_found(path, shown or str(path))
    built = check_workflow(path, display=shown or str(path))
    errors = tuple(one for one in built.diagnostics if one.severity == "error")
    if built.graph is None or errors:
        return Found(name, None, errors, left_out)
    return Found(name, _planned(built.graph, path, given), (), left_out)


def of_revision(
    repository: Repository,
    commit: str,
    name: str,
    inside: PurePosixPath,
    given: Mapping[str, str],
    into: Path,
) -> Found:
    """The file as it was at a commit; `into` is an empty directory for the tree."""
    left_out = repository.write(commit, into, inside)
    shown = f"{name}:{inside}"
    found = of_file(into / inside, name, given, shown=shown, left_out=left_out)
    return replace(found, errors=tuple(_placed(one, into, name) for one in found.errors))


def of_nothing(name: str, into: Path) -> Found:
    """What stands in the place of a workflow that is not there: no step, and no way out."""
    from orchestrator.graph.model import Scope

    into.mkdir(parents=True)
    (into / "nothing.yaml").write_text(NOTHING, encoding="utf-8")
    found = of_file(into / "nothing.yaml", name, {})
    assert found.side is not None
    graph = replace(found.side.graph, scope=Scope("", (), ()))
    return replace(found, side=_planned(graph, into / "nothing.yaml", {}))


def _placed(error: Diagnostic, tree: Path, name: str) -> Diagnostic:
    """Files of the tree by their names in the repository; nobody knows the directory they were written into."""
    for place in (f"{tree}{os.sep}", f"{tree.resolve()}{os.sep}"):
        if place in error.mark.file or place in error.message:
            mark = replace(error.mark, file=error.mark.file.replace(place, f"{name}:"))
            error = replace(error, mark=mark, message=error.message.replace(place, ""))
    return error


def within(repository: Repository, file: Path) -> PurePosixPath:
    """The path of a file from the top of the repository, links of its directories followed."""
    try:
        real = file.absolute().parent.resolve() / file.name
        return PurePosixPath(real.relative_to(repository.top.resolve()).as_posix())
    except ValueError:
        raise UsageError(f"{file} lies outside the repository {repository.top}") from None


def _planned(graph: Graph, path: Path, given: Mapping[str, str]) -> Side:
    from orchestrator.cli import leaving
    from orchestrator.graph.cloud import is_cloud
    from orchestrator.plan.compare import Side
    from orchestrator.plan.overview import overview

    return Side(graph, overview(graph, _inputs(graph, path, given), is_cloud, leaving.price))


def _inputs(graph: Graph, path: Path, given: Mapping[str, str]) -> dict[str, Any] | None:
    """The inputs that were given and those with a default; None when they cannot be read: then lengths are unknowns."""
    from orchestrator.inputs import read_inputs

    specs = {
        name: spec
        for name, spec in graph.workflow.inputs.items()
        if name in given or "default" in spec.model_fields_set
    }
    try:
        return read_inputs(
            specs,
            {name: value for name, value in given.items() if name in specs},
            root=Path(graph.root),
            cwd=Path.cwd(),
            base=path.resolve().parent,
            today=date.today(),  # noqa: DTZ011 - the user's own calendar
            input_file=None,
        )
    except OrchError:
        if given:
            raise
        return None


def refuse_unknown(given: Mapping[str, str], *sides: Found) -> None:
    """Raise UsageError for an input that no side has."""
    known = {name for one in sides if one.side is not None for name in one.side.graph.workflow.inputs}
    for name in given:
        if known and name not in known:
            raise UsageError(
                f"-i {name}=…: neither side has an input '{name}'",
                hint=f"there are {', '.join(sorted(known))}",
            )


def is_workflow(text: str) -> bool:
    """Whether a person means a file: it ends like one, or lies there."""
    return text.endswith((".yaml", ".yml")) or (os.sep in text and Path(text).is_file())


__all__ = ["Found", "is_workflow", "of_file", "of_nothing", "of_revision", "refuse_unknown", "within"]
