"""How fast text comes: pieces per second over the last seconds. A piece of a stream is one token with every local engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WINDOW = 3.0
"""Seconds over which it is measured."""


class Rate:
    """`clock` gives seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._times: deque[float] = deque()

    def add(self) -> None:
        now = self._clock()
        self._times.append(now)
        while self._times[0] < now - WINDOW:
            self._times.popleft()

    def per_second(self) -> float:
        now = self._clock()
        while self._times and self._times[0] < now - WINDOW:
            self._times.popleft()
        if len(self._times) < 2:
            return 0.0
        return len(self._times) / max(0.5, now - self._times[0])
