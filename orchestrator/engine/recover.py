"""What an interrupted run already knows, folded from its events: the start of `orch resume`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)


@dataclass(frozen=True, slots=True)
class Done:
    """A finished instance: its value and facts. A skipped one has the value None."""

    value: Any
    facts: Mapping[str, Any]
    skipped: bool = False


@dataclass(slots=True)
class Recovered:
    """Finished instances by path, questions that are open or answered, and what has been spent."""

    started: RunStarted | None = None
    done: dict[str, Done] = field(default_factory=dict)
    asked: dict[str, AskOpened] = field(default_factory=dict)
    answered: dict[str, AskAnswered] = field(default_factory=dict)
    containers: dict[str, bool] = field(default_factory=dict)
    """Groups, lists and subworkflows that began, by path, and whether they ended."""
    unsettled: dict[str, AttemptStarted] = field(default_factory=dict)
    """Calls off this machine that were about to be made and of which nothing more is known, by path."""
    tokens: int = 0
    cloud_calls: int = 0


def recover(events: Iterable[Event]) -> Recovered:
    """The fold. Attempts without a finished step are forgotten: that step runs again.

    Containers (groups, foreach, subworkflows) are not recorded: their values are made of their steps' values.
    """
    state = Recovered()
    for event in events:
        match event:
            case RunStarted():
                state.started = event
            case StepStarted():
                if event.items is not None or event.verb in ("steps", "workflow"):
                    state.containers.setdefault(event.path, False)
            case StepFinished():
                if event.handled or "container" not in event.facts:
                    state.done[event.path] = Done(event.value, event.facts)
                else:
                    state.containers[event.path] = True
            case StepFailed(kept=True):
                state.done[event.path] = Done(None, event.facts or {})
            case StepSkipped():
                state.done[event.path] = Done(None, {}, skipped=True)
            case AskOpened():
                state.asked[event.path] = event
            case AskAnswered():
                state.answered[event.path] = event
            case AttemptStarted(intent=True):
                state.unsettled[event.path] = event
                state.cloud_calls += 1
            case AttemptFinished():
                state.unsettled.pop(event.path, None)
                state.tokens += event.prompt_tokens + event.completion_tokens
            case _:
                pass
    return state
