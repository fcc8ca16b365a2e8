"""Whether a case could be answered right at all: does its `output` fit the answers of what is measured? Asks nobody.

A case may name only some fields of a map, and fields that nobody compares are let be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from orchestrator.bench.subject import Setup, Subject, graph_of
from orchestrator.policy.cases import Wrong
from orchestrator.policy.grade import Case
from orchestrator.spec.types import Int, MapOf, Nullable, Str, Type, Unknown
from orchestrator.spec.values import check_value

TEXT = Str(None)


def unfit(cases: tuple[Case, ...], answered: Type, *, single: bool = False) -> Iterator[Wrong]:
    """Cases that no answer of this type is right for. `single`: of a map with one field its value may be meant."""
    for case in cases:
        if case.compared and (why := next(_misfits(_meant(case, answered, single=single), case, ""), "")):
            yield Wrong(case.line, f"its output does not fit, no answer could be right: {why}")


def answered_type(subject: Subject) -> Type:
    """The type of what its answers are compared as; unknown where the files do not say. Raises SpecError."""
    if subject.path is None:
        return subject.output or TEXT
    graph = graph_of(subject, "as-is", Setup())
    if graph.outputs is not None:
        return graph.output_type or Unknown()
    ends = [node for node in graph.scope.nodes if not node.successors]
    return (ends[0].value_type if len(ends) == 1 else None) or Unknown()


def _meant(case: Case, answered: Type, *, single: bool) -> tuple[Type, Any]:
    kind = _solid(answered)
    if single and isinstance(kind, MapOf) and len(kind.fields) == 1:
        named = isinstance(case.output, Mapping) and kind.fields[0].name in case.output
        return (kind if named else kind.fields[0].type), case.output
    return kind, case.output


def _misfits(meant: tuple[Type, Any], case: Case, where: str) -> Iterator[str]:
    kind, value = _solid(meant[0]), meant[1]
    if not isinstance(kind, MapOf) or not isinstance(value, Mapping):
        yield from _value_misfits(kind, value, where)
        return
    fields = {one.name: one for one in kind.fields}
    for name, inner in value.items():
        path = f"{where}.{name}" if where else str(name)
        if name in case.ignore:
            continue
        if name not in fields:
            near = get_close_matches(str(name), fields, n=1)
            yield f"there is no field {path} ({f'is {near[0]} meant?' if near else 'there are ' + ', '.join(fields)})"
        elif inner is not None or not (fields[name].optional or isinstance(fields[name].type, Nullable)):
            yield from _misfits((fields[name].type, inner), case, path)


def _value_misfits(kind: Type, value: Any, where: str) -> Iterator[str]:
    """As it is compared: 2.0 equals 2, and white space around a text does not count."""
    if isinstance(value, str):
        value = value.strip()
    if isinstance(kind, Int) and isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(kind, Str) and kind == TEXT and not isinstance(value, str):
        yield f"{where or 'the answer'} is a text"
        return
    yield from check_value(kind, value, where)


def _solid(kind: Type) -> Type:
    return kind.type if isinstance(kind, Nullable) else kind
