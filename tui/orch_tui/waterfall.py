"""When something happened, as a bar in a few cells: every attempt a segment of its own. Knows no screen.

The time in which nobody worked on a run takes no room.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from orch_tui.text import Role, Row
from orch_tui.trace import ASKING, CACHED, CAUGHT, FAILED, NOWHERE, RUNNING, STOPPED, Trace, Try

STEPS = 16
"""While a run goes on its axis grows in so many steps per doubling: else every bar would change all the time."""


class Segment(NamedTuple):
    """From when to when, in seconds of the wall clock; `glyph` tells what it is without colour."""

    start: float
    end: float
    glyph: str
    role: Role


@dataclass(frozen=True, slots=True)
class Axis:
    """All of the run's time, 0 to 1."""

    trace: Trace
    length: float

    @classmethod
    def of(cls, trace: Trace, now: float, *, growing: bool) -> Axis:
        length = trace.worked(trace.begun, now) if trace.begun <= now else 0.0
        if growing and length > 0:
            step = 2.0 ** math.floor(math.log2(length)) / STEPS
            length = math.ceil(length / step) * step
        return cls(trace, length)

    def at(self, moment: float) -> float:
        if self.length <= 0:
            return 0.0
        return min(1.0, self.trace.worked(self.trace.begun, moment) / self.length)


def bar(segments: Iterable[Segment], axis: Axis, width: int) -> Row:
    """The segments in `width` cells; one that begins where another ended begins with a gap."""
    if width <= 0:
        return ()
    cells: list[tuple[str, Role]] = [(" ", "track")] * width
    used = NOWHERE
    for one in segments:
        first = min(width - 1, int(axis.at(one.start) * width))
        last = max(first, math.ceil(axis.at(one.end) * width) - 1)
        for cell in range(first, last + 1):
            cells[cell] = (one.glyph, one.role)
        if used in (first - 1, first) and used != NOWHERE and last > first:
            cells[first] = ("╺", one.role)
        used = last
    return tuple(
        ("".join(glyph for glyph, _ in run), role) for role, run in groupby(cells, key=lambda cell: cell[1])
    )


def segments_of(trace: Trace, span: int, now: float) -> list[Segment]:
    """A span's attempts, with the time it waited before the first; or all of its time as one."""
    start, ended = trace.started[span], trace.ended[span]
    end = now if ended != ended else ended
    tries = trace.tries.get(span)
    if trace.queued(span):
        return [Segment(start, end, "─", "track")]
    if not tries:
        return [Segment(start, end, *_LOOKS.get(trace.status[span], ("━", "good")))]
    first = [Segment(start, tries[0].started, "─", "track")] if tries[0].started > start else []
    return [*first, *(segment_of(one, end) for one in tries)]


def segment_of(one: Try, now: float) -> Segment:
    """One attempt; `now` is its end while it has none."""
    if one.ended is None:
        return Segment(one.started, max(one.started, now), "━", "run")
    if not one.decision:
        return Segment(one.started, one.ended, *_LOOKS[STOPPED])
    kept = one.decision == "keep"
    return Segment(one.started, one.ended, "━" if kept else "┅", "good" if kept else "bad")


_LOOKS: dict[int, tuple[str, Role]] = {
    RUNNING: ("━", "run"),
    ASKING: ("┄", "ask"),
    CACHED: ("━", "dim"),
    FAILED: ("┅", "bad"),
    CAUGHT: ("┅", "warn"),
    STOPPED: ("┅", "dim"),
}
