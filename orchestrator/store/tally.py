"""The running totals that stand in a run's row, so that a list of runs reads no events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepStarted,
)

_MOST = 2**63 - 1
"""The largest number that a database holds; a server that lies about what it read may say more."""
_UNCOUNTED = frozenset({StepStarted, AttemptStarted})
"""Every second event is one of these."""


@dataclass(slots=True)
class Tally:
    """Columns of the runs table, kept up event by event.

    `finished` are steps and items that have a value, `failed` those that have none because of an error. Groups and
    fan-outs are made of theirs and do not count, nor do the parts of an answer (`compare@tiny`, `sum^1.0`).
    """

    status: str = "new"
    ended: float | None = None
    finished: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    local_calls: int = 0
    cloud_calls: int = 0
    cost: int = 0
    """In nano-dollars."""
    _away: set[str] = field(default_factory=set, init=False)
    """Models off this machine; every process that goes on with a run says anew where its models are."""
    _lost: set[str] = field(default_factory=set, init=False)
    """What failed in this process: a group that fails with a step of its own does not count."""

    def add(self, event: Event) -> None:
        self.add_all((event,))

    def add_all(self, events: Iterable[Event]) -> None:
        for event in events:
            if type(event) not in _UNCOUNTED:
                self._count(event)

    def _count(self, event: Event) -> None:
        match event:
            case StepFinished():
                self.finished += _is_whole(event.path) and "container" not in event.facts
                if event.handled:
                    self._lost -= self._inside(event.path)
            case AttemptFinished():
                self.prompt_tokens += event.prompt_tokens
                self.completion_tokens += event.completion_tokens
                self.local_calls += event.model not in self._away
                self.cloud_calls += event.model in self._away
                self.cost += event.cost
            case ModelReady():
                (self._away.discard if event.local else self._away.add)(event.model)
            case StepFailed():
                self._failed(event)
            case RunStarted():
                self.status, self.ended = "running", None
            case RunResumed():
                # the first failure ends a run, and that step is tried again
                self.failed -= self.status == "failed" and self.failed > 0
                self.status, self.ended = "running", None
                self._lost.clear()
            case RunWaiting():
                self.status, self.ended = "waiting", event.at
            case RunInterrupted():
                self.status, self.ended = ("cancelled" if event.cancelled else "interrupted"), event.at
            case RunFailed():
                self.status, self.ended = event.status, event.at
            case RunFinished():
                self.status, self.ended = "done", event.at

    def columns(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "ended": self.ended,
            "finished": self.finished,
            "failed": self.failed,
            "prompt_tokens": min(self.prompt_tokens, _MOST),
            "completion_tokens": min(self.completion_tokens, _MOST),
            "local_calls": self.local_calls,
            "cloud_calls": self.cloud_calls,
            "cost": min(self.cost, _MOST),
        }

    def _failed(self, event: StepFailed) -> None:
        if not _is_whole(event.path):
            return
        inside = self._inside(event.path)
        self.failed += not inside
        self._lost -= inside
        if not event.kept:
            self._lost.add(event.path)

    def _inside(self, path: str) -> set[str]:
        return {lost for lost in self._lost if lost.startswith((f"{path}.", f"{path}~"))}


def _is_whole(path: str) -> bool:
    return "@" not in path and "^" not in path and "#" not in path
