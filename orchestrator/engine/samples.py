"""Several answers to the same prompt, of which one is the step's: a judge chooses, or the most frequent one is taken.

Sample n stands at `<path>#n`. The first is what the model would say anyway; the others are drawn with seeds of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from orchestrator.engine.delegate import labelled
from orchestrator.engine.frame import Frame
from orchestrator.engine.prompt import prompt_of
from orchestrator.engine.run import Failed, Outcome, Run
from orchestrator.events import Decided
from orchestrator.graph.delegates import PROMPT
from orchestrator.graph.model import Node
from orchestrator.policy.pick import ballot, best_type, majority
from orchestrator.spec.model import AgentStep
from orchestrator.spec.schema import json_schema
from orchestrator.spec.types import Type

Part = Callable[..., Awaitable[Outcome]]
"""One of several answers that make up a step, as `agent.part` gives it."""
JUDGE = "pick"


async def sampled(
    run: Run, node: Node, frame: Frame, path: str, part: Part, extra: Mapping[str, Any] | None = None
) -> Outcome:
    """One of `samples` answers. Those that fail are left out, as long as one is valid. Raises Failed."""
    step = node.step
    assert isinstance(step, AgentStep)
    assert step.samples is not None
    found = await asyncio.gather(
        *(
            part(run, node, frame, f"{path}#{n}", node.models[0], extra, vary=n)
            for n in range(1, step.samples + 1)
        ),
        return_exceptions=True,
    )
    answers = _answers(found)
    chosen, reason = await _chosen(run, node, frame, path, part, answers, extra)
    number, outcome = answers[chosen]
    run.emit(
        Decided(
            at=run.now(),
            path=path,
            choice="pick",
            rule="pick",
            reason=reason,
            to=f"#{number}",
            signals={"samples": step.samples, "valid": len(answers)},
        )
    )
    return Outcome(
        outcome.value,
        {**outcome.facts, **_together([one for _, one in answers])},
        cached=_all_cached(answers),
    )


def _answers(found: Sequence[Outcome | BaseException]) -> list[tuple[int, Outcome]]:
    """The valid ones with their numbers. Raises what is no failure of one answer, or the first failure if all failed."""
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Failed):
            raise one
    answers = [(n, one) for n, one in enumerate(found, 1) if isinstance(one, Outcome)]
    if not answers:
        raise next(one for one in found if isinstance(one, Failed))
    return answers


def _all_cached(answers: Sequence[tuple[int, Outcome]]) -> bool:
    return all(one.cached for _, one in answers)


def _together(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What all samples took; the rest of the facts are those of the chosen one."""
    tokens = sum(one.facts.get("tokens") or 0 for one in outcomes)
    attempts = sum(one.facts.get("attempts") or 0 for one in outcomes)
    usd = sum(one.facts.get("usd") or 0.0 for one in outcomes)
    return {"tokens": tokens, "attempts": attempts} | ({"usd": usd} if usd else {})


async def _chosen(
    run: Run,
    node: Node,
    frame: Frame,
    path: str,
    part: Part,
    answers: Sequence[tuple[int, Outcome]],
    extra: Mapping[str, Any] | None,
) -> tuple[int, str]:
    """The place of the chosen answer, and why."""
    step = node.step
    assert isinstance(step, AgentStep)
    texts = [_text(one.value) for _, one in answers]
    counts = Counter(texts)
    if len(counts) == 1:
        return 0, f"all {len(texts)} say the same" if len(texts) > 1 else "it is the only valid one"
    if step.pick is None:
        place = majority(texts)
        return place, f"{counts[texts[place]]} of {len(texts)} say it"
    distinct = list(counts)
    outcome = await _judged(run, node, frame, path, part, prompt_of(node, frame, extra), distinct)
    best = distinct[outcome.value["best"] - 1]
    return texts.index(best), f"{step.pick} chose it among {len(distinct)} different ones"


async def _judged(
    run: Run, node: Node, frame: Frame, path: str, part: Part, task: str, texts: Sequence[str]
) -> Outcome:
    """Ask the judge, once, at `<path>@pick`."""
    step = node.step
    assert isinstance(step, AgentStep)
    judge = run.graph.delegates[step.pick or ""]
    inner = Frame(frame, frame.prefix, {PROMPT: ballot(task, texts)})
    kept, key = run.kept.of(node), f":pick {len(texts)}"
    if key not in kept:
        kept[key] = _asked_to_choose(labelled(run, node, judge), len(texts))
    return await part(run, kept[key], inner, f"{path}@{JUDGE}", judge.models[0])


def _asked_to_choose(judge: Node, count: int) -> Node:
    """The judge answers with a number here, whatever it answers elsewhere and whatever examples it has of that."""
    kind: Type = best_type(count)
    assert judge.agent is not None
    spec = judge.agent.spec.model_copy(update={"examples": None, "head": None})
    return replace(judge, output=kind, schema=json_schema(kind), agent=replace(judge.agent, spec=spec))


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


__all__ = ["sampled"]
