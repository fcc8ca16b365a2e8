"""What each instance of a run came to, small enough to hold all of a large run: figures and digests, no text.

Takes events one by one and knows no store; `first` and `last` say where the events of an instance stand in the log.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    AskAnswered,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Decided,
    Event,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.report.summary import Summary

NOT_KEPT = ", not kept]"
"""What stands in the record in the place of a value of which not even a digest was kept."""
COMPARED = ("status", "prompt", "output", "model", "went", "attempts", "tools", "choice")
"""What makes two instances different; seconds, tokens and cost alone do not."""


@dataclass(slots=True)
class Facts:
    """One instance. Digests are None where nothing was recorded (an answer out of the cache has no prompt)."""

    verb: str = ""
    status: str = "running"
    model: str = ""
    went: str = ""
    """`kept local`, `escalated to NAME`, or empty where nothing was decided."""
    attempts: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: int = 0
    started: float = 0.0
    seconds: float = 0.0
    cached: bool = False
    container: bool = False
    withheld: bool = False
    prompt: bytes | None = None
    output: bytes | None = None
    tools: bytes | None = None
    choice: str = ""
    first: int = 0
    last: int = 0

    def take(self, event: Event, seq: int) -> None:
        """One event of this very instance."""
        self.last = seq
        match event:
            case StepStarted():
                self.verb, self.started = sys.intern(event.verb), event.at
            case AttemptStarted():
                self.attempts, self.model = event.attempt, sys.intern(event.model)
                if self.prompt is None:
                    self.prompt = self._digest([dict(one) for one in event.messages])
            case AttemptFinished():
                self.prompt_tokens += event.prompt_tokens
                self.completion_tokens += event.completion_tokens
                self.cost += event.cost
            case Decided():
                self._decided(event)
            case CallStarted():
                self.tools = self._digest([self._so_far(), event.tool, event.arguments])
            case CallFinished():
                self.tools = self._digest([self._so_far(), event.outcome, event.value])
            case AskAnswered():
                self.choice = sys.intern(event.choice)
            case StepFinished():
                self.status, self.cached = "done", event.cached
                self.container = "container" in event.facts
                self.output = None if self.container else self._digest(event.value)
                self._end(event.at, event.facts)
            case StepSkipped():
                self.status = "skipped"
                self._end(event.at, {})
            case StepFailed():
                self.status = "failed"
                self.output = self._digest(event.message)
                self._end(event.at, event.facts or {})
            case _:
                pass

    def _so_far(self) -> str:
        return self.tools.hex() if self.tools else ""

    def _end(self, at: float, facts: Mapping[str, Any]) -> None:
        self.seconds = max(0.0, at - self.started) if self.started else 0.0
        if not self.model and isinstance(facts.get("model"), str):
            self.model = sys.intern(facts["model"])

    def _decided(self, event: Decided) -> None:
        if event.choice == "climb":
            self.went = sys.intern(f"escalated to {event.to}")
        elif event.choice in ("keep", "stay", "refuse", "local") and not self.went.startswith("escalated"):
            self.went = "kept local"

    def _digest(self, value: Any) -> bytes:
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
        self.withheld = self.withheld or NOT_KEPT in text
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


@dataclass(slots=True)
class RunFacts:
    """A whole run: its figures, and those of every instance by path."""

    figures: Summary = field(default_factory=Summary)
    inputs: Mapping[str, Any] = field(default_factory=dict)
    outputs: Any = None
    workflow: str = ""
    source: str = ""
    instances: dict[str, Facts] = field(default_factory=dict)

    def take(self, event: Event, seq: int) -> None:
        """The next event of the log."""
        self.figures.add(event)
        if isinstance(event, RunStarted):
            self.inputs, self.workflow, self.source = event.inputs, event.workflow, event.source
        elif isinstance(event, RunFinished):
            self.outputs = event.outputs
        path = getattr(event, "path", "")
        if not path or event.kind.startswith(("run.", "warned")):
            return
        found = self.instances.get(path)
        if found is None:
            found = self.instances[path] = Facts(first=seq)
        found.take(event, seq)


def differing(before: Facts, after: Facts) -> tuple[str, ...]:
    """Which of `COMPARED` differ; what one side has no record of is not compared."""
    return tuple(
        name for name in COMPARED if _differ(name, getattr(before, name), getattr(after, name), before, after)
    )


def _differ(name: str, one: Any, other: Any, before: Facts, after: Facts) -> bool:
    if one == other:
        return False
    if name == "attempts":
        return not (before.cached or after.cached)
    if name in ("prompt", "output", "tools"):
        return one is not None and other is not None
    if name in ("model", "went"):
        return bool(one and other) or not (before.cached or after.cached)
    return True


__all__ = ["COMPARED", "Facts", "RunFacts", "differing"]
