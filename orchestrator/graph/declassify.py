"""`label`, `declassify` and `keep`: what raises a label, the only way down, and what the record may hold."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from orchestrator.graph.flow_call import path_of
from orchestrator.graph.kinds import UNKNOWN, present, view
from orchestrator.graph.model import Graph, all_nodes
from orchestrator.graph.say import choice, near
from orchestrator.graph.tags import Tag, label_of, leaf, origin
from orchestrator.labels import LEVELS, Label, above
from orchestrator.policy.keep import Keep
from orchestrator.spec.model import AgentStep, Declassify, ToolStep, WorkflowStep
from orchestrator.spec.types import Bool, Int, ListOf, MapOf, Number, Type, Unknown

if TYPE_CHECKING:
    from orchestrator.graph.flow_place import One
    from orchestrator.graph.setting import Setting
    from orchestrator.graph.wire import Knot


def declassify_of(step: object) -> Declassify | None:
    return step.declassify if isinstance(step, AgentStep | ToolStep) else None


def lowered(one: One, tag: Tag) -> Tag:
    """The value after its step's `declassify`; as it is where that is not allowed."""
    knot = one.knot
    how = declassify_of(knot.step)
    if how is None:
        return tag
    one.state.raw.append((knot, tag))
    one.lowered = (*one.lowered, knot.path)
    if above(label_of(tag.total), how.from_) or not above(label_of(tag.total), how.to):
        return tag
    return leaf(origin(f"{knot.name}.declassify", how.to))


def check_label(setting: Setting, knot: Knot, tag: Tag) -> None:
    """`label:` may only raise."""
    stated = knot.step.label
    if stated is None or not above(label_of(tag.total), stated):
        return
    message = f"step '{knot.name}' is labelled {stated}, but its value is {label_of(tag.total)}: {path_of(tag.total)}"
    hint = "`label` only raises; `declassify` on an agent or tool step is the only way down"
    setting.report.at(setting.marks, (*knot.at, "label"), "ORCH702", message, hint)


def check_declassify(setting: Setting, knot: Knot, raw: Tag) -> None:
    how = declassify_of(knot.step)
    assert how is not None
    at = (*knot.at, "declassify")
    if above(label_of(raw.total), how.from_):
        label = label_of(raw.total)
        message = (
            f"step '{knot.name}' lowers what is {how.from_} at most, but its value is {label}: "
            f"{path_of(raw.total)}"
        )
        hint = f"take the {label} data out of the step, or say `from: {label}`"
        setting.report.at(setting.marks, (*at, "from"), "ORCH703", message, hint)
    if how.by == "aggregate":
        _aggregate(setting, knot)
    if how.by == "approve":
        _approve(setting, knot, label_of(raw.total))


def _aggregate(setting: Setting, knot: Knot) -> None:
    at = (*knot.at, "declassify")
    kind = knot.output if knot.verb == "agent" else UNKNOWN
    words = list(not_figures(kind, "")) if kind is not None else ["its answer"]
    if words:
        message = f"step '{knot.name}': `by: aggregate` lets only int, number and bool out, not {words[0]}"
        hint = "leave only figures in `output:`, or lower the label `by: redact` or `by: approve`"
        setting.report.at(setting.marks, (*at, "by"), "ORCH704", message, hint)


def _approve(setting: Setting, knot: Knot, label: Label) -> None:
    """Who answers from another process sees what the record holds."""
    keeping = Keep.of(setting.document.workflow.keep).how(label)
    if keeping == "full":
        return
    message = (
        f"step '{knot.name}' asks a person to release a {label} value, and the record does not hold it "
        f"(keep: {label}: {keeping}): only the terminal of the run can show it"
    )
    hint = f"answer where the run is, or keep: {{{label}: full}} to answer with `orch approve`"
    setting.report.at(setting.marks, (*knot.at, "declassify", "by"), "ORCH713", message, hint)


def not_figures(kind: Type, where: str) -> Iterator[str]:
    """The places of a value that hold something else than figures; what nobody knows is looked at in the run."""
    match view(present(kind)):
        case Int() | Number() | Bool() | Unknown():
            return
        case MapOf(fields):
            for part in fields:
                yield from not_figures(part.type, f"{where}.{part.name}" if where else part.name)
        case ListOf(item):
            yield from not_figures(item, f"{where}[]")
        case _:
            yield f"the text of {where}" if where else "its text"


_KEPT = {"none": 0, "hash": 1, "full": 2}


def check_keep(setting: Setting) -> None:
    """The record never holds more of what is more private."""
    keep = setting.document.workflow.keep
    said = [label for label in LEVELS if label in keep]
    for below, label in pairwise(said):
        if _KEPT[keep[label]] > _KEPT[keep[below]]:
            message = (
                f"keep: {label} values are kept more fully ({keep[label]}) than {below} ones ({keep[below]})"
            )
            hint = f"a label stands for everything above it too: {label}: {keep[below]}"
            setting.report.at(setting.marks, ("keep", label), "ORCH711", message, hint)


# ------------------------------------------------------------------------------------------- subworkflows


def check_allowed(setting: Setting, knot: Knot, child: Graph) -> None:
    """A called workflow lowers a label only where the call says so."""
    step = knot.step
    assert isinstance(step, WorkflowStep)
    lowering = dict.fromkeys(_lowering(child))
    for name in lowering:
        if name not in step.allow_declassify:
            message = f"step '{knot.name}' calls '{step.workflow}', whose step '{name}' lowers a label"
            hint = f"if it may: allow_declassify: [{', '.join(lowering)}]"
            setting.report.at(setting.marks, (*knot.at, "workflow"), "ORCH706", message, hint)
    for index, name in enumerate(step.allow_declassify):
        if name not in lowering:
            message = f"'{step.workflow}' has no step '{name}' that lowers a label"
            hint = near(name, lowering) or (f"there is {choice(lowering)}" if lowering else "take it out")
            setting.report.at(setting.marks, (*knot.at, "allow_declassify", index), "ORCH707", message, hint)


def _lowering(graph: Graph) -> Iterator[str]:
    """Names of the steps of a workflow, and of those it calls, that lower a label."""
    for node in all_nodes(graph.scope):
        if declassify_of(node.step) is not None:
            yield node.name
        if node.child is not None:
            yield from _lowering(node.child)
