"""A run out of another one: what that one finished and what is not anew begins the record of the new run.

Two readings of the record: the first notes how its instances ended (`looked`), of which `survey` makes out what stands; the
second gives the events that the new run begins with (`Survey.begins_with`). Neither holds any event: there may be
a hundred thousand. What is taken over costs nothing: no call of a model is in the new record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from orchestrator.engine.made_of import made_of
from orchestrator.engine.places import Hop, place
from orchestrator.engine.reach import Anew, Causes, Standing, reach
from orchestrator.engine.record import step_of
from orchestrator.engine.recover import Called
from orchestrator.errors import UsageError
from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AskOpened,
    CallFinished,
    CallStarted,
    Event,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.graph.model import Graph, all_nodes

_SIGN = re.compile(r"[.~@^#]")
Ended = StepFinished | StepSkipped | StepFailed
NOT_KEPT = "its value was not kept"
UNFINISHED, FAILED = "was not finished", "failed"
_ENDINGS = ("step.finished", "step.skipped", "step.failed")
_CALLS = ("call.started", "call.finished")
LOOKED_AT = ("run.started", *_ENDINGS, *_CALLS, "ask.answered")
"""The kinds of events that the first reading needs."""
TAKEN_OVER = ("step.started", *_ENDINGS, *_CALLS, "ask.opened", "ask.answered")
"""The kinds of events that the second reading needs."""
RECENT = 4096
"""Instances of which it is known for a while how they stand: several events of one follow each other."""
Odd = Literal["withheld", "failed", "container"]
"""Of an instance that ended: its value was not kept, it has none, or it is made of its steps' values."""


@dataclass(slots=True)
class Looked:
    """What of a record matters for any run out of it."""

    started: RunStarted | None = None
    last: dict[str, int] = field(default_factory=dict)
    """By instance, in the order in which they ended for the last time: the number of that event."""
    odd: dict[str, Odd] = field(default_factory=dict)
    calls: dict[str, dict[int, Called]] = field(default_factory=dict)
    """Calls with an effect `once`."""
    answered: set[str] = field(default_factory=set)

    def take(self, seq: int, event: Event) -> None:
        match event:
            case StepFinished() | StepSkipped() | StepFailed():
                self._ended(seq, event)
            case AskAnswered() if event.choice:
                self.answered.add(event.path)
            case CallStarted() if event.effects == "once":
                self.calls.setdefault(event.path, {})[event.call] = Called(event)
            case CallFinished():
                called = self.calls.get(event.path, {}).get(event.call)
                if called is not None:
                    called.ended = event
            case RunStarted():
                self.started = event
            case _:
                pass

    def _ended(self, seq: int, event: Ended) -> None:
        if event.path in self.last:
            del self.last[event.path]
            self.odd.pop(event.path, None)
        self.last[event.path] = seq
        if odd := _odd(event):
            self.odd[event.path] = odd


def looked(record: Iterable[tuple[int, Event]]) -> Looked:
    """The first reading."""
    found = Looked()
    for seq, event in record:
        found.take(seq, event)
    return found


def changes(graph: Graph, started: RunStarted) -> dict[str, str]:
    """The steps that are not what they were when the run began, by path, with the reason. Raises UsageError."""
    if graph.digest == started.source and not _replaced(graph, started):
        return {}
    before = started.options.get("made_of")
    if not isinstance(before, Mapping):
        raise UsageError(
            f"{graph.file} is not what it was, and run {started.run} does not say of which steps it was made",
            hint=f"start a new run: orch run {graph.file}",
        )
    now = made_of(graph)
    return {path: "changed" if path in before else "is new" for path in now if now[path] != before.get(path)}


def _replaced(graph: Graph, started: RunStarted) -> bool:
    """Whether a model stands in for another one than in that run (`-m`)."""
    before = started.options.get("made_of")
    return isinstance(before, Mapping) and dict(before) != made_of(graph)


@dataclass(slots=True)
class Survey:
    """What of a run stands. `reused` counts instances with a value of their own by step, `anew` says of steps why they
    run again; `once` are calls with an effect that will be made again, with the path of their instance."""

    run: str
    graph: Graph
    causes: Causes
    anew: Anew
    reused: Counter[str] = field(default_factory=Counter)
    again: dict[str, str] = field(default_factory=dict)
    """Instances whose steps stand, and which run again all the same, with the reason."""
    once: list[tuple[str, str]] = field(default_factory=list)
    _known: Looked = field(default_factory=Looked)
    _standing: dict[str, Standing] = field(default_factory=dict)

    def stands(self, path: str) -> Standing:
        found = self._standing.get(path)
        if found is None:
            if len(self._standing) >= RECENT:
                self._standing.clear()
            found = self._standing[path] = self.anew.stands(path)
        return found

    def reasons(self) -> dict[str, str]:
        """Everything that runs anew, and why, in the order of the file."""
        found, order = {**dict(self.anew.reasons()), **self.again}, _order(self.graph)
        return dict(sorted(found.items(), key=lambda pair: order.get(step_of(pair[0]), len(order))))

    def count(self) -> None:
        """What the whole record says: what is taken over, calls that will happen twice, steps that it never came to."""
        for path in self._known.last:
            self._count(path)
        for path, calls in self._known.calls.items():
            if self.stands(path) == "anew":
                self.once += [(path, called.began.tool) for called in calls.values() if called.counts]
        self.again = {
            path: why
            for path, why in self.again.items()
            if why != FAILED or not any(map(self._has_value, _above(path)))
        }
        for node in self.graph.scope.nodes:
            if node.name not in self.anew.whole and node.name not in self._known.last:
                self.again.setdefault(node.name, UNFINISHED)

    def _count(self, path: str) -> None:
        if self.stands(path) != "kept":
            return
        match self._known.odd.get(path):
            case "withheld":
                self.again[path] = NOT_KEPT
            case "failed":
                self.again[path] = FAILED
            case "container":
                pass
            case None:
                if not _is_part(path):
                    self.reused[step_of(path)] += 1

    def _has_value(self, path: str) -> bool:
        """Whether this instance stands with a value: what failed inside it has something in its place."""
        ended = path in self._known.last and self._known.odd.get(path) not in ("withheld", "failed")
        return ended and self.stands(path) == "kept"

    # --------------------------------------------------------------------------------- the second reading

    def begins_with(self, events: Iterable[tuple[int, Event]], at: float) -> Iterator[Event]:
        """The events of the record that the new run begins with, as its own; `at` is when it begins."""
        began: set[str] = set()
        for seq, event in events:
            match event:
                case StepStarted() if event.path not in began and self._begins(event):
                    began.add(event.path)
                    yield replace(event, at=at)
                case StepFinished() | StepSkipped() | StepFailed():
                    if self._known.last[event.path] == seq and self._is_taken(event):
                        yield self._taken(event, at)
                case AskOpened() | AskAnswered() if self._is_answered(event):
                    yield replace(event, at=at)
                case CallStarted() | CallFinished():
                    yield from self._called(event, at)
                case _:
                    pass

    def _begins(self, event: StepStarted) -> bool:
        stands, contains = (
            self.stands(event.path),
            event.items is not None or event.verb in ("steps", "workflow"),
        )
        if stands == "reopened":
            return contains
        return stands == "kept" and (
            contains or (event.path in self._known.last and not self._runs_again(event.path))
        )

    def _runs_again(self, path: str) -> bool:
        return path in self.again

    def _is_taken(self, event: Ended) -> bool:
        return self.stands(event.path) == "kept" and not self._runs_again(event.path)

    def _taken(self, event: Ended, at: float) -> Event:
        if not isinstance(event, StepFinished) or _is_container(event):
            return replace(event, at=at)
        run = event.facts.get(TAKEN, self.run)
        return replace(event, at=at, cached=True, facts={**event.facts, TAKEN: run})

    def _is_answered(self, event: AskOpened | AskAnswered) -> bool:
        if event.path not in self._known.answered or self.stands(event.path) != "kept":
            return False
        return isinstance(event, AskOpened) or bool(event.choice)

    def _called(self, event: CallStarted | CallFinished, at: float) -> Iterator[Event]:
        """Of a call what still matters: an effect that was had once, and the files that were made."""
        if self.stands(event.path) != "kept":
            return
        taken = event.path in self._known.last and not self._runs_again(event.path)
        called = self._known.calls.get(event.path, {}).get(event.call)
        if not taken and called is not None and called.counts:
            yield replace(event, at=at)
        elif taken and isinstance(event, CallFinished) and event.artifacts:
            yield replace(
                event, at=at, call=0, value=None, seconds=0.0, message=f"taken over from run {self.run}"
            )


def survey(graph: Graph, known: Looked, *, at: str = "", inputs: Iterable[str] = ()) -> Survey:
    """What of a run stands, when it begins again at a step, with other values of these inputs, and with this file.

    Raises UsageError.
    """
    started = known.started
    assert started is not None, "the first event of every run is that it started"
    way: tuple[Hop, ...] = place(graph, at) if at else ()
    causes = Causes(way, frozenset(inputs), changes(graph, started))
    found = Survey(started.run, graph, causes, reach(graph, causes), _known=known)
    _refuse_unknown_item(started.run, known, at, way)
    found.count()
    return found


def _refuse_unknown_item(run: str, known: Looked, at: str, way: tuple[Hop, ...]) -> None:
    exact = any(hop.item is not None or hop.turn is not None for hop in way)
    if exact and not any(path == at or path.startswith((f"{at}.", f"{at}~")) for path in known.last):
        raise UsageError(
            f"run {run} has no finished '{at}'",
            hint=f"see its items: orch show {run} {step_of(at)}",
        )


def _odd(event: Ended) -> Odd | None:
    if isinstance(event, StepFinished) and "kept" in event.facts:
        return "withheld"
    if isinstance(event, StepFailed) and not event.kept:
        return "failed"
    return "container" if _is_container(event) else None


def _is_container(event: Ended) -> bool:
    return isinstance(event, StepFinished) and "container" in event.facts and not event.handled


def _is_part(path: str) -> bool:
    return any(sign in path for sign in "@^#")


def _order(graph: Graph) -> dict[str, int]:
    return {node.path: number for number, node in enumerate(all_nodes(graph.scope))}


def _above(path: str) -> Iterator[str]:
    """Everything an instance lies in."""
    return (path[: sign.start()] for sign in _SIGN.finditer(path))


__all__ = ["LOOKED_AT", "TAKEN_OVER", "Looked", "Survey", "changes", "looked", "survey"]
