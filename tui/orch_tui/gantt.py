"""What ran when, as bars in lanes: in a lane no two overlap, and there are as many lanes as ran at once.

Made for a hundred thousand bars: they come in the order in which they began and are never moved, and what lies in
a moment is found by bisection. Draws nothing.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import NamedTuple, TypeAlias

from orch_tui.trace import CACHED, CAUGHT, DONE, FAILED, NOWHERE, SKIPPED, Trace
from orchestrator.report.paths import step_of
from orchestrator.report.summary import CONTAINERS

MADE_OF_OTHERS = CONTAINERS | {"pass"}
PERSON = "a person"
ELSEWHERE = "no model"
CACHE = "cached"
MODELS = "models"


class Part(NamedTuple):
    """A bar before it has a lane: when it began and ended (inf while it runs), whose it is.

    `span` is NOWHERE for the loading of a model; `attempt` counts from 0, and numbers `Trace.loads` there.
    """

    start: float
    end: float
    group: tuple[str, int]
    span: int
    attempt: int


class Lane:
    """Bars one after the other. Only the last one can still run."""

    def __init__(self) -> None:
        self.starts = array("d")
        self.ends = array("d")
        self.spans = array("i")
        self.attempts = array("H")
        self.failed = array("i")
        """Which of the bars are the end of a span that failed."""
        self._busy = array("d", [0.0])
        """Seconds of all bars before each, of those that ended."""

    def __len__(self) -> int:
        return len(self.starts)

    def add(self, part: Part) -> int:
        self.starts.append(part.start)
        self.ends.append(inf)
        self.spans.append(part.span)
        self.attempts.append(part.attempt)
        bar = len(self.starts) - 1
        if part.end < inf:
            self.end(bar, part.end)
        return bar

    def end(self, bar: int, at: float) -> None:
        self.ends[bar] = max(at, self.starts[bar])
        if len(self._busy) == bar + 1:
            self._busy.append(self._busy[bar] + self.ends[bar] - self.starts[bar])

    def between(self, start: float, end: float) -> tuple[int, int]:
        """The bars that lie in a piece of time: from which to before which."""
        first = bisect_left(self.ends, start)
        while first < len(self.ends) and self.ends[first] == start and self.starts[first] < start:
            first += 1  # it ended where the piece begins
        return first, max(first, bisect_left(self.starts, end, first))

    def share(self, start: float, end: float, bars: tuple[int, int]) -> float:
        """How much of a piece of time its bars take, 0 to 1."""
        first, stop = bars
        edges = {first, stop - 1}
        busy = sum(max(0.0, min(self.ends[bar], end) - max(self.starts[bar], start)) for bar in edges)
        if stop - first > 2:
            busy += self._busy[stop - 1] - self._busy[first + 1]
        return min(1.0, busy / (end - start)) if end > start else 1.0

    def fail(self, bar: int) -> None:
        place = bisect_left(self.failed, bar)
        if self.failed[place : place + 1] != array("i", [bar]):
            insort(self.failed, bar)

    def failed_beside(self, at: float, step: int) -> int:
        """The failed bar that begins next at or behind (1) or before (-1) this moment; NOWHERE without one."""
        place = bisect_left(self.failed, bisect_left(self.starts, at))
        place = place if step > 0 else place - 1
        return self.failed[place] if 0 <= place < len(self.failed) else NOWHERE

    def failed_in(self, bars: tuple[int, int]) -> int:
        """How many of these bars failed."""
        return bisect_left(self.failed, bars[1]) - bisect_left(self.failed, bars[0])


@dataclass(slots=True)
class Group:
    """The lanes of a model or of a step."""

    lanes: list[Lane] = field(default_factory=list)
    _free: list[int] = field(default_factory=list)
    _ended: list[tuple[float, int]] = field(default_factory=list)
    """When lanes become free, the first of them first."""

    def place(self, part: Part) -> tuple[int, int]:
        """Give a bar the topmost lane that is free when it begins; returns lane and bar."""
        while self._ended and self._ended[0][0] <= part.start:
            heappush(self._free, heappop(self._ended)[1])
        number = self._take(part.start)
        bar = self.lanes[number].add(part)
        if part.end < inf:
            heappush(self._ended, (self.lanes[number].ends[bar], number))
        return number, bar

    def end(self, number: int, bar: int, at: float) -> None:
        lane = self.lanes[number]
        if lane.ends[bar] == inf:
            lane.end(bar, at)
            heappush(self._ended, (lane.ends[bar], number))

    def _take(self, start: float) -> int:
        late: list[int] = []
        found = NOWHERE
        while self._free and found == NOWHERE:
            number = heappop(self._free)
            ends = self.lanes[number].ends
            if not ends or ends[-1] <= start:
                found = number
            else:  # it came late: something that began after it is here already
                late.append(number)
        for number in late:
            heappush(self._free, number)
        if found == NOWHERE:
            self.lanes.append(Lane())
            found = len(self.lanes) - 1
        return found


Place: TypeAlias = tuple[Group, int, int]
"""Where a bar is: lane and number within a group."""


class Gantt:
    """The bars of a trace, grouped by model or by step. `update` takes in what is new."""

    def __init__(self, trace: Trace, *, by_step: bool = False) -> None:
        self.trace = trace
        self.by_step = by_step
        self.groups: dict[tuple[str, int], Group] = {}
        self._order: dict[str, None] = {}
        self._upto = 0
        """Spans that were looked at."""
        self._open: dict[int, dict[float, Place | None]] = {}
        """Where the bars of spans are that may still change, by when they began; None while they wait."""
        self._lost: set[int] = set()
        """Those of them that failed: nothing more comes of them unless the run is resumed."""
        self._waiting: list[Part] = []
        """Bars that begin after something that was not looked at yet."""
        self._loads = 0
        self._gaps = 0

    @property
    def done(self) -> float:
        """The share of the spans that were looked at."""
        return self._upto / len(self.trace) if len(self.trace) else 1.0

    def rows(self) -> list[tuple[str, int, Lane]]:
        """The lanes from top to bottom: the name of their group, their number in it."""
        found: list[tuple[str, int, Lane]] = []
        for name in sorted(self._order, key=lambda name: name == PERSON):
            for kind in (0, 1):
                group = self.groups.get((name, kind))
                for number, lane in enumerate(group.lanes if group is not None else ()):
                    found.append((name if not kind else f"{name} loading", number, lane))
        return found

    def update(self, seconds: float = 0.02) -> bool:
        """Take in what changed, and for about so long what was never looked at; true when something remains."""
        if len(self.trace.gaps) != self._gaps:  # a resumed run begins again what had failed
            self._gaps = len(self.trace.gaps)
            self._lost.clear()
        for span in [span for span in self._open if span not in self._lost]:
            self._look(span)
        self._look_at_loads()
        until = time.monotonic() + seconds
        while self._upto < len(self.trace) and (self._upto % 64 or time.monotonic() < until):
            self._look(self._upto)
            self._upto += 1
            if self._upto < len(self.trace):
                self._release(self.trace.restarted.get(self._upto, self.trace.started[self._upto]))
        if self._upto == len(self.trace):
            self._release(inf)
        return self._upto < len(self.trace)

    def _look(self, span: int) -> None:
        """The bars of a span: end those that ended; those that began wait for a lane."""
        known = self._open.setdefault(span, {})
        parts = {part.start: part for part in self._parts(span)}
        for start, place in known.items():
            if place is not None:
                group, lane, bar = place
                end = parts[start].end if start in parts else self._cut_off(start, max(parts, default=inf))
                if end < inf:
                    group.end(lane, bar, end)
        for start, part in parts.items():
            if start not in known:
                known[start] = None
                heappush(self._waiting, part)
        self._settle(span, known)

    def _settle(self, span: int, known: dict[float, Place | None]) -> None:
        """Nothing more comes of what is done and has all its bars in their lanes."""
        if None in known.values():
            return
        status = self.trace.status[span]
        if status == FAILED and known and (place := known[max(known)]) is not None:
            place[0].lanes[place[1]].fail(place[2])
        if status == FAILED:
            self._lost.add(span)
        if status in (DONE, CACHED, SKIPPED, CAUGHT):
            del self._open[span]

    def _release(self, bound: float) -> None:
        """Give lanes to the bars that began no later than anything that is not known yet."""
        waiting = self._waiting
        while waiting and waiting[0].start <= bound:
            part = heappop(waiting)
            group = self.groups.get(part.group)
            if group is None:
                group = self.groups[part.group] = Group()
                self._order.setdefault(part.group[0])
            place = (group, *group.place(part))
            if part.span != NOWHERE:
                known = self._open[part.span]
                known[part.start] = place
                if part.end == inf:  # it may have ended while it waited, and would keep its lane
                    self._look(part.span)
                else:
                    self._settle(part.span, known)

    def _parts(self, span: int) -> Iterator[Part]:
        trace = self.trace
        verb, status = trace.verb(span), trace.status[span]
        if verb in MADE_OF_OTHERS or span in trace.items or status == SKIPPED:
            return
        ended = trace.ended[span]
        end = inf if ended != ended else ended
        tries = trace.tries.get(span)
        if tries:
            for number, one in enumerate(tries):
                stop = one.ended if one.ended is not None else end
                if one.ended is None and number + 1 < len(tries):
                    stop = self._cut_off(one.started, tries[number + 1].started)
                yield Part(one.started, stop, self._group(span, one.model), span, number)
        elif trace.called[span] == trace.called[span]:
            yield Part(trace.called[span], end, self._group(span, trace.model(span)), span, 0)
        elif verb != "agent":
            yield Part(trace.started[span], end, self._group(span, ""), span, 0)
        elif status in (CACHED, FAILED, CAUGHT) and not trace.children(span):
            yield Part(end, end, self._group(span, ""), span, 0)

    def _cut_off(self, start: float, again: float) -> float:
        """When an attempt ended of which nothing was heard again."""
        return next(
            (before for before, after in self.trace.gaps if start <= before and after <= again), again
        )

    def _group(self, span: int, model: str) -> tuple[str, int]:
        verb = self.trace.verb(span)
        if verb == "ask":
            return PERSON, 0
        if self.by_step:
            return step_of(self.trace.path(span)), 0
        if model:
            return model, 0
        return (CACHE if self.trace.status[span] == CACHED else ELSEWHERE), 0

    def _look_at_loads(self) -> None:
        loads = self.trace.loads
        for number in range(self._loads, len(loads)):
            model, began, ready = loads[number]
            heappush(
                self._waiting, Part(began, ready, (MODELS if self.by_step else model, 1), NOWHERE, number)
            )
        self._loads = len(loads)
