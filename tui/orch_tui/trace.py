"""A run as the screen needs it: a fold over events that fills the columns of `spans.py`, and the totals.

Of what runs there are objects (`state.spans`), of what ended only numbers. Knows no screen and no store.
"""

from __future__ import annotations

import sys
from array import array
from math import inf, nan

from orch_tui.families import NOWHERE
from orch_tui.spans import (
    ASKING,
    CACHED,
    CAUGHT,
    DONE,
    FAILED,
    LAST,
    RUNNING,
    SKIPPED,
    STATUSES,
    STOPPED,
    Spans,
    Status,
    Try,
)
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

UNASKED = "not asked any more"
"""The note of a question that was open when the run ended."""


class Trace(Spans):
    """Spans that grow with every event."""

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
        found = LAST.search(path)
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
