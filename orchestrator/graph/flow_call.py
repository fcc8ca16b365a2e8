"""Calls of other workflows: their inputs' labels are ceilings, their outputs' labels come back."""

from __future__ import annotations

from orchestrator.graph.flow_place import Made, One, label_of_input
from orchestrator.graph.flow_uses import Sink, Use
from orchestrator.graph.model import Graph
from orchestrator.graph.setting import Setting
from orchestrator.graph.tags import PUBLIC, Tag, Why, field, higher, label_of, leaf, named, origin, retold
from orchestrator.graph.wire import Knot
from orchestrator.labels import Source, above, rank
from orchestrator.spec.model import WorkflowStep


def call_workflow(one: One, step: WorkflowStep) -> Made:
    knot = one.knot
    with_ = one.read("with")
    given = named(f"{knot.name}.with", with_.total)
    child = knot.child
    if child is None:
        return Made(leaf(given), {"with": given}, given, given)
    one.state.calls.append((knot, child, with_))
    one.lowered = (*one.lowered, *(f"{knot.name}.{name}" for name in step.allow_declassify))
    for way in child.exits:
        sink = Sink(way.sink, way.kind, way.clearance, True)
        path = (*knot.at, "workflow")
        one.use(Use(knot.path, knot.name, sink, (), one.scope, one.marks, path, way.lowered, inner=True))
    about = higher(given, origin(step.workflow, one.state.child_label(child)))
    result = _result(child, step, knot, given) if one.on("subworkflow") else PUBLIC
    return Made(result, {"with": given}, about, about)


def _result(child: Graph, step: WorkflowStep, knot: Knot, given: Why) -> Tag:
    """The labels of its outputs; a path leads through what it was given, if that is why."""

    def here(source: Source) -> Why:
        if given is not None and rank(given.label) >= rank(source.label):
            return Source(knot.name, source.label, given)
        return Source(knot.name, source.label, Source(f"{step.workflow}: {source.name}", source.label))

    return retold(child.returns, here)


def check_ceilings(setting: Setting, knot: Knot, child: Graph, given: Tag) -> None:
    """An input of the called workflow is given nothing above its label: its own file was checked with that."""
    step = knot.step
    assert isinstance(step, WorkflowStep)
    for name, spec in child.workflow.inputs.items():
        if name not in step.with_:
            continue
        ceiling = label_of_input(spec)
        why = field(given, name).total
        if why is None or not above(why.label, ceiling):
            continue
        message = (
            f"step '{knot.name}' gives {label_of(why)} data to input '{name}' of '{step.workflow}', "
            f"which takes {ceiling}: {path_of(why)}"
        )
        hint = f"raise the input's label in that file (inputs.{name}.label: {why.label}), or give it less"
        setting.report.at(setting.marks, (*knot.at, "with", name), "ORCH705", message, hint)


_LONG, _FIRST, _LAST = 9, 4, 4


def path_of(why: Why) -> str:
    """How a value came here, from where its label begins; the middle of a long way is left out."""
    names = list(why.path()) if why is not None else []
    if len(names) > _LONG:
        names = [*names[:_FIRST], "…", *names[-_LAST:]]
    return " → ".join(names)
