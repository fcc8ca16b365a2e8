"""Every instance of a step of a run in columns, and the tree they form: what there is to be read. `trace.py` fills it.

Made for a hundred thousand spans: what ended stands in arrays of numbers. Knows no screen and no store.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Literal

from orch_tui.families import NOWHERE, Families
from orch_tui.names import Names, number_of
from orch_tui.naming import called
from orchestrator.report.summary import Summary
from orchestrator.state import RunState

Status = Literal["running", "asking", "done", "cached", "skipped", "failed", "stopped", "caught"]
STATUSES: tuple[Status, ...] = (
    "running", "asking", "done", "cached", "skipped", "failed", "stopped", "caught",
)  # fmt: skip
RUNNING, ASKING, DONE, CACHED, SKIPPED, FAILED, STOPPED, CAUGHT = range(8)
"""`stopped`: it was under way when the run ended; a resumed run does it again. `caught`: it failed, and what
`on_error` says stands in its place."""

LAST = re.compile(r"(\^\d+\.\d+|[.~@#][^.~@^#]+)$")
"""The name inside its parent that a path ends with."""


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


class Spans:
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
        if found := LAST.search(path):
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
