"""What `last` is: the steps of the pass before, as far as they declare their types."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.graph.kinds import TEXT, UNKNOWN, list_of, nullable
from orchestrator.graph.wire import Knot, Layer
from orchestrator.spec.model import AgentStep, AskStep, GroupStep, ValueStep
from orchestrator.spec.types import Enum, Field, MapOf, Type


def declared(body: Layer, loop: Mapping[str, Type]) -> Type:
    """The value of a group before its steps were looked at: their types are worked out only afterwards."""
    fields = [Field(name, kind) for name, kind in loop.items() if name != "index"]
    fields += [Field(name, _of_step(knot)) for name, knot in body.knots.items()]
    return MapOf(tuple(fields))


def _of_step(knot: Knot) -> Type:
    step, kind = knot.step, _of_verb(knot)
    optional = step.when is not None or step.on_error == "continue"
    if step.foreach is not None:
        return list_of(nullable(kind) if optional or step.on_item_error == "keep" else kind)
    return nullable(kind) if optional else kind


def _of_verb(knot: Knot) -> Type:
    match knot.step:
        case AgentStep() as step:
            kind = knot.output if knot.output is not None else TEXT
            return kind if step.models is None else MapOf(tuple(Field(name, kind) for name in step.models))
        case ValueStep():
            return knot.output or UNKNOWN
        case AskStep() as step:
            return Enum(tuple(step.choices)) if step.each is None else UNKNOWN
        case GroupStep() as step if knot.body is not None and step.foreach is None:
            return declared(knot.body, {})
        case _:
            return UNKNOWN
