"""Defaults of inputs: each must be a value that could be given."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.marks import Marks
from orchestrator.spec.model import InputSpec, Workflow
from orchestrator.spec.types import Date, ImageType, Schema


def wrong_defaults(workflow: Workflow, marks: Marks) -> Iterator[Diagnostic]:
    """A diagnostic for every default that does not have its input's type."""
    for name, spec in workflow.inputs.items():
        for problem in _problems(spec):
            message = f"the default of input {name!r}: {problem.removeprefix('the value: ')}"
            mark = marks.at("inputs", name, "default")
            yield marks.diagnostic("ORCH121", message, mark, "it must be a value that could be given")


def _problems(spec: InputSpec) -> list[str]:
    if spec.default is None or isinstance(spec.type, Schema):
        return []
    if isinstance(spec.type, str | ImageType):
        return [] if isinstance(spec.default, str) else ["a file's default is its path, as text"]
    if isinstance(spec.type, Date) and spec.default == "today":
        return []
    from orchestrator.spec.values import check_value

    return check_value(spec.type, spec.default)
