"""Time on a line: the hours in which nobody worked on a run become short, and ticks stand at round numbers."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

KEPT = 0.03
"""What a gap takes at most, as a share of the time that was worked."""
STEPS = (
    0.001,
    0.002,
    0.005,
    0.01,
    0.02,
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
)
HOUR = 3600


class Scale:
    """Wall-clock seconds to seconds on the line and back. Both grow with each other; outside the run they go on.

    `gaps` are from when to when nobody worked, in order; each takes at most `kept` seconds on the line.
    """

    def __init__(self, begun: float, gaps: Sequence[tuple[float, float]] = (), kept: float = 0.0) -> None:
        self.begun = begun
        self.gaps = gaps
        self._before = [before for before, _ in gaps]
        self._left: list[float] = []
        """Where each gap begins on the line."""
        self._size: list[float] = []
        """How much of the line it takes."""
        at, wall = 0.0, begun
        for before, after in gaps:
            at += before - wall
            self._left.append(at)
            self._size.append(min(kept, after - before))
            at += self._size[-1]
            wall = after

    @classmethod
    def of(cls, begun: float, gaps: Sequence[tuple[float, float]], now: float) -> Scale:
        """For a run up to now."""
        worked = max(0.0, now - begun - sum(after - before for before, after in gaps))
        return cls(begun, gaps, max(1.0, worked * KEPT))

    def at(self, wall: float) -> float:
        place = bisect_right(self._before, wall) - 1
        if place < 0:
            return wall - self.begun
        before, after = self.gaps[place]
        if wall >= after:
            return self._left[place] + self._size[place] + wall - after
        return self._left[place] + (wall - before) * self._size[place] / (after - before)

    def wall(self, at: float) -> float:
        place = bisect_right(self._left, at) - 1
        if place < 0:
            return self.begun + at
        inside, size = at - self._left[place], self._size[place]
        before, after = self.gaps[place]
        if inside >= size:
            return after + inside - size
        return before + inside * (after - before) / size

    def short(self) -> Iterator[tuple[float, float, float]]:
        """The gaps that are drawn shorter than they were: where on the line they begin, end, and their true seconds."""
        for (before, after), left, size in zip(self.gaps, self._left, self._size, strict=True):
            if size < after - before:
                yield left, left + size, after - before


def step_of_ticks(length: float, room: int) -> float:
    """Seconds between ticks so that at most `room` of them lie on so many seconds."""
    least = length / max(1, room)
    for step in STEPS:
        if step >= least:
            return step
    step = HOUR
    while step < least:
        step *= 2
    return float(step)


def tick_words(seconds: float, step: float) -> str:
    """A moment since the start: `0.5 s`, `40 s`, `1:30`, `2:05:00`; no finer than the ticks."""
    if step < 1:
        places = 1 if step >= 0.1 else 2 if step >= 0.01 else 3
        if seconds < 60:
            return f"{seconds:.{places}f} s"
        return f"{int(seconds) // 60}:{seconds % 60:0{places + 3}.{places}f}"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // 60}:{whole % 60:02d}"
    return f"{whole // HOUR}:{whole % HOUR // 60:02d}:{whole % 60:02d}"
