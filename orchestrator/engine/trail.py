"""The record of a run by instance: what was asked, answered, decided and called, of its last execution. For replay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.events import (
    TAKEN,
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
    RunResumed,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.policy.keep import noted

_PART = re.compile(r"[@^#]")
Ended = StepFinished | StepSkipped | StepFailed
REUSED = "its answer was known already, so that its request is not on record"
WITHHELD = "what it was asked or answered was not kept"


@dataclass(slots=True)
class Asked:
    """One request and what came of it; None where nobody knows."""

    began: AttemptStarted
    ended: AttemptFinished | None = None
    used: bool = False


@dataclass(slots=True)
class Trail:
    """One instance. What an execution left before the last one of them is in `older`."""

    path: str
    verb: str = ""
    asked: list[Asked] = field(default_factory=list)
    older: list[Asked] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    calls: dict[int, tuple[CallStarted, CallFinished | None]] = field(default_factory=dict)
    looked: list[Retrieved] = field(default_factory=list)
    opened: AskOpened | None = None
    answered: AskAnswered | None = None
    ended: Ended | None = None
    seen: bool = False
    """Whether the replay came to its end as well."""
    execution: int = 0
    """By how many processes the run had been executed before the one that this is of."""

    @property
    def finished(self) -> StepFinished | None:
        return self.ended if isinstance(self.ended, StepFinished) else None

    def begin(self, verb: str) -> None:
        """It begins, perhaps again: what was decided before counts no more, and answers may.

        So may calls, until they are made again: of one that had its effect there is no second.
        """
        self.verb = verb
        self.older += self.asked
        self.asked, self.decided, self.ended = [], [], None

    def end(self, event: AttemptFinished) -> None:
        last = next((one for one in reversed(self.asked) if one.ended is None), None)
        if last is not None:
            last.ended = event

    def next(self, event: AttemptStarted) -> Asked | None:
        """What was recorded of this request: the same one, of whichever execution, else the next of the last one."""
        free = [one for one in (*self.asked, *reversed(self.older)) if not one.used]
        same = (one for one in free if one.began.messages == event.messages and one.ended is not None)
        found = next(same, None) or next((one for one in self.asked if not one.used), None)
        if found is not None:
            found.used = True
        return found

    @property
    def left(self) -> bool:
        """Whether a request of it has not been rendered again yet."""
        return any(not one.used for one in self.asked)

    def not_comparable(self) -> str:
        """Why its requests cannot be rendered again and compared; empty when they can."""
        if self.verb not in ("agent", "tool"):
            return ""
        if (done := self.finished) is not None and (done.cached or TAKEN in done.facts):
            return f"it was taken over from run {done.facts[TAKEN]}" if TAKEN in done.facts else REUSED
        if any(self._withheld()):
            return WITHHELD
        return REUSED if self._some_turns_reused() else ""

    def _withheld(self) -> Iterator[bool]:
        yield from (noted(one.ended.text) is not None for one in self.asked if one.ended is not None)
        for began, ended in self.calls.values():
            yield any(noted(value) is not None for value in began.arguments.values())
            yield ended is not None and noted(ended.value) is not None
        for one in self.looked:
            yield noted(one.query) is not None

    def _some_turns_reused(self) -> bool:
        """Of an agent with tools: fewer choices are on record than calls."""
        if self.verb != "agent" or not self.calls or self.finished is None:
            return False
        choices = sum(
            one.ended is not None and one.ended.decision == "call" for one in self.asked + self.older
        )
        stopped = any(one.choice == "stop" for one in self.decided)
        return choices < len(self.calls) + (not stopped)


@dataclass(slots=True)
class Record:
    """A whole run."""

    started: RunStarted
    trails: dict[str, Trail] = field(default_factory=dict)
    models: dict[str, ModelReady] = field(default_factory=dict)
    end: RunFinished | RunFailed | None = None
    """None for a run that stopped in between: what it did not come to is missing from its record."""
    parts: dict[str, list[str]] = field(default_factory=dict)
    """Paths of the answers that make up an instance."""
    later: dict[str, list[Trail]] = field(default_factory=dict)
    """Of instances in a subworkflow that was tried again: what they did then, in order. `trails` holds the first try."""

    def at(self, path: str) -> Trail:
        """Its trail; an empty one for an instance that the record does not know."""
        found = self.trails.get(path)
        return found if found is not None else Trail(path)

    def go_on(self, path: str) -> None:
        """From now on the next try of an instance counts, where there is one."""
        if self.later.get(path):
            self.trails[path] = self.later[path].pop(0)

    def known(self, path: str) -> bool:
        return path in self.trails

    def with_parts(self, path: str) -> Iterator[Trail]:
        """An instance and the answers that make it up: `x`, `x#1`, `x@tiny`, `x^1.0`."""
        yield self.at(path)
        yield from (self.trails[part] for part in self.parts.get(path, ()))


def record_of(events: Iterable[Event]) -> Record:
    """The fold of a whole log."""
    iterator = iter(events)
    first = next(iterator)
    assert isinstance(first, RunStarted), "the first event of every run is that it started"
    record, execution = Record(first), 0
    for event in iterator:
        execution += isinstance(event, RunResumed)
        _take(record, event, execution)
    _in_order(record)
    for path in record.trails:
        whole = _PART.split(path, 1)[0]
        if whole != path:
            record.parts.setdefault(whole, []).append(path)
    return record


def _take(record: Record, event: Event, execution: int) -> None:
    match event:
        case ModelReady():
            record.models[event.model] = event
        case RunFinished() | RunFailed():
            record.end = event
        case (
            StepStarted() | StepFinished() | StepSkipped() | StepFailed() | AttemptStarted() | AttemptFinished()
            | Decided() | CallStarted() | CallFinished() | Retrieved() | AskOpened() | AskAnswered()
        ):  # fmt: skip
            _follow(_trail(record, event, event.path, execution), event)
        case _:
            record.end = None


def _trail(record: Record, event: Event, path: str, execution: int) -> Trail:
    """What an event belongs to: another try, where an instance begins again in one execution, or ends again.

    What an earlier execution left of it was superseded, and only its answers may count.
    """
    trail = record.trails.setdefault(path, Trail(path, execution=execution))
    if not isinstance(event, StepStarted | StepFinished | StepSkipped | StepFailed):
        return trail
    if trail.execution != execution:
        _supersede(record, trail)
        trail.execution = execution
    elif trail.ended is not None or (isinstance(event, StepStarted) and trail.verb):
        record.later.setdefault(path, []).append(trail)
        trail = record.trails[path] = Trail(path, execution=execution)
    return trail


def _supersede(record: Record, trail: Trail) -> None:
    """The last try is all there is; what was asked in those before it may still be asked again."""
    before = record.later.pop(trail.path, [])
    trail.older[:0] = [asked for one in before for asked in (*one.older, *one.asked)]


def _in_order(record: Record) -> None:
    """Have every instance begin with its first try; where not all of them can be compared, only the last ones count."""
    tries = [[*before, record.trails[path]] for path, before in record.later.items()]
    if any(one.looked or one.not_comparable() for them in tries for one in them):
        for them in tries:
            _supersede(record, them[-1])
        return
    for first, *rest in tries:
        record.trails[first.path], record.later[first.path] = first, rest


def _follow(trail: Trail, event: Event) -> None:
    match event:
        case StepStarted():
            trail.begin(event.verb)
        case StepFinished() | StepSkipped() | StepFailed():
            trail.ended = event
        case AttemptStarted():
            trail.asked.append(Asked(event))
        case AttemptFinished():
            trail.end(event)
        case Decided() if event.choice != "again":
            trail.decided.append(event)
        case CallStarted():
            trail.calls[event.call] = event, None
        case CallFinished() if event.call in trail.calls:
            trail.calls[event.call] = trail.calls[event.call][0], event
        case Retrieved():
            trail.looked = [one for one in trail.looked if one.source != event.source] + [event]
        case AskOpened():
            trail.opened = event
        case AskAnswered():
            trail.answered = event
        case _:
            pass


def facts_of(done: StepFinished) -> Mapping[str, Any]:
    """What a text may read of a finished instance."""
    return {name: fact for name, fact in done.facts.items() if name not in (TAKEN, "kept")}


__all__ = ["Asked", "Record", "Trail", "facts_of", "record_of"]
