"""The running totals that stand in a run's row, so that a list of runs reads no events."""

from __future__ import annotations

from dataclasses import asdict, dataclass
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
    StepSkipped,
)


@dataclass(slots=True)
class Tally:
    """Columns of the runs table, kept up event by event."""

    status: str = "new"
    ended: float | None = None
    finished: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def add(self, event: Event) -> None:
        match event:
            case StepFinished() | StepSkipped():
                self.finished += 1
            case AttemptFinished():
                self.prompt_tokens += event.prompt_tokens
                self.completion_tokens += event.completion_tokens
            case StepFailed():
                self.failed += 1
            case RunStarted() | RunResumed():
                self.status, self.ended = "running", None
            case RunWaiting():
                self.status, self.ended = "waiting", event.at
            case RunInterrupted():
                self.status, self.ended = ("cancelled" if event.cancelled else "interrupted"), event.at
            case RunFailed():
                self.status, self.ended = "failed", event.at
            case RunFinished():
                self.status, self.ended = "done", event.at

    def columns(self) -> dict[str, Any]:
        return asdict(self)
