"""What this version reads and checks, but does not execute: listed, so that a run refuses it before the first call."""

from __future__ import annotations

from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.setting import Setting
from orchestrator.graph.wire import Knot, Layer
from orchestrator.spec.model import AgentSpec, AgentStep, AskStep, ToolStep

_AGENT_KEYS = ("tools", "knowledge", "examples", "head", "memory")
_STEP_KEYS = ("escalate", "samples", "declassify", "pick")


def list_later(setting: Setting, layer: Layer) -> tuple[tuple[str, str], ...]:
    found = setting.later
    for name in _sections(setting):
        found[name] = None
    _steps(setting, layer)
    return tuple(found)


def _sections(setting: Setting) -> list[tuple[str, str]]:
    workflow = setting.document.workflow
    found = [("egress", "egress")] if workflow.egress is not None else []
    if workflow.keep:
        found.append(("keep", "keep"))
    for name, spec in workflow.inputs.items():
        if spec.type == "files" and spec.new:
            found.append((f"inputs.{name}", "files with new: true"))
    for name, model in workflow.models.items():
        if model.clearance is not None:
            found.append((f"models.{name}", "clearance"))
    used = [setting.models[name] for name in setting.used.get("called", ()) if name in setting.models]
    budget = workflow.budget
    if budget is not None and budget.usd is not None and any(is_cloud(model) for model in used):
        found.append(("budget", "usd for a cloud model"))
    return found


def _steps(setting: Setting, layer: Layer) -> None:
    for knot in layer.knots.values():
        for feature in _of_step(setting, knot):
            setting.later[knot.path, feature] = None
        if knot.body is not None:
            _steps(setting, knot.body)


def _of_step(setting: Setting, knot: Knot) -> list[str]:
    step = knot.step
    found = ["label"] if step.label is not None else []
    match step:
        case ToolStep():
            found.append(f"tool {step.tool}")
            found += ["declassify"] if step.declassify is not None else []
        case AskStep(edit=str()):
            found.append("edit")
        case AgentStep():
            found += [key for key in _STEP_KEYS if getattr(step, key) is not None]
            spec = knot.agent.spec if knot.agent is not None else AgentSpec()
            found += [key for key in _AGENT_KEYS if getattr(spec, key)]
            found += ["label"] if spec.label is not None and step.label is None else []
            overflow = step.overflow or setting.defaults.overflow
            found += [f"overflow: {overflow}"] if overflow in ("escalate", "drop-sources") else []
        case _:
            pass
    return found
