"""The cases of `orch bench` beside what they are asked of: their inputs as a workflow takes them, and which are mistaken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.bench.fits import answered_type, unfit
from orchestrator.bench.subject import Setup, Subject, graph_of
from orchestrator.errors import UsageError
from orchestrator.inputs.read import Raw, read_inputs
from orchestrator.policy.cases import Wrong, told

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.policy.grade import Case

HINT = "a mistake in a case is no wrong answer: mend the lines, or ask another NAME"


def refuse_misfits(subject: Subject, file: Path) -> None:
    """Raise UsageError, which names the lines, for cases that could never be asked or answered right."""
    wrong = [
        *_unasked(subject),
        *unfit(subject.cases, answered_type(subject), single=subject.path is not None),
    ]
    if wrong:
        lines = tuple(sorted(wrong, key=lambda one: one.line))
        raise UsageError(told(lines, str(file)), hint=HINT)


def _unasked(subject: Subject) -> Iterator[Wrong]:
    if subject.path is None:
        return
    read = inputs_reader(graph_of(subject, "as-is", Setup()), subject.path)
    for case in subject.cases:
        try:
            read(case)
        except UsageError as error:
            yield Wrong(case.line, error.message + (f" ({error.hint})" if error.hint else ""))


def inputs_reader(graph: Graph, path: Path) -> Callable[[Case], Mapping[str, Any]]:
    """Gives the inputs of a workflow: the fields of a map, or its only input that is needed. It raises UsageError."""
    specs = graph.workflow.inputs
    needed = [name for name, spec in specs.items() if "default" not in spec.model_fields_set]

    def read(case: Case) -> Mapping[str, Any]:
        named = isinstance(case.input, Mapping)
        if not named and len(needed) != 1:
            raise UsageError(
                f"the workflow needs {', '.join(needed) or 'no input'}",
                hint='write the input as a map: {"input": {"name": …}}',
            )
        given = case.input if named else {needed[0]: case.input}
        raw = {name: Raw(value, Path.cwd()) for name, value in given.items()}
        today = date.today()  # noqa: DTZ011 - the user's own calendar
        return read_inputs(
            specs, raw, root=Path(graph.root), cwd=Path.cwd(), today=today, base=path.resolve().parent
        )

    return read


__all__ = ["inputs_reader", "refuse_misfits"]
