"""A recorded run held against the same run once more: every request, decision, call and value, one after the other.

Writes nothing and asks nobody. What the record does not hold is not compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.engine.trail import Asked, Ended, Record, Trail
from orchestrator.events import (
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallStarted,
    Decided,
    Event,
    RunFailed,
    RunFinished,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.policy.keep import noted

STOPPED = "comes after something that the record does not hold"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that is not as it was: `what` of the instance `path`, in the record and now; None is nothing there."""

    path: str
    what: str
    recorded: Any
    now: Any


@dataclass(slots=True)
class Comparison:
    """What a replay comes to."""

    differences: list[Difference] = field(default_factory=list)
    requests: int = 0
    decisions: int = 0
    values: int = 0
    calls: int = 0
    left_out: dict[str, str] = field(default_factory=dict)
    """Instances that cannot be compared, and why."""

    def note(self, path: str, what: str, recorded: Any, now: Any) -> None:
        """Compare; what `keep` withheld, on either side, is never a difference."""
        if recorded == now or _holds_note(recorded) or _holds_note(now):
            return
        self.differences.append(Difference(path, what, recorded, now))


def _holds_note(value: Any) -> bool:
    match value:
        case str():
            return noted(value) is not None
        case Mapping():
            return any(_holds_note(inner) for inner in value.values())
        case list() | tuple():
            return any(_holds_note(inner) for inner in value)
        case _:
            return False


# ------------------------------------------------------------------------------------------------ the journal


@dataclass(slots=True)
class Comparing:
    """A journal that writes nothing: it holds every event against the record."""

    record: Record
    found: Comparison = field(default_factory=Comparison)
    seen: set[str] = field(default_factory=set)
    """Instances that came to an end."""
    begun: set[str] = field(default_factory=set)
    """Instances that have begun and not ended."""
    asking: AttemptStarted | None = None
    answering: dict[str, Asked | None] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    """How many decisions an instance has taken so far."""

    def append(self, event: Event) -> None:
        if isinstance(event, StepStarted | StepFinished | StepSkipped | StepFailed):
            self._tried_again(event)
        match event:
            case AttemptStarted():
                self._asked(event)
            case AttemptFinished():
                self._answered(event)
            case Decided() if event.choice != "again":
                self._decided(event)
            case CallStarted():
                self._called(event)
            case StepFinished() | StepSkipped() | StepFailed():
                self._ended(event)
            case AskOpened():
                self._opened(event)
            case RunFinished() | RunFailed():
                self._concluded(event)
            case _:
                pass

    async def flush(self) -> None:
        """Nothing is kept."""

    def answer(self) -> tuple[AttemptFinished | None, Trail]:
        """What was answered to the request that was written down last."""
        assert self.asking is not None, "a request is written down before it is sent"
        path = self.asking.path
        asked = self.answering.get(path)
        return (asked.ended if asked is not None else None), self.record.at(path)

    def next_decision(self, path: str) -> Decided | None:
        """What was decided at the place where an instance is now."""
        trail = self.record.at(path)
        number = self.told.get(path, 0)
        return trail.decided[number] if number < len(trail.decided) else None

    def _tried_again(self, event: StepStarted | Ended) -> None:
        """Of an instance that begins once more, or ends once more: the subworkflow around it is tried again."""
        path, begins = event.path, isinstance(event, StepStarted)
        if self.record.at(path).seen if path not in self.begun else begins:
            self.record.go_on(path)
            self.told.pop(path, None)
            self.answering.pop(path, None)
        if begins:
            self.begun.add(path)
        else:
            self.begun.discard(path)

    # -- one kind of event each

    def _asked(self, event: AttemptStarted) -> None:
        self.asking = event
        recorded = self.record.at(event.path).next(event)
        self.answering[event.path] = recorded
        what = f"request {event.attempt}"
        if recorded is not None:
            self.found.requests += 1
            began = recorded.began
            self.found.note(event.path, f"model of {what}", began.model, event.model)
            self.found.note(event.path, what, texts(began), texts(event))
        elif self._is_whole(event.path):
            self.found.note(event.path, what, None, texts(event))

    def _answered(self, event: AttemptFinished) -> None:
        asked = self.answering.get(event.path)
        if asked is None or asked.ended is None:
            return
        self.found.decisions += 1
        before, now = _verdict(asked.ended), _verdict(event)
        self.found.note(event.path, f"what was decided about answer {event.attempt}", before, now)

    def _decided(self, event: Decided) -> None:
        recorded = self.next_decision(event.path)
        number = self.told[event.path] = self.told.get(event.path, 0) + 1
        if recorded is None and not self._is_whole(event.path):
            return
        self.found.decisions += 1
        before = _choice(recorded) if recorded is not None else None
        self.found.note(event.path, f"decision {number}", before, _choice(event))

    def _called(self, event: CallStarted) -> None:
        began, _ = self.record.at(event.path).calls.get(event.call, (None, None))
        if began is None and not self._is_whole(event.path):
            return
        self.found.calls += 1
        before = _call(began) if began is not None else None
        self.found.note(event.path, f"call {event.call}", before, _call(event))

    def _opened(self, event: AskOpened) -> None:
        opened = self.record.at(event.path).opened
        if opened is None and not self._is_whole(event.path):
            return
        self.found.decisions += 1
        before = _question(opened) if opened is not None else None
        self.found.note(event.path, "question", before, _question(event))

    def _ended(self, event: Ended) -> None:
        self.seen.add(event.path)
        trail = self.record.at(event.path)
        trail.seen, recorded = True, trail.ended
        if recorded is None:
            if self.record.end is not None and isinstance(self.record.end, RunFinished):
                self.found.note(event.path, "how it ended", None, ending(event))
            return
        self.found.values += 1
        self.found.note(event.path, "how it ended", ending(recorded), ending(event))

    def _concluded(self, event: RunFinished | RunFailed) -> None:
        before = self.record.end
        if before is not None:
            self.found.note("", "result", _result(before), _result(event))

    def _is_whole(self, path: str) -> bool:
        """Whether the record would hold more of an instance, if there had been more."""
        return self.record.at(path).ended is not None or isinstance(self.record.end, RunFinished)

    # -- at the end

    def missing(self, *, complete: bool) -> Iterator[str]:
        """Instances that the record holds and that did not come to an end now; not those inside such ones."""
        gone = {
            path: None
            for path, trail in self.record.trails.items()
            if trail.ended is not None and path not in self.seen and path not in self.found.left_out
        }
        for path in gone:
            above = [path[:n] for n in range(1, len(path)) if path[n] in ".~@^#"]
            if not any(one in gone or one in self.found.left_out for one in above):
                if complete:
                    yield path
                else:
                    self.found.left_out[path] = STOPPED


def texts(event: AttemptStarted) -> list[dict[str, Any]]:
    return [{"role": message["role"], "content": message["content"]} for message in event.messages]


def _verdict(event: AttemptFinished) -> str:
    return f"{event.outcome}: {event.decision}"


def _choice(event: Decided) -> str:
    return f"{event.choice} ({event.rule})" + (f" {event.to}" if event.to else "")


def _call(event: CallStarted) -> dict[str, Any]:
    return {"tool": event.tool, "arguments": dict(event.arguments)}


def _question(event: AskOpened) -> dict[str, Any]:
    return {"question": event.question, "show": event.show, "choices": list(event.choices)}


def ending(event: Ended) -> Any:
    match event:
        case StepSkipped():
            return {"skipped": event.reason}
        case StepFailed():
            return {"failed": event.error_kind}
        case _:
            loop = {
                name: event.facts[name]
                for name in ("passes", "met")
                if "container" in event.facts and name in event.facts
            }
            went_on = {"went on after an error": True} if event.handled else {}
            return {"value": event.value, **loop, **went_on}


def _result(event: RunFinished | RunFailed) -> Any:
    if isinstance(event, RunFinished):
        return {"outputs": event.outputs}
    return {"failed": event.error_kind, "step": event.path}


__all__ = ["Comparing", "Comparison", "Difference", "ending", "texts"]
