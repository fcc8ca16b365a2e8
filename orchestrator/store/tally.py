"""The running totals that stand in a run's row, so that a list of runs reads no events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    AttemptFinished,
    Event,
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

_CONTAINERS = frozenset({"steps", "workflow"})


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
    _open: set[str] = field(default_factory=set, init=False)
    """Groups and fan-outs under way; all begin again when the run is resumed."""

    def add(self, event: Event) -> None:
        match event:
            case StepStarted():
                if event.items is not None or event.verb in _CONTAINERS:
                    self._open.add(event.path)
            case StepFinished():
                self.finished += self._counts(event.path) and "container" not in event.facts
                self._open.discard(event.path)
            case AttemptFinished():
                self.prompt_tokens += event.prompt_tokens
                self.completion_tokens += event.completion_tokens
            case StepFailed():
                self.failed += self._counts(event.path)
                self._open.discard(event.path)
            case RunStarted():
                self.status, self.ended = "running", None
            case RunResumed():
                # the first failure ends a run, and that step is tried again
                self.failed -= self.status == "failed" and self.failed > 0
                self.status, self.ended = "running", None
                self._open.clear()
            case RunWaiting():
                self.status, self.ended = "waiting", event.at
            case RunInterrupted():
                self.status, self.ended = ("cancelled" if event.cancelled else "interrupted"), event.at
            case RunFailed():
                self.status, self.ended = "failed", event.at
            case RunFinished():
                self.status, self.ended = "done", event.at

    def columns(self) -> dict[str, Any]:
        return {
            "status": self.status,
            "ended": self.ended,
            "finished": self.finished,
            "failed": self.failed,
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
        }

    def _counts(self, path: str) -> bool:
        return path not in self._open and "@" not in path and "^" not in path
