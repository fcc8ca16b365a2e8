"""A run out of another one: what that one finished and what is not anew begins the record of the new run.

Two readings of the record: the first finds out what stands and what not (`survey`), the second gives the events that the
new run begins with (`Survey.begins_with`). What is taken over costs nothing: no call of a model is in the new record.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

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
    _last: dict[str, int] = field(default_factory=dict)
    """The number of the event that ended an instance for the last time."""
    _calls: dict[str, dict[int, Called]] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)
    _closed: set[str] = field(default_factory=set)
    """Instances with a value: what failed inside them has something in its place."""
    _standing: dict[str, Standing] = field(default_factory=dict)

    def stands(self, path: str) -> Standing:
        found = self._standing.get(path)
        if found is None:
            found = self._standing[path] = self.anew.stands(path)
        return found

    def reasons(self) -> dict[str, str]:
        """Everything that runs anew, and why, in the order of the file."""
        found, order = {**dict(self.anew.reasons()), **self.again}, _order(self.graph)
        return dict(sorted(found.items(), key=lambda pair: order.get(step_of(pair[0]), len(order))))

    # ---------------------------------------------------------------------------------- the first reading

    def look(self, seq: int, event: Event) -> None:
        """Take one event of the record in."""
        match event:
            case StepFinished() | StepSkipped() | StepFailed():
                self._last[event.path] = seq
            case AskAnswered() if event.choice:
                self._answered.add(event.path)
            case CallStarted():
                self._calls.setdefault(event.path, {})[event.call] = Called(event)
            case CallFinished():
                called = self._calls.get(event.path, {}).get(event.call)
                if called is not None:
                    called.ended = event
            case _:
                pass

    def count(self, seq: int, event: Event) -> None:
        """What an event means, once all of them are known."""
        if isinstance(event, StepFinished | StepSkipped | StepFailed) and self._last.get(event.path) == seq:
            self._count(event)

    def _count(self, event: Ended) -> None:
        if self.stands(event.path) != "kept":
            return
        if _withheld(event):
            self.again[event.path] = NOT_KEPT
            return
        if isinstance(event, StepFailed) and not event.kept:
            self.again[event.path] = FAILED
            return
        self._closed.add(event.path)
        if not _is_container(event) and not _is_part(event.path):
            self.reused[step_of(event.path)] += 1

    def conclude(self) -> None:
        """What the whole record says: calls that will happen twice, and steps that the run never came to."""
        for path, calls in self._calls.items():
            if self.stands(path) == "anew":
                self.once += [(path, called.began.tool) for called in calls.values() if called.counts]
        self.again = {
            path: why
            for path, why in self.again.items()
            if why != FAILED or not self._closed & set(_above(path))
        }
        for node in self.graph.scope.nodes:
            stands = node.name not in self.anew.whole and node.name not in self.anew.parts
            if stands and node.name not in self._last:
                self.again.setdefault(node.name, UNFINISHED)

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
                    if self._last[event.path] == seq and self._is_taken(event):
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
            contains or (event.path in self._last and not self._runs_again(event.path))
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
        if event.path not in self._answered or self.stands(event.path) != "kept":
            return False
        return isinstance(event, AskOpened) or bool(event.choice)

    def _called(self, event: CallStarted | CallFinished, at: float) -> Iterator[Event]:
        """Of a call what still matters: an effect that was had once, and the files that were made."""
        if self.stands(event.path) != "kept":
            return
        taken = event.path in self._last and not self._runs_again(event.path)
        called = self._calls.get(event.path, {}).get(event.call)
        if not taken and called is not None and called.counts:
            yield replace(event, at=at)
        elif taken and isinstance(event, CallFinished) and event.artifacts:
            yield replace(
                event, at=at, call=0, value=None, seconds=0.0, message=f"taken over from run {self.run}"
            )


def survey(
    graph: Graph,
    started: RunStarted,
    record: Sequence[tuple[int, Event]],
    *,
    at: str = "",
    inputs: Iterable[str] = (),
) -> Survey:
    """What of a run stands, when it begins again at a step, with other values of these inputs, and with this file.

    Raises UsageError.
    """
    way: tuple[Hop, ...] = place(graph, at) if at else ()
    causes = Causes(way, frozenset(inputs), changes(graph, started))
    found = Survey(started.run, graph, causes, reach(graph, causes))
    for seq, event in record:
        found.look(seq, event)
    for seq, event in record:
        found.count(seq, event)
    _refuse_unknown_item(found, at, way)
    found.conclude()
    return found


def _refuse_unknown_item(found: Survey, at: str, way: tuple[Hop, ...]) -> None:
    exact = any(hop.item is not None or hop.turn is not None for hop in way)
    if exact and not any(path == at or path.startswith((f"{at}.", f"{at}~")) for path in found._last):
        raise UsageError(
            f"run {found.run} has no finished '{at}'",
            hint=f"see its items: orch show {found.run} {step_of(at)}",
        )


def _withheld(event: Ended) -> bool:
    return isinstance(event, StepFinished) and "kept" in event.facts


def _is_container(event: Ended) -> bool:
    return isinstance(event, StepFinished) and "container" in event.facts and not event.handled


def _is_part(path: str) -> bool:
    return any(sign in path for sign in "@^#")


def _order(graph: Graph) -> dict[str, int]:
    return {node.path: number for number, node in enumerate(all_nodes(graph.scope))}


def _above(path: str) -> Iterator[str]:
    """Everything an instance lies in."""
    return (path[: sign.start()] for sign in _SIGN.finditer(path))


__all__ = ["Survey", "changes", "survey"]
