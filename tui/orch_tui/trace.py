"""A run as the screen needs it: every instance of a step in columns, the tree they form, the totals.

A fold over events, made for a hundred thousand spans: what ended stands in arrays of numbers, and only what runs is
kept as objects (`state.spans`). Knows no screen and no store.
"""

from __future__ import annotations

import re
import sys
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, nan
from typing import Literal

from orch_tui.families import NOWHERE, Families
from orch_tui.names import Names, number_of
from orch_tui.naming import called
from orchestrator.events import (
    TAKEN,
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.report.summary import Summary
from orchestrator.state import RunState

Status = Literal["running", "asking", "done", "cached", "skipped", "failed", "stopped", "caught"]
STATUSES: tuple[Status, ...] = (
    "running", "asking", "done", "cached", "skipped", "failed", "stopped", "caught",
)  # fmt: skip
RUNNING, ASKING, DONE, CACHED, SKIPPED, FAILED, STOPPED, CAUGHT = range(8)
"""`stopped`: it was under way when the run ended; a resumed run does it again. `caught`: it failed, and what
`on_error` says stands in its place."""

UNASKED = "not asked any more"
"""The note of a question that was open when the run ended."""
_LAST = re.compile(r"(\^\d+\.\d+|[.~@#][^.~@^#]+)$")


@dataclass(slots=True)
class Try:
    """One attempt of a span. `ended` is None while the model writes."""

    started: float
    model: str
    ended: float | None = None
    outcome: str = ""
    decision: str = ""
    """Empty when it was cut off."""
    reason: str = ""


class Trace:
    """Spans are numbered in the order in which they began; a number never changes. Times are wall-clock seconds.

    `parent[i]` is NOWHERE for a step of the file. A pass of a loop (`loop~2`) has no events of its own: it is there
    from the first of its steps on. `first[i]` and `last[i]` number the events between which all of its own lie.
    """

    def __init__(self) -> None:
        self.state = RunState()
        self.summary = Summary()
        self.names = Names()
        """With the separator: `triage`, `.3`, `~2`, `@tiny`, `^1.0`, `.draft`."""
        self.parent = array("i")
        self.place = array("i")
        """Which child of its parent it is."""
        self.status = array("B")
        self.started = array("d")
        self.ended = array("d")
        """nan while it runs."""
        self.called = array("d")
        """When its first attempt had a slot of its model; nan before."""
        self.first = array("i")
        self.last = array("i")
        self.tokens_in = array("i")
        self.tokens_out = array("i")
        self.tried = array("H")
        self._verbs = array("B")
        self._models = array("B")
        self._words: list[str] = [""]
        """Verbs and names of models, each once; 256 at most, the rest share the last."""
        self.roots = array("i")
        self.items: dict[int, int] = {}
        """Lengths of the lists of fan-outs."""
        self.counts: dict[int, array[int]] = {}
        """Of fan-outs: how many of their items are in each status, by its number."""
        self.notes: dict[int, str] = {}
        """Why it failed, was skipped, or went on after an error."""
        self.tries: dict[int, list[Try]] = {}
        """Attempts of spans that run or needed more than one."""
        self.failed: dict[int, None] = {}
        """What failed, in the order in which it did; groups that failed with a step of theirs too."""
        self.asked: dict[int, tuple[float, float]] = {}
        """Of questions when they were asked, and answered; nan before."""
        self.restarted: dict[int, float] = {}
        """When leaves began for the first time that a resumed run began again."""
        self.caught: dict[int, None] = {}
        """What failed and was caught by `on_error`."""
        self.taken: set[int] = set()
        """Steps whose value was taken over from another run."""
        self.begun = inf
        self.now = -inf
        """The time of the first and of the last event."""
        self.loads: list[tuple[str, float, float]] = []
        """Models as (name, load began, ready)."""
        self.decided: dict[tuple[str, str], int] = {}
        """How often what was decided by which rule, between this machine and bigger models."""
        self.raised: dict[str, int] = {}
        """Limits of the budget that were raised when it was resumed: `usd` in nano-dollars, `tokens`, `cloud_calls`."""
        self.waits_for = ""
        self.unknown: tuple[str, ...] = ()
        """What it waits for besides answers: a larger budget."""
        self.gaps: list[tuple[float, float]] = []
        """From when to when nobody worked on the run."""
        self._worked = -inf
        """When the last thing happened that somebody did who worked on the run."""
        self._families = Families()
        self._open: dict[str, int] = {}
        self._again: dict[str, int] = {}
        """What a resumed run begins once more, by path."""
        self._queued: set[int] = set()
        self._queues: dict[int, int] = {}
        """What waits for its model, and how many of them are inside of each parent."""
        self._numbered: dict[int, array[int]] = {}
        """Of fan-outs: the span of each item by its number, so that finding one costs nothing."""

    # -- reading

    def __len__(self) -> int:
        return len(self.names)

    def path(self, span: int) -> str:
        parts: list[str] = []
        while span != NOWHERE:
            parts.append(self.names[span])
            span = self.parent[span]
        return "".join(reversed(parts))

    def name(self, span: int) -> str:
        """What it is called inside its parent: `draft`, `3`, `pass 2`, `merge 1.0`, `@tiny`."""
        return called(self.names[span])

    def depth(self, span: int) -> int:
        depth = 0
        while (span := self.parent[span]) != NOWHERE:
            depth += 1
        return depth

    def order(self, span: int) -> tuple[int, ...]:
        """Sorts spans as the tree shows them."""
        places: list[int] = []
        while span != NOWHERE:
            places.append(self.place[span])
            span = self.parent[span]
        return tuple(reversed(places))

    @property
    def made_of(self) -> str:
        """The run that this one began with what was finished in it; empty when it began with nothing."""
        return self._forked("run")

    @property
    def made_at(self) -> str:
        """From which step on it ran anew."""
        return self._forked("at")

    def _forked(self, name: str) -> str:
        forked = self.state.options.get("forked")
        return str(forked.get(name) or "") if isinstance(forked, Mapping) else ""

    def children(self, span: int) -> Sequence[int]:
        """In the order in which they began; those of NOWHERE are the steps of the file."""
        return self.roots if span == NOWHERE else self._families.of(span)

    def has_children(self, span: int) -> bool:
        return bool(self.roots) if span == NOWHERE else self._families.any(span)

    def verb(self, span: int) -> str:
        return self._words[self._verbs[span]]

    def model(self, span: int) -> str:
        return self._words[self._models[span]]

    def status_of(self, span: int) -> Status:
        return STATUSES[self.status[span]]

    def live(self, span: int) -> bool:
        return self.status[span] <= ASKING

    def queued(self, span: int) -> bool:
        """Whether it waits for a slot of its model: it has begun, but nothing was sent."""
        return (
            self.status[span] == RUNNING
            and not self.tried[span]
            and self.verb(span) == "agent"
            and span not in self.items
            and not self._families.any(span)
        )

    def waiting(self, span: int) -> int:
        """How many spans right inside wait for their model."""
        return self._queues.get(span, 0)

    def seconds(self, span: int, now: float) -> float:
        """How long it took, or has taken so far, while somebody worked on the run; of a question, how long it is open."""
        ended = self.ended[span]
        if (asked := self.asked.get(span)) is not None:
            opened, answered = asked
            return max(0.0, (answered if answered == answered else now if ended != ended else ended) - opened)
        return self.worked(self.started[span], now if ended != ended else ended)

    def worked(self, start: float, end: float) -> float:
        """Seconds between two moments in which somebody worked on the run."""
        idle = sum(max(0.0, min(end, after) - max(start, before)) for before, after in self.gaps)
        return max(0.0, end - start - idle)

    def counted(self, span: int, *statuses: int) -> int:
        """How many items of a fan-out are in one of these statuses."""
        counts = self.counts.get(span)
        return sum(counts[status] for status in statuses) if counts is not None else 0

    def is_cloud(self, span: int) -> bool:
        ready = self.state.models.get(self.model(span))
        return ready is not None and not ready.local

    def find(self, path: str) -> int:
        """The span of this path, NOWHERE when it has not begun."""
        if (span := self._open.get(path, NOWHERE)) != NOWHERE:
            return span
        parent, name = NOWHERE, path
        if found := _LAST.search(path):
            parent, name = self.find(path[: found.start()]), found[0]
            if parent == NOWHERE:
                return NOWHERE
        if (number := number_of(name)) != NOWHERE and (numbered := self._numbered.get(parent)) is not None:
            return numbered[number] if number < len(numbered) else NOWHERE
        return next((child for child in self.children(parent) if self.names[child] == name), NOWHERE)

    def running(self) -> list[int]:
        """What is under way and has nothing under way inside, the newest last."""
        busy = set(self._open.values())
        outer = {self.parent[span] for span in busy}
        return [span for span in self._open.values() if span not in outer]

    # -- folding

    def take(self, event: Event, seq: int) -> int:
        """Take one event in, in the order of the log; returns the span it tells of, NOWHERE if of the run."""
        self.state.apply(event, seq)
        self.summary.add(event)
        before = self._worked
        if not isinstance(event, AskAnswered):  # somebody may answer while nobody works on it
            self._worked = max(before, event.at)
        if self.begun == inf:
            self.begun = event.at
        self.now = max(self.now, event.at)
        match event:
            case StepStarted():
                return self._began(event, seq)
            case AttemptStarted():
                span = self._at(event.path, event.at, seq)
                self._leave_queue(span)
                self._models[span] = self._word(event.model)
                if self.called[span] != self.called[span]:
                    self.called[span] = event.at
                self.tried[span] = min(event.attempt, 65535)
                self.tries.setdefault(span, []).append(Try(event.at, sys.intern(event.model)))
                return span
            case AttemptFinished():
                return self._answered(event, seq)
            case Decided():
                choice = event.choice, event.rule
                self.decided[choice] = self.decided.get(choice, 0) + 1
                return self._at(event.path, event.at, seq)
            case StepFinished():
                status = CAUGHT if event.handled else CACHED if event.cached else DONE
                span = self._end(event.path, event.at, seq, status, event.handled)
                if TAKEN in event.facts:
                    self.taken.add(span)
                return span
            case StepSkipped():
                return self._end(event.path, event.at, seq, SKIPPED, event.reason)
            case StepFailed():
                return self._end(event.path, event.at, seq, FAILED, event.message)
            case AskOpened():
                span = self._set(event.path, event.at, seq, ASKING)
                if self.verb(span) == "ask":  # others ask too, and work besides
                    self.asked[span] = event.at, nan
                return span
            case AskAnswered():
                span = self._set(event.path, event.at, seq, RUNNING)
                if span in self.asked:
                    self.asked[span] = self.asked[span][0], event.at
                return span
            case RunResumed():
                self.raised.update(event.budget)
                self.waits_for, self.unknown = "", ()
                self._resumed(before, event.at)
            case RunWaiting():
                self.waits_for, self.unknown = event.reason, event.unknown
            case RunFinished() | RunFailed() | RunInterrupted():
                self.stop(event.at)
            case ModelReady():
                self.loads.append((event.model, event.at - event.seconds, event.at))
            case _:
                pass  # of the run as a whole: `state` has it
        return NOWHERE

    def stop(self, at: float) -> None:
        """Nobody works on it any more: what is still open was cut off. Also for an owner that died without a word."""
        waits = self.state.status == "waiting"
        for path, span in list(self._open.items()):
            if self.status[span] == ASKING:
                if waits:
                    continue
                self.notes[span] = UNASKED
            del self._open[path]
            self._turn(span, STOPPED, at)
            self._cut(span, at)
            self._again[path] = span

    def _cut(self, span: int, at: float) -> None:
        """Nothing more is heard of attempts that have not ended."""
        for one in self.tries.get(span, ()):
            if one.ended is None:
                one.ended, one.outcome = max(at, one.started), "stopped"

    def _began(self, event: StepStarted, seq: int) -> int:
        span = self._again.pop(event.path, NOWHERE)
        if span == NOWHERE:
            span = self._open.get(event.path, NOWHERE)
        if span == NOWHERE:
            span = self._new(event.path, event.at, seq)
        else:
            self._begin_again(span, event.path, event.at)
        self._verbs[span] = self._word(event.verb)
        if event.path in self.state.asks:
            self._turn(span, ASKING)
        if event.items is not None:
            self._fan_out(span, event.items)
        if self.queued(span) and span not in self._queued:
            self._queued.add(span)
            self._queues[self.parent[span]] = self._queues.get(self.parent[span], 0) + 1
        return span

    def _leave_queue(self, span: int) -> None:
        """Something was sent, or it has an end or something inside."""
        if span in self._queued:
            self._queued.remove(span)
            parent = self.parent[span]
            self._queues[parent] -= 1
            if not self._queues[parent]:
                del self._queues[parent]

    def _fan_out(self, span: int, items: int) -> None:
        self.items[span] = items
        if span not in self.counts:
            counts = self.counts[span] = array("i", [0] * len(STATUSES))
            self._numbered[span] = array("i")
            for child in self.children(span):
                counts[self.status[child]] += 1
                self._number(child)

    def _number(self, span: int) -> None:
        """Note where an item of a fan-out is found."""
        numbered, number = self._numbered.get(self.parent[span]), self.names.number(span)
        if numbered is not None and number != NOWHERE:
            while len(numbered) <= number:
                numbered.append(NOWHERE)
            numbered[number] = span

    def _turn(self, span: int, status: int, ended: float = nan) -> None:
        """Give a span another status; its fan-out keeps count."""
        if (counts := self.counts.get(self.parent[span])) is not None:
            counts[self.status[span]] -= 1
            counts[status] += 1
        self._leave_queue(span)
        self.status[span], self.ended[span] = status, ended

    def _begin_again(self, span: int, path: str, at: float) -> None:
        self._turn(span, RUNNING)
        if (
            not self.children(span) and span not in self.asked
        ):  # a leaf does all of its work again, a group what is left
            self.restarted.setdefault(span, self.started[span])
            self.started[span] = at
        self.failed.pop(span, None)
        self.caught.pop(span, None)
        self.taken.discard(span)
        self.notes.pop(span, None)
        self._open[path] = span

    def _answered(self, event: AttemptFinished, seq: int) -> int:
        span = self._at(event.path, event.at, seq)
        self.tokens_in[span] += event.prompt_tokens
        self.tokens_out[span] += event.completion_tokens
        tries = self.tries.get(span)
        if tries:
            tries[-1].ended = event.at
            tries[-1].outcome, tries[-1].decision = sys.intern(event.outcome), sys.intern(event.decision)
            tries[-1].reason = sys.intern(event.reason)
        return span

    def _end(self, path: str, at: float, seq: int, status: int, note: str) -> int:
        span = self._at(path, at, seq)
        self._turn(span, status, at)
        self._cut(span, at)
        self._open.pop(path, None)
        self.state.spans.pop(path, None)
        if note:
            self.notes[span] = note
        if status == FAILED:
            self.failed[span] = None
        elif status == CAUGHT:
            self.caught[span] = None
        tries = self.tries.get(span)
        if tries is not None and len(tries) < 2 and status != FAILED:
            del self.tries[span]
        self._end_passes(span, at)
        return span

    def _end_passes(self, span: int, at: float) -> None:
        """Passes of a loop end with it, or with the next one."""
        if not self._families.any(span):
            return
        for child in self.children(span):
            if self.status[child] == RUNNING and self.names[child][0] == "~":
                self._turn(child, DONE, at)
                self._open.pop(self.path(child), None)

    def _set(self, path: str, at: float, seq: int, status: int) -> int:
        span = self._at(path, at, seq)
        self._turn(span, status, self.ended[span])
        return span

    def _at(self, path: str, at: float, seq: int) -> int:
        """The span an event tells of, with the event counted as its own."""
        span = self._open.get(path, NOWHERE)
        if span == NOWHERE:
            span = self.find(path)
        if span == NOWHERE:
            span = self._new(path, at, seq)
        self.last[span] = seq
        return span

    def _new(self, path: str, at: float, seq: int) -> int:
        found = _LAST.search(path)
        parent, name = (self._inside(path[: found.start()], at, seq), found[0]) if found else (NOWHERE, path)
        span = len(self.names)
        self.names.append(name)
        self.parent.append(parent)
        self.place.append(len(self.roots) if parent == NOWHERE else self._families.size(parent))
        self.status.append(RUNNING)
        self.started.append(at)
        self.ended.append(nan)
        self.called.append(nan)
        self.first.append(seq)
        self.last.append(seq)
        for numbers in (self.tokens_in, self.tokens_out, self.tried, self._verbs, self._models):
            numbers.append(0)
        self._families.add(parent, span)
        self._leave_queue(parent)
        if parent == NOWHERE:
            self.roots.append(span)
        if (counts := self.counts.get(parent)) is not None:
            counts[RUNNING] += 1
            self._number(span)
        self._open[path] = span
        return span

    def _inside(self, path: str, at: float, seq: int) -> int:
        """The parent of a new span; a pass of a loop is made with its first step, and ends the one before."""
        parent = self._open.get(path, NOWHERE)
        if parent == NOWHERE:
            parent = self._again.pop(path, NOWHERE)
            if parent != NOWHERE:
                self._begin_again(parent, path, at)
        if parent == NOWHERE:
            parent = self.find(path)
        if parent == NOWHERE:
            parent = self._new(path, at, seq)
            self._verbs[parent] = self._word("pass" if "~" in self.names[parent] else "steps")
            if self.names[parent][0] == "~" and self.parent[parent] != NOWHERE:
                for before in self.children(self.parent[parent])[:-1]:
                    if self.status[before] == RUNNING and self.names[before][0] == "~":
                        self._turn(before, DONE, at)
                        self._open.pop(self.path(before), None)
        return parent

    def _resumed(self, before: float, at: float) -> None:
        """Another process goes on: what did not end well begins once more."""
        self.stop(before)
        if at > before > -inf:
            self.gaps.append((before, at))
        for span in self.failed:
            self._again[self.path(span)] = span
        for path in self.state.asks:  # they are open still, and no event says it again
            self._ask_again(path)

    def _ask_again(self, path: str) -> None:
        span = self.find(path)
        if span != NOWHERE:
            self._again.pop(path, None)
            self._begin_again(span, path, self.started[span])
            self._turn(span, ASKING)

    def _word(self, word: str) -> int:
        if word in self._words:
            return self._words.index(word)
        if len(self._words) < 256:
            self._words.append(word)
        return len(self._words) - 1


__all__ = [
    "ASKING",
    "CACHED",
    "CAUGHT",
    "DONE",
    "FAILED",
    "NOWHERE",
    "RUNNING",
    "SKIPPED",
    "STATUSES",
    "STOPPED",
    "UNASKED",
    "Status",
    "Trace",
    "Try",
]
