"""A run told in lines: what is worth a line when it happens, and what runs right now. Writes nothing.

Ten thousand items are not ten thousand lines: of a large fan-out only failures and its end are told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias

from orchestrator.events import (
    AskOpened,
    AttemptFinished,
    Event,
    ModelReady,
    RunResumed,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report import words
from orchestrator.report.lines import said_wrong
from orchestrator.report.paths import instance
from orchestrator.report.summary import CONTAINERS, Summary, steps_done
from orchestrator.state import RunState, Span

Line: TypeAlias = tuple[str, tuple[str, ...]]
FEW = 20  # items of a fan-out that get a line each
FAILURES = 10  # failed items of a large fan-out that get a line each
SINCE = 2.0  # seconds before an estimate of the rest is made


@dataclass(slots=True)
class Fan:
    """A fan-out under way. Of a resumed run `before` items had ended when it went on."""

    items: int
    started: float
    done: int = 0
    skipped: int = 0
    failed: int = 0
    cached: int = 0
    tokens: int = 0
    tried_again: int = 0
    """Of `failed` those that a resumed run tries again."""
    before: int = 0

    @property
    def ended(self) -> int:
        return self.done + self.skipped + self.failed

    def take(self, event: StepFinished | StepSkipped | StepFailed) -> None:
        """An item has ended."""
        match event:
            case StepFinished():
                self.done += 1
                self.cached += event.cached
            case StepSkipped():
                self.skipped += 1
            case StepFailed():
                self.failed += 1
                self.tried_again += not event.kept

    def rest(self, now: float) -> float | None:
        """Seconds that the other items should take, when enough have finished to say so."""
        took, ended = now - self.started, self.ended - self.before
        if ended < 3 or took < SINCE or self.ended >= self.items:
            return None
        return took / ended * (self.items - self.ended)

    def resumed(self, at: float) -> None:
        """Another process goes on with it."""
        self.failed -= self.tried_again
        self.tried_again, self.before, self.started = 0, self.ended, at


class Story:
    """Folds events; `tell` gives the lines each of them is worth."""

    def __init__(self) -> None:
        self.state = RunState()
        self.summary = Summary()
        self._steps_done: set[str] = set()
        self._steps_inside: set[str] = set()
        self._fans: dict[str, Fan] = {}
        self._running: dict[str, Span] = {}

    def recall(self, events: Iterable[tuple[int, Event]]) -> None:
        """Take in what happened before this process went on with the run; nothing of it is told."""
        for seq, event in events:
            self._take(event, seq)
            self._forget(event)

    def tell(self, event: Event, seq: int | None = None) -> list[Line]:
        """Take the event in and give its lines as (text, styles)."""
        self._take(event, seq)
        lines = list(self._lines(event))
        self._forget(event)
        return lines

    def ended(self, event: Event) -> str:
        """The path whose live text is over with this event; empty when there is none."""
        return event.path if isinstance(event, AttemptFinished | StepFinished | StepFailed) else ""

    def headline(self, now: float, rate: float) -> str:
        """Steps done, time taken, tokens per second, what waits."""
        state = self.state
        total = f"/{state.steps:,}" if state.steps else ""
        parts = [
            f"{len(self._steps_done):,}{total} steps",
            words.seconds(self.summary.worked(now)) if state.run else "",
            f"{rate:,.0f} tok/s" if rate else "",
            words.count(state.completion_tokens, "token") if state.completion_tokens else "",
            f"{len(state.asks)} waiting for a person" if state.asks else "",
        ]
        return "… " + " · ".join(part for part in parts if part)

    def running(self, now: float, limit: int) -> list[tuple[str, str]]:
        """What runs now, fan-outs first, as (path, text)."""
        fans = [(path, _fan_line(path, fan, now)) for path, fan in self._fans.items() if fan.items > 1]
        spans = [
            (path, f"{path}  {span.model or span.verb}  {words.seconds(now - span.started)}")
            for path, span in islice(self._running.items(), limit)
            if path not in self._fans
        ]
        hidden = len(self._running) - len(self._fans) - len(spans)
        shown = (fans + spans)[:limit]
        return [*shown, ("", f"and {hidden:,} more")] if hidden > 0 and len(shown) < limit else shown

    # -------------------------------------------------------------------------------------- following

    def _take(self, event: Event, seq: int | None) -> None:
        self.state.apply(event, seq)
        if isinstance(event, RunStarted):
            self.state.inputs = {}  # a flood of items is held once, by the run itself
        self.summary.add(event)
        self._follow(event)

    def _follow(self, event: Event) -> None:
        match event:
            case StepStarted():
                if event.items is not None:
                    self._fans.setdefault(event.path, Fan(event.items, event.at))
                elif event.verb not in CONTAINERS:
                    self._running[event.path] = self.state.spans[event.path]
            case StepFinished() | StepSkipped() | StepFailed():
                self._running.pop(event.path, None)
                self._step_ended(event.path)
                if fan := self._fan_of(event.path):
                    fan.take(event)
            case AttemptFinished():
                for path in instance(event.path).above:
                    if path in self._fans:
                        self._fans[path].tokens += event.completion_tokens
            case RunResumed():
                self._running.clear()
                for fan in self._fans.values():
                    fan.resumed(event.at)
            case _:
                pass

    def _step_ended(self, path: str) -> None:
        """Count steps of the file: one inside a fan-out or a loop is done when that is."""
        where = instance(path)
        step = where.step
        if step != path:
            if where.merge is None and "@" not in path and "#" not in path:
                self._steps_inside.add(step)
            return
        self._steps_done.add(step)
        span = self.state.spans.get(path)
        if span is not None and (span.items is not None or span.verb == "steps"):
            within = {inner for inner in self._steps_inside if inner.startswith(f"{step}.")}
            self._steps_done |= within
            self._steps_inside -= within

    def _forget(self, event: Event) -> None:
        """Spans of items are not needed once they ended: memory stays flat over any number of items."""
        if not isinstance(event, StepFinished | StepSkipped | StepFailed):
            return
        if not isinstance(event, StepFailed) or event.kept:  # what failed for good goes on when it is resumed
            over = [path for path in self._fans if path == event.path or path.startswith(f"{event.path}.")]
            for path in over:
                del self._fans[path]
        where = instance(event.path)
        if where.above or where.merge is not None:
            self.state.spans.pop(event.path, None)

    def _fan_of(self, path: str) -> Fan | None:
        return self._fans.get(path.rpartition(".")[0]) if instance(path).item else None

    # ------------------------------------------------------------------------------------------ lines

    def _lines(self, event: Event) -> Iterator[Line]:
        match event:
            case ModelReady():
                yield _model_line(event)
            case StepFinished() if event.path in self._fans:
                fan = self._fans[event.path]
                yield _fan_end(event.path, fan, event.at), (("yellow",) if fan.failed else ("green",))
            case StepFinished() if self._worth_a_line(event.path):
                yield from self._finished(event)
            case StepSkipped() if self._worth_a_line(event.path):
                yield f"– {event.path}  skipped: {event.reason}", ("dim",)
            case StepFailed():
                yield from self._failed(event)
            case AttemptFinished() if event.decision == "repair" and self._worth_a_line(event.path):
                yield f"↻ {event.path}  again: {event.reason}", ("dim",)
            case AskOpened():
                yield f"? {event.path}  {event.question}", ("yellow",)
            case Warned():
                yield f"warning: {event.path + ': ' if event.path else ''}{event.message}", ("yellow",)
            case RunResumed():
                before = steps_done(self.summary)
                yield (
                    "resumed" + (f"; done before: {words.count(before, 'step')}" if before else ""),
                    ("dim",),
                )
            case _:
                pass

    def _worth_a_line(self, path: str) -> bool:
        where = instance(path)
        if where.merge is not None and where.merge >= FEW:
            return False
        return all(fan.items <= FEW for above in where.above if (fan := self._fans.get(above)))

    def _finished(self, event: StepFinished) -> Iterator[Line]:
        span = self.state.spans[event.path]
        inside = instance(event.path).step != event.path
        if span.verb in CONTAINERS or (span.verb == "value" and inside and not event.handled):
            return
        if span.verb == "ask" and not inside:
            took = words.seconds(self.summary.steps[event.path].seconds)
        else:
            took = words.seconds((span.ended or event.at) - span.started)
        parts = [event.path, span.model, "cached" if event.cached else took]
        if span.completion_tokens:
            parts.append(words.count(span.completion_tokens, "token"))
        if span.attempts > 1:
            parts.append(words.count(span.attempts, "attempt"))
        if event.handled:
            parts.append(f"went on after: {event.handled}")
        elif span.verb == "tool":
            parts.append(said_wrong(event.value))
        yield "✓ " + "  ".join(part for part in parts if part), ()

    def _failed(self, event: StepFailed) -> Iterator[Line]:
        fan = self._fan_of(event.path)
        if fan is None or fan.items <= FEW or fan.failed <= FAILURES:
            yield f"✗ {event.path}  {event.message}", (("yellow",) if event.kept else ("red",))
        elif fan.failed == FAILURES + 1:
            yield f"✗ {event.path}  {event.message} (further failed items are only counted)", ("red",)


def _fan_line(path: str, fan: Fan, now: float) -> str:
    rest = fan.rest(now)
    parts = [
        f"{path}  {fan.ended:,}/{fan.items:,}",
        f"{fan.failed:,} failed" if fan.failed else "",
        f"about {words.about(rest)} left" if rest is not None else "",
    ]
    return " · ".join(part for part in parts if part)


def _fan_end(path: str, fan: Fan, at: float) -> str:
    parts = [
        words.count(fan.items, "item"),
        f"{fan.skipped:,} skipped" if fan.skipped else "",
        f"{fan.failed:,} failed" if fan.failed else "",
        f"{fan.cached:,} cached" if fan.cached else "",
        words.seconds(at - fan.started),
        words.count(fan.tokens, "token") if fan.tokens else "",
    ]
    return f"✓ {path}  " + "  ".join(part for part in parts if part)


def _model_line(event: ModelReady) -> Line:
    where = "on this machine" if event.local else f"OFF this machine ({event.endpoint})"
    name = event.model if event.model == event.ref else f"{event.model} = {event.ref}"
    took = f" after {words.seconds(event.seconds)}" if event.seconds >= 0.1 else ""
    return f"· {name} ready{took}, {where}", (("dim",) if event.local else ("yellow",))
