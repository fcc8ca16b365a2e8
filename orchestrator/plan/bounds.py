"""Bounds of a run before its first token: how often each step calls a model, at most.

The formula is the language's: items × passes × samples × (repair + 1 + ladder) × tool turns, where each model of the
ladder counts twice, because its answer may be repaired once. Runs nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.graph.delegates import delegate_name
from orchestrator.graph.model import Graph, Node, Scope, tools_of
from orchestrator.plan.count import Count, of, total
from orchestrator.plan.lengths import Known, evaluate, learn_value, length_of, loop_rows, of_value
from orchestrator.spec.model import AgentStep, GroupStep, ModelSpec, ToolStep, ValueStep, WorkflowStep
from orchestrator.spec.types import Field, MapOf

REPAIR = 1
RUNG_REPAIRS = 1
MERGE = 4
TURNS = 6
"""What the engine does when nobody says; a test holds these to the engine's own."""


@dataclass(frozen=True, slots=True)
class StepBound:
    """One step: `instances` is how often it may run, `calls` how often it may call a model.

    `factors` says where the numbers come from: `12 items`, `2 models`, `1 repair`.
    """

    path: str
    node: Node
    models: tuple[str, ...]
    instances: Count
    calls: Count
    graph: Graph
    factors: tuple[str, ...] = ()
    ladder: tuple[str, ...] = ()
    """Models that `escalate` may ask; `rung` is how often each of them."""
    rung: Count = field(default_factory=lambda: of(0))
    known: Known | None = None
    """What its templates can read before the run; None when it calls no model."""

    @property
    def own(self) -> Count:
        """How often each of its own models is called, without those of the ladder."""
        calls = self.calls + self.rung * -len(self.ladder)
        return Count({term: -(-n // max(1, len(self.models))) for term, n in calls.terms.items()})

    def spec(self, model: str) -> ModelSpec:
        """The model behind a name that this step uses."""
        return self.graph.models.get(model) or self.graph.workflow.models[model]


@dataclass(frozen=True, slots=True)
class Bounds:
    """All steps in an order in which they can run, and what they come to."""

    steps: tuple[StepBound, ...]
    groups: tuple[StepBound, ...] = ()
    """How often each group may run, all its passes as one; it calls no model itself."""

    @property
    def calls(self) -> Count:
        return total(step.calls for step in self.steps)

    def calls_by_model(self) -> dict[str, Count]:
        """Calls per model reference; a step with several models calls each of them equally often."""
        found: dict[str, Count] = {}
        for step in self.steps:
            for names, count in ((step.models, step.own), (step.ladder, step.rung)):
                for name in names:
                    ref = step.spec(name).use
                    found[ref] = found[ref] + count if ref in found else count
        return found


def bounds(graph: Graph, inputs: Mapping[str, Any] | None = None) -> Bounds:
    """Count a graph. `inputs` are typed values as `read_inputs` gives them; without them lengths are unknowns."""
    found = tuple(_graph(graph, inputs, "", of(1), ()))
    return Bounds(
        tuple(one for one in found if one.node.verb != "steps"),
        tuple(one for one in found if one.node.verb == "steps"),
    )


def _graph(
    graph: Graph, inputs: Mapping[str, Any] | None, prefix: str, times: Count, factors: tuple[str, ...]
) -> Iterator[StepBound]:
    known = Known(types={"inputs": _types_of(graph)})
    if inputs is not None:
        known.values["inputs"] = dict(inputs)
    yield from _scope(graph, graph.scope, known, prefix, times, factors)


def _types_of(graph: Graph) -> MapOf:
    declared = graph.workflow.inputs.items()
    return MapOf(tuple(Field(name, spec.type) for name, spec in declared if not isinstance(spec.type, str)))


def _scope(
    graph: Graph, scope: Scope, known: Known, prefix: str, times: Count, factors: tuple[str, ...]
) -> Iterator[StepBound]:
    for node in scope.nodes:
        yield from _node(graph, node, known, prefix, times, factors)


def _node(
    graph: Graph, node: Node, known: Known, prefix: str, times: Count, factors: tuple[str, ...]
) -> Iterator[StepBound]:
    path = prefix + node.name
    inner = known.inner()
    items: Count | None = None
    if "foreach" in node.programs:
        items = length_of(node.programs["foreach"], known)
        times *= items
        factors = (*factors, _many(items, "item"))
        _loop_names(node, known, inner)
    match node.step:
        case AgentStep():
            yield _agent(graph, node, path, inner, times, factors)
            yield from _called(graph, node, path, _turns(node), times, factors)
        case ToolStep():
            yield StepBound(path, node, (), times, of(0), graph, factors)
            yield from _called(graph, node, path, 1 + _retries(graph, node.step), times, factors)
        case GroupStep() if node.body is not None:
            yield StepBound(path, node, (), times, of(0), graph, factors)
            repeat = node.step.repeat
            deeper = (*factors, f"{repeat.max} passes") if repeat else factors
            yield from _scope(
                graph, node.body, inner, f"{path}.", times * (repeat.max if repeat else 1), deeper
            )
        case WorkflowStep() if node.child is not None:
            yield StepBound(path, node, (), times, of(0), graph, factors)
            yield from _graph(node.child, _given(node, inner), f"{path}.", times, factors)
        case _:
            yield StepBound(path, node, (), times, of(0), graph, factors)
    _learn(node, items, known)


def _agent(
    graph: Graph, node: Node, path: str, known: Known, times: Count, factors: tuple[str, ...]
) -> StepBound:
    step, instances = node.step, times
    assert isinstance(step, AgentStep)
    configured = step.repair if step.repair is not None else graph.workflow.defaults.repair
    repair = REPAIR if configured is None else configured
    ladder = node.ladder
    if "reduce" in node.programs:
        merged = merges(length_of(node.programs["reduce"], known), step.by or MERGE)
        times *= merged
        factors = (*factors, _many(merged, "merge"))
    if len(node.models) > 1:
        times *= len(node.models)
        factors = (*factors, f"{len(node.models)} models")
    picks = times if step.pick else of(0)
    if step.samples:
        times *= step.samples
        factors = (*factors, f"{step.samples} samples")
    if node.agent is not None and node.agent.spec.tools:
        turns = (node.agent.spec.max_turns or TURNS) + 1  # the last one is the answer
        times *= turns
        factors = (*factors, f"{turns} tool turns")
    attempts = repair + 1 + len(ladder) * (1 + RUNG_REPAIRS)
    if attempts > 1:
        factors = (*factors, f"{attempts} attempts")
    calls = times * attempts + picks
    rung = times * (1 + RUNG_REPAIRS)
    return StepBound(path, node, node.models, instances, calls, graph, factors, ladder, rung, known)


def _turns(node: Node) -> int:
    """How often one instance of an agent step may call a tool: every model that may answer, in every turn."""
    step = node.step
    assert isinstance(step, AgentStep)
    most = (node.agent.spec.max_turns if node.agent is not None else None) or TURNS
    return most * max(1, len(node.models)) * (step.samples or 1) * (1 + len(node.ladder))


def _retries(graph: Graph, step: ToolStep) -> int:
    return step.retry if step.retry is not None else graph.workflow.defaults.retry or 0


def _called(
    graph: Graph, node: Node, path: str, most: int, times: Count, factors: tuple[str, ...]
) -> Iterator[StepBound]:
    """The agents that a step calls as tools at `most` so often each time, and those that these call in turn."""
    tools = {name: declared.spec for name, declared in graph.tools.items()}
    for name in tools_of(node):
        known = graph.delegates.get(delegate_name(tools, name) or "")
        if known is None:
            continue
        inside, often = f"{path}@{known.name}", times * most
        why = (*factors, f"{most} calls") if most > 1 else factors
        yield _agent(graph, known, inside, Known(), often, why)
        yield from _called(graph, known, inside, _turns(known), often, why)


def _many(count: Count, noun: str) -> str:
    return f"{count} {noun}" if count.known == 1 else f"{count} {noun}s"


def merges(items: Count, by: int) -> Count:
    """Calls of a reduce tree over so many items, `by` at a time: one batch of one is merged at the first level only."""
    left = items.known
    if left is None:
        return items  # never more merges than items
    calls, first = 0, True
    while left > 1 or (first and left == 1):
        batches = -(-left // by)
        single = left % by == 1 and not first
        calls += batches - single
        left, first = batches, False
    return of(calls)


def _loop_names(node: Node, known: Known, inner: Known) -> None:
    """Loop variables inside: every item where they are known, else nothing but that they hide outer names."""
    for name in (*node.loop, "index"):
        for table in (inner.values, inner.lengths, inner.types):
            table.pop(name, None)
    inner.rows = loop_rows(node.programs["foreach"], node.loop, known)


def _given(node: Node, known: Known) -> Mapping[str, Any] | None:
    """The inputs of a subworkflow, when they are known before the run."""
    child = node.child
    assert child is not None
    values: list[Any] | None = [{}]
    if "with" in node.programs:
        values = evaluate(node.programs["with"], known)
    if values is None or len(values) != 1 or not isinstance(values[0], Mapping):
        return None
    defaults = {
        name: spec.default for name, spec in child.workflow.inputs.items() if spec.default is not None
    }
    return defaults | dict(values[0])


def _learn(node: Node, items: Count | None, known: Known) -> None:
    """What later steps know of this one."""
    if node.value_type is not None:
        known.types[node.name] = node.value_type
    if items is not None:
        known.lengths[node.name] = items
    elif isinstance(node.step, ValueStep):
        if node.step.when is None and not node.step.needs:
            learn_value(node.name, node.programs["value"], known)
        length = of_value(node.step.value, known)
        if length is not None:
            known.lengths[node.name] = length


__all__ = ["Bounds", "StepBound", "bounds", "merges"]
