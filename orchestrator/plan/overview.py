"""The plan of a run as plain data: steps in order with their models, calls and prompts; models; what may leave.

Whoever knows providers passes in where a model runs and what it takes; nothing is looked up here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from orchestrator.graph.model import Graph, all_nodes
from orchestrator.labels import Exit
from orchestrator.plan.bounds import Bounds, StepBound, bounds
from orchestrator.plan.count import Count
from orchestrator.plan.prompts import PromptSize, prompt_size
from orchestrator.plan.reading import Reading, reading
from orchestrator.plan.spend import Leaving, PriceOf, leaving
from orchestrator.spec.model import AgentStep, AskStep, ModelSpec

IsCloud = Callable[[ModelSpec], bool]


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One row. `reused` says whether an answer given before may be taken again; None where no model answers."""

    path: str
    verb: str
    agent: str
    models: tuple[str, ...]
    runs: Count
    calls: Count
    factors: tuple[str, ...]
    prompt: PromptSize | None
    reused: bool | None
    asks: bool
    bound: StepBound


@dataclass(frozen=True, slots=True)
class PlannedModel:
    """One model, by the reference behind the names that steps use."""

    ref: str
    names: tuple[str, ...]
    spec: ModelSpec
    cloud: bool
    calls: Count
    steps: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overview:
    steps: tuple[PlannedStep, ...]
    models: tuple[PlannedModel, ...]
    calls: Count
    leaves: tuple[Leaving, ...]
    """Every call that may leave this machine, by step and model, with what it may cost."""
    exits: tuple[Exit, ...]
    """Every way off this machine with the labels of what may go there, tools and embedders too."""
    reading: Reading
    """Prompt tokens for models on this machine to read."""

    @property
    def leaving(self) -> tuple[PlannedModel, ...]:
        """Models off this machine that steps may call."""
        return tuple(model for model in self.models if model.cloud)

    @property
    def questions(self) -> tuple[str, ...]:
        """Steps at which a person decides."""
        return tuple(step.path for step in self.steps if step.asks)


def overview(
    graph: Graph,
    inputs: Mapping[str, Any] | None,
    is_cloud: IsCloud,
    price_of: PriceOf = lambda spec: None,  # noqa: ARG005 - the shape of a price list
) -> Overview:
    """Plan a graph with the inputs that are known so far."""
    counted = bounds(graph, inputs)
    steps = tuple(_step(step) for step in counted.steps)
    return Overview(
        steps,
        _models(counted, is_cloud),
        counted.calls,
        tuple(one for s in steps for one in leaving(s.bound, s.path, s.prompt, is_cloud, price_of)),
        tuple(_exits(graph, "")),
        reading(
            [(step.bound, step.prompt) for step in steps],
            lambda step, model: not is_cloud(step.spec(model)),
        ),
    )


def _exits(graph: Graph, prefix: str) -> Iterator[Exit]:
    """Those of the file and of the workflows it calls, by the paths of their steps from here."""
    yield from (replace(way, step=prefix + way.step) for way in graph.exits)
    for node in all_nodes(graph.scope):
        if node.child is not None:
            yield from _exits(node.child, f"{prefix}{node.path}.")


def _step(step: StepBound) -> PlannedStep:
    node = step.node
    return PlannedStep(
        path=step.path,
        verb=node.verb,
        agent=node.agent.name if node.agent else "",
        models=step.models,
        runs=step.instances,
        calls=step.calls,
        factors=step.factors,
        prompt=prompt_size(step),
        reused=reused(step) if step.models else None,
        asks=isinstance(node.step, AskStep),
        bound=step,
    )


def reused(step: StepBound) -> bool:
    """Whether the same request is answered from the cache: by default where the answer is deterministic."""
    node, graph = step.node, step.graph
    assert isinstance(node.step, AgentStep)
    wanted = node.step.cache if node.step.cache is not None else graph.workflow.defaults.cache
    if wanted is not None:
        return wanted
    return all(_deterministic(step, name) for name in step.models)


def _deterministic(step: StepBound, model: str) -> bool:
    params: dict[str, Any] = {"temperature": 0.0} | dict(step.spec(model).params)
    agent = step.node.agent
    if agent is not None and agent.spec.params is not None:
        params |= agent.spec.params.model_dump(exclude_none=True)
    return params.get("temperature") == 0 or params.get("seed") is not None


def _models(counted: Bounds, is_cloud: IsCloud) -> tuple[PlannedModel, ...]:
    calls = counted.calls_by_model()
    found: list[PlannedModel] = []
    for ref, count in calls.items():
        users = [
            (step, name)
            for step in counted.steps
            for name in (*step.models, *step.ladder)
            if step.spec(name).use == ref
        ]
        spec = users[0][0].spec(users[0][1])
        names = tuple(dict.fromkeys(name for _, name in users))
        found.append(PlannedModel(ref, names, spec, is_cloud(spec), count, tuple(s.path for s, _ in users)))
    return tuple(found)
