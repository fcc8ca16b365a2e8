"""The state of a run as a fold over its events: what a screen shows and what resume starts from.

`RunState` has one owner that applies events in place. Values of steps are not kept here: `Span.seq`
says which event holds them. Knows no engine and no store.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    ModelReady,
    Retrieved,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)

RunStatus = Literal["new", "running", "waiting", "done", "failed", "rejected", "interrupted", "cancelled"]
SpanStatus = Literal["running", "asking", "done", "skipped", "failed"]


@dataclass(slots=True)
class Span:
    """One instance of a step. Times are wall-clock seconds; `seq` numbers the event that ended it."""

    path: str
    verb: str = ""
    status: SpanStatus = "running"
    started: float = 0.0
    ended: float | None = None
    items: int | None = None
    attempts: int = 0
    model: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    note: str = ""
    seq: int = -1


@dataclass(slots=True)
class RunState:
    run: str = ""
    workflow: str = ""
    file: str = ""
    root: str = ""
    revision: str = ""
    source: str = ""
    status: RunStatus = "new"
    started: float = 0.0
    ended: float | None = None
    steps: int = 0
    inputs: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    spans: dict[str, Span] = field(default_factory=dict)
    asks: dict[str, AskOpened] = field(default_factory=dict)
    models: dict[str, ModelReady] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    error: RunFailed | None = None
    outputs: Any = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    local_calls: int = 0
    cloud_calls: int = 0
    cached_steps: int = 0
    artifacts: list[dict[str, Any]] = field(default_factory=list)
    """Files that tools made: name, media_type, sha256, bytes, and `step`, the path of the instance that called."""
    events: int = 0

    def apply(self, event: Event, seq: int | None = None) -> None:
        """Take one event in. `seq` is its number in the log, by default the number of events so far."""
        number = self.events if seq is None else seq
        self.events = number + 1
        match event:
            case RunStarted():
                self.run, self.workflow, self.file = event.run, event.workflow, event.file
                self.root, self.revision, self.source = event.root, event.revision, event.source
                self.inputs, self.options = dict(event.inputs), dict(event.options)
                self.status, self.started, self.steps = "running", event.at, event.steps
            case RunResumed():
                self.status, self.ended, self.error = "running", None, None
            case ModelReady():
                self.models[event.model] = event
            case StepStarted():
                self.spans[event.path] = Span(event.path, event.verb, started=event.at, items=event.items)
            case AttemptStarted():
                span = self._span(event.path, event.at)
                span.attempts, span.model = event.attempt, event.model
            case AttemptFinished():
                self._attempt_finished(event)
            case Decided() | Retrieved():
                pass  # a reason, no state
            case CallStarted():
                self._span(event.path, event.at)
            case CallFinished():
                self._span(event.path, event.at)
                self.artifacts += [{"step": event.path, **made} for made in event.artifacts]
            case StepFinished():
                span = self._end(event.path, event.at, "done", number)
                span.cached, span.note = event.cached, event.handled
                self.cached_steps += event.cached
            case StepSkipped():
                self._end(event.path, event.at, "skipped", number).note = event.reason
            case StepFailed():
                self._end(event.path, event.at, "failed", number).note = event.message
            case AskOpened():
                self.asks[event.path] = event
                self._span(event.path, event.at).status = "asking"
            case AskAnswered():
                self.asks.pop(event.path, None)
                self._span(event.path, event.at).status = "running"
            case Warned():
                self.warnings.append(event.message)
            case RunWaiting():
                self.status, self.ended = "waiting", event.at
            case RunInterrupted():
                self.status, self.ended = ("cancelled" if event.cancelled else "interrupted"), event.at
            case RunFailed():
                self.status, self.ended, self.error = event.status, event.at, event
            case RunFinished():
                self.status, self.ended, self.outputs = "done", event.at, event.outputs
            case _:
                assert_never(event)

    def _span(self, path: str, at: float) -> Span:
        span = self.spans.get(path)
        if span is None:
            span = self.spans[path] = Span(path, started=at)
        return span

    def _end(self, path: str, at: float, status: SpanStatus, seq: int) -> Span:
        span = self._span(path, at)
        span.status, span.ended, span.seq = status, at, seq
        return span

    def _attempt_finished(self, event: AttemptFinished) -> None:
        span = self._span(event.path, event.at)
        span.prompt_tokens += event.prompt_tokens
        span.completion_tokens += event.completion_tokens
        self.prompt_tokens += event.prompt_tokens
        self.completion_tokens += event.completion_tokens
        model = self.models.get(event.model)
        if model is None or model.local:
            self.local_calls += 1
        else:
            self.cloud_calls += 1


def fold(events: Iterable[Event]) -> RunState:
    """The state after these events, from the first."""
    state = RunState()
    for event in events:
        state.apply(event)
    return state
