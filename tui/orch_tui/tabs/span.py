"""What is known of one span when its tabs are made: its own events, those inside it, the models of the run.

Read once in a thread and never changed afterwards. Knows no store.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orch_tui.naming import called
from orch_tui.prices import Elsewhere
from orch_tui.trace import NOWHERE, Status
from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    ModelReady,
    Retrieved,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report import words
from orchestrator.report.values import Values, container_of

Numbered = tuple[int, Event]
End = StepFinished | StepSkipped | StepFailed


@dataclass(frozen=True, slots=True)
class Child:
    """A span right inside. `name` is the last part of its path, `path` all of it."""

    name: str
    path: str
    status: Status
    note: str = ""

    @property
    def called(self) -> str:
        """As the tree calls it."""
        return called(self.name)


@dataclass(frozen=True, slots=True)
class Attempt:
    """`answer` is None while the model writes, or when it was cut off."""

    prompt: AttemptStarted | None
    answer: AttemptFinished | None = None

    @property
    def number(self) -> int:
        known = self.prompt or self.answer
        return known.attempt if known else 0

    @property
    def model(self) -> str:
        known = self.prompt or self.answer
        return known.model if known else ""


@dataclass(frozen=True, slots=True)
class Span:
    """One span. `inside` are the events of what it is made of, complete unless `cut`; `children` the first of
    `size`. `chosen` is the attempt to show, NOWHERE for the span as a whole. `counts` says how many spans right
    inside are in which status (`queued` are some of those that run), `lost` which of them failed or were caught.
    """

    run: str
    path: str
    verb: str = ""
    status: Status = "done"
    note: str = ""
    live: bool = False
    events: tuple[Numbered, ...] = ()
    inside: tuple[Numbered, ...] = ()
    cut: bool = False
    children: tuple[Child, ...] = ()
    size: int = 0
    items: int | None = None
    """Of a fan-out the length of its list."""
    counts: Mapping[str, int] = field(default_factory=dict)
    lost: tuple[Child, ...] = ()
    models: Mapping[str, ModelReady] = field(default_factory=dict)
    chosen: int = NOWHERE
    other: Elsewhere | None = None
    """The model of the cloud that its cost is compared with."""

    @property
    def attempts(self) -> list[Attempt]:
        """In the order in which they began; those of an earlier try before a resume too."""
        found: list[Attempt] = []
        for _, event in self.events:
            if isinstance(event, AttemptStarted):
                found.append(Attempt(event))
            elif isinstance(event, AttemptFinished):
                if found and found[-1].answer is None:
                    found[-1] = Attempt(found[-1].prompt, event)
                else:
                    found.append(Attempt(None, event))
        return found

    @property
    def story(self) -> list[AttemptStarted | AttemptFinished | Decided]:
        """The attempts and what was decided between them, in the order in which it happened."""
        return [
            event for _, event in self.events if isinstance(event, AttemptStarted | AttemptFinished | Decided)
        ]

    @property
    def decisions(self) -> list[Decided]:
        """What was decided between this machine and a bigger model."""
        return [event for _, event in self.events if isinstance(event, Decided)]

    @property
    def lookups(self) -> list[Retrieved]:
        """What was looked up before its model was asked."""
        return [event for _, event in self.events if isinstance(event, Retrieved)]

    @property
    def speed(self) -> str:
        """How fast its model wrote, in words; empty when it was not measured."""
        answers = [one.answer for one in self.attempts if one.answer is not None and one.answer.rate]
        tokens = sum(answer.completion_tokens for answer in answers)
        return words.rate(tokens, sum(answer.completion_tokens / (answer.rate or 1) for answer in answers))

    @property
    def shown_attempt(self) -> int:
        """The attempt of the tree's row, else the last; NOWHERE when there is none."""
        count = len(self.attempts)
        return self.chosen if 0 <= self.chosen < count else count - 1

    @property
    def end(self) -> End | None:
        """How it ended; what began once more after that has not."""
        found: End | None = None
        for _, event in self.events:
            if isinstance(event, StepStarted):
                found = None
            elif isinstance(event, StepFinished | StepSkipped | StepFailed):
                found = event
        return found

    @property
    def taken_from(self) -> str:
        """The run that its value was taken over from."""
        end = self.end
        return str(end.facts.get(TAKEN, "")) if isinstance(end, StepFinished) else ""

    @property
    def ask(self) -> AskOpened | None:
        return next((event for _, event in reversed(self.events) if isinstance(event, AskOpened)), None)

    @property
    def answered(self) -> AskAnswered | None:
        return next((event for _, event in reversed(self.events) if isinstance(event, AskAnswered)), None)

    @property
    def warnings(self) -> list[Warned]:
        return [event for _, event in self.events if isinstance(event, Warned)]

    @property
    def is_container(self) -> bool:
        """Its value is made of the values inside."""
        end = self.end
        if isinstance(end, StepFinished):
            return bool(container_of(end))
        return bool(self.children) and not isinstance(end, StepSkipped)

    @property
    def prompted(self) -> list[str]:
        """The paths of what is inside and called a model, in the order in which it began."""
        found: dict[str, None] = {}
        for _, event in self.inside:
            if isinstance(event, StepStarted) and event.verb == "agent" and event.items is None:
                found.setdefault(event.path)
            elif isinstance(event, StepFinished) and event.cached:
                found.pop(event.path, None)
        return list(found)

    @property
    def command(self) -> str:
        """What prints all of it."""
        return f"orch show {self.run} {self.path}".rstrip()

    def values(self) -> Values:
        """The values of what is inside."""
        values = Values()
        for _, event in sorted((*self.events, *self.inside), key=lambda numbered: numbered[0]):
            values.add(event)
        return values

    def value(self) -> Any:
        """The value of a container, whole only when it is small and not `cut`."""
        values = self.values()
        if isinstance(self.end, StepFinished):
            return values.of(self.path)
        return {child.name.lstrip("."): values.of(child.path) for child in self.children}
