"""Ends waits that make no progress. One timer for all calls of a run, armed for the earliest deadline only."""

from __future__ import annotations

import asyncio
from types import TracebackType

_NEVER = float("inf")


class Watchdog:
    """Keeps the running waits and the timer. Belongs to one event loop."""

    __slots__ = ("_armed", "_loop", "_timer", "watches")

    def __init__(self) -> None:
        self.watches: set[Watch] = set()
        self._armed = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, watch: Watch, loop: asyncio.AbstractEventLoop) -> None:
        self.watches.add(watch)
        if watch.deadline < self._armed:
            self._loop = loop
            self._arm(watch.deadline)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self, when: float) -> None:
        self.close()
        assert self._loop is not None
        self._armed = when
        self._timer = self._loop.call_at(when, self._look)

    def _look(self) -> None:
        assert self._loop is not None
        now = self._loop.time()
        self._armed = _NEVER
        for watch in self.watches:
            watch.end_if_late(now)
        earliest = min((watch.deadline for watch in self.watches if not watch.fired), default=_NEVER)
        if earliest < _NEVER:
            self._arm(earliest)


class Watch:
    """A context that raises TimeoutError in its task after `idle` seconds without `progress()`, or after `wall`."""

    __slots__ = ("_dog", "_end", "_idle", "_task", "_time", "_wall", "deadline", "fired")

    def __init__(self, dog: Watchdog, idle: float, wall: float | None) -> None:
        self._dog = dog
        self._idle = idle
        self._wall = wall
        self.fired = ""

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._time = loop.time
        now = self._time()
        self._end = _NEVER if self._wall is None else now + self._wall
        self.deadline = min(now + self._idle, self._end)
        self._dog.add(self, loop)

    def progress(self) -> None:
        """Something arrived: the silence begins anew."""
        self.deadline = min(self._time() + self._idle, self._end)

    def end_if_late(self, now: float) -> None:
        if now < self.deadline or self.fired:
            return
        late = self._wall is not None and now >= self._end
        self.fired = (
            f"took longer than its wall of {self._wall:g} s" if late else f"was silent for {self._idle:g} s"
        )
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dog.watches.discard(self)
        if self.fired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError(self.fired) from None
