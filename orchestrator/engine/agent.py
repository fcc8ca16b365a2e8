"""The agent verb: one answer, one per model (`models:`), or a bounded tree of merges (`reduce:`)."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.engine.attempt import answer
from orchestrator.engine.climb import climb
from orchestrator.engine.frame import Frame
from orchestrator.engine.head import by_head, head_of
from orchestrator.engine.memory import remember
from orchestrator.engine.recall import memory_of
from orchestrator.engine.run import Failed, Outcome, Run, evaluate
from orchestrator.engine.samples import sampled
from orchestrator.engine.schedule import drain
from orchestrator.errors import ProviderError, StepError, as_step_error
from orchestrator.events import StepFailed, StepFinished, StepStarted
from orchestrator.graph.model import Node
from orchestrator.spec.model import AgentSpec, AgentStep

MERGE = 4
"""How many items one merge of a `reduce` takes when `by` does not say."""


def agent(run: Run, node: Node, frame: Frame, path: str) -> Awaitable[Outcome]:
    """No coroutine of its own, but that of what the step does: one less to wake through in every step."""
    step = node.step
    assert isinstance(step, AgentStep)
    if step.models:
        return _each_model(run, node, frame, path)
    if "reduce" in node.programs:
        return _reduce(run, node, frame, path)
    if node.agent is None or (is_plain(node.agent.spec) and step.samples is None):
        ask = climb if node.ladder else answer
        return ask(run, node, frame, path, node.models[0])
    return _equipped(run, node, frame, path)


async def _equipped(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """The answer of an agent with something before or behind its model."""
    outcome = await _one(run, node, frame, path)
    if memory_of(node) is not None:
        await remember(run, node, frame, path, outcome)
    return outcome


def is_plain(spec: AgentSpec) -> bool:
    """Whether nothing stands before or behind the model of such an agent: the way that most steps go."""
    return spec.head is None and spec.memory is None


async def _one(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """The answer of the classifier in front, the chosen one of several, or the only one."""
    step = node.step
    assert isinstance(step, AgentStep)
    if head_of(node) is not None and (found := await by_head(run, node, frame, path)) is not None:
        return found
    if step.samples is not None and step.samples > 1:
        return await sampled(run, node, frame, path, part)
    ask = climb if node.ladder else answer
    return await ask(run, node, frame, path, node.models[0])


async def _each_model(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """The same step once per model, at `<path>@<model>`; the value is a map by model name."""
    outcomes = await asyncio.gather(
        *(part(run, node, frame, f"{path}@{name}", name) for name in node.models), return_exceptions=True
    )
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    found = {name: o for name, o in zip(node.models, outcomes, strict=True) if isinstance(o, Outcome)}
    return Outcome(
        {name: outcome.value for name, outcome in found.items()},
        {name: outcome.facts for name, outcome in found.items()},
        cached=all(outcome.cached for outcome in found.values()),
    )


async def _reduce(run: Run, node: Node, frame: Frame, path: str) -> Outcome:
    """Merge the items `by` at a time, level by level, until one is left; `<path>^<level>.<n>` names a merge.

    An empty list gives null. A single item is still merged once, so that the value always is an answer.
    """
    step = node.step
    assert isinstance(step, AgentStep)
    items = evaluate(node, "reduce", frame)
    if not isinstance(items, list | tuple):
        raise StepError("items", f"reduce: {node.programs['reduce'].source} is not a list")
    if not items:
        return Outcome(None, {})
    by, level, spent = step.by or MERGE, 1, _Merged()
    while len(items) > 1 or level == 1:
        batches = [list(items[n : n + by]) for n in range(0, len(items), by)]
        items = await _merge_level(run, node, frame, f"{path}^{level}", batches, spent)
        level += 1
    return Outcome(items[0], {"model": node.models[0]} | spent.facts())


@dataclass(slots=True)
class _Merged:
    """What all merges of a `reduce` came to."""

    tokens: int = 0
    attempts: int = 0
    usd: float = 0.0
    escalated: bool = False

    def add(self, facts: Mapping[str, Any]) -> None:
        self.tokens += facts.get("tokens") or 0
        self.attempts += facts.get("attempts") or 0
        self.usd += facts.get("usd") or 0.0
        self.escalated = self.escalated or bool(facts.get("escalated"))

    def facts(self) -> dict[str, Any]:
        told = {"tokens": self.tokens, "attempts": self.attempts}
        return (
            told | ({"usd": self.usd} if self.usd else {}) | ({"escalated": True} if self.escalated else {})
        )


async def _merge_level(
    run: Run, node: Node, frame: Frame, path: str, batches: list[list[Any]], spent: _Merged
) -> list[Any]:
    """One merge per batch; a batch of one above the first level is an answer already."""
    merged: list[Any] = [None] * len(batches)
    first = path.endswith("^1")

    async def merge(n: int) -> bool:
        if len(batches[n]) == 1 and not first:
            merged[n] = batches[n][0]
            return True
        outcome = await part(run, node, frame, f"{path}.{n}", node.models[0], {"items": batches[n]})
        merged[n] = outcome.value
        spent.add(outcome.facts)
        return True

    await drain(deque(range(len(batches))), run, merge)
    return merged


async def part(
    run: Run,
    node: Node,
    frame: Frame,
    path: str,
    name: str,
    extra: Mapping[str, Any] | None = None,
    *,
    vary: int = 0,
) -> Outcome:
    """One of several answers that make up a step, with its own path, so that resume does not repeat it."""
    recorded = run.recovered.done.get(path)
    if recorded is not None:
        return Outcome(recorded.value, recorded.facts)
    run.emit(StepStarted(at=run.now(), path=path, verb="agent"))
    try:
        ask = climb if node.ladder else answer
        outcome = await ask(run, node, frame, path, name, extra, vary)
    except (StepError, ProviderError) as error:
        cause = as_step_error(error)
        run.emit(
            StepFailed(at=run.now(), path=path, error_kind=cause.kind, message=cause.message, hint=cause.hint)
        )
        raise Failed(path, cause) from None
    run.emit(
        StepFinished(at=run.now(), path=path, value=outcome.value, facts=outcome.facts, cached=outcome.cached)
    )
    return outcome
