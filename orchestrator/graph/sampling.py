"""Whether one of several samples can be chosen: by a judge, or by majority where answers can be equal."""

from __future__ import annotations

from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.spec.model import AgentStep
from orchestrator.spec.types import Bool, Date, Enum, Int, MapOf, Nullable, Number, Type

CODE = "ORCH513"


def check_samples(setting: Setting, step: AgentStep, at: Path, output: Type | None) -> None:
    """Report samples of texts among which nobody chooses."""
    several = step.samples is not None and step.samples > 1
    if several and step.pick is None and not _can_be_equal(output):
        message = "no two texts are the same, so no majority can choose among them"
        hint = "name a judge (`pick: judge`), or give the step an `output` of closed answers"
        setting.report.key(setting.marks, (*at, "samples"), CODE, message, hint)


def _can_be_equal(kind: Type | None) -> bool:
    """Whether two good answers are likely to be the very same."""
    match kind:
        case Bool() | Enum() | Int() | Number() | Date():
            return True
        case Nullable(inner):
            return _can_be_equal(inner)
        case MapOf(fields):
            return all(_can_be_equal(field.type) for field in fields)
        case _:
            return False


__all__ = ["CODE", "check_samples"]
