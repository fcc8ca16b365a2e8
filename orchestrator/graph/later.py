"""What this version reads and checks, but does not execute: listed, so that a run refuses it before the first call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path
from orchestrator.graph.wire import Knot, Layer
from orchestrator.spec.anatomy import owner
from orchestrator.spec.model import AgentSpec, AgentStep, AskStep

NOT_EXECUTED = "ORCH530"
_AGENT_KEYS: tuple[str, ...] = ()

LATER_KEYS: Mapping[str, tuple[str, ...]] = {
    "AgentSpec": _AGENT_KEYS,
    "AgentStep": _AGENT_KEYS,
    "AskStep": ("edit",),
}
"""Keys that are only checked, by the model they belong to, for the reference."""
LATER_VALUES: Mapping[tuple[str, str], tuple[str, ...]] = {}
"""Keys of which only some values are not executed."""


def list_later(
    setting: Setting, layer: Layer, delegates: Mapping[str, Knot] = MappingProxyType({})
) -> tuple[tuple[str, str], ...]:
    """Place and name of every such feature of this file; each is also a warning where it stands."""
    found = setting.later
    _steps(setting, layer)
    for name, knot in delegates.items():
        found |= {(f"agents.{name}", what): knot.at for _, what in _of_step(knot)}
    for (_, feature), path in found.items():
        _warn(setting, path, feature)
    return tuple(found)


def _warn(setting: Setting, path: Path, feature: str) -> None:
    who, _ = owner(path)
    message = f"{who}: {feature} is checked, but not executed yet" if who else f"{feature}: not executed yet"
    hint = "`orch run` refuses this file until it is taken out"
    setting.report.key(setting.marks, path, NOT_EXECUTED, message, hint)


def _steps(setting: Setting, layer: Layer) -> None:
    for knot in layer.knots.values():
        for key, feature in _of_step(knot):
            written = setting.marks.has(*knot.at, key)
            setting.later[knot.path, feature] = (*knot.at, key if written else knot.verb)
        if knot.body is not None:
            _steps(setting, knot.body)
        if knot.child is not None and knot.child.later:
            what = ", ".join(dict.fromkeys(feature for _, feature in knot.child.later))
            _warn(setting, (*knot.at, "workflow"), f"{what} (in {knot.child.file})")


def _of_step(knot: Knot) -> Iterator[tuple[str, str]]:
    """Key and name of each feature of a step that is not executed."""
    step = knot.step
    match step:
        case AskStep(edit=str()):
            yield "edit", "edit"
        case AgentStep():
            yield from _of_agent(knot)
        case _:
            pass


def _of_agent(knot: Knot) -> Iterator[tuple[str, str]]:
    spec = knot.agent.spec if knot.agent is not None else AgentSpec()
    yield from ((key, key) for key in _AGENT_KEYS if getattr(spec, key))
