"""Prompt tokens that a run has to read: each prompt whole, and with what prompts of one agent begin alike read once.

An estimate before the run, without repairs; knows no tokenizer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orchestrator.messages import Message
from orchestrator.plan.bounds import StepBound
from orchestrator.plan.count import Count, of
from orchestrator.plan.prompts import CHARACTERS_PER_TOKEN, PromptSize


@dataclass(frozen=True, slots=True)
class Reading:
    """Tokens of all prompts of local models. `once` counts what an agent's prompts share one time per model."""

    whole: Count
    once: Count


def reading(
    steps: Iterable[tuple[StepBound, PromptSize | None]], is_local: Callable[[StepBound, str], bool]
) -> Reading:
    """What the models on this machine have to read."""
    whole, once = of(0), of(0)
    seen: set[tuple[str, str]] = set()
    for step, size in steps:
        if size is None:
            continue
        for model in step.models:
            if not is_local(step, model):
                continue
            stable = stable_tokens(size.messages)
            whole += step.instances * size.tokens
            once += step.instances * (size.tokens - stable)
            key = step.spec(model).use, step.node.agent.name if step.node.agent else step.path
            if key not in seen:
                seen.add(key)
                once += of(stable)
    return Reading(whole, once)


def stable_tokens(messages: tuple[Message, ...]) -> int:
    """Tokens in front of the task: role and format of the answer."""
    return sum(len(message.content) for message in messages[:-1]) // CHARACTERS_PER_TOKEN
