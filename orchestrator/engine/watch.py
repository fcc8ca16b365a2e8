"""Ends a wait that makes no progress. One timer per call, looked at only when it fires."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Watch:
    """A context that raises TimeoutError in its task after `idle` seconds without `progress()`, or after `wall`."""

    __slots__ = ("_deadline", "_end", "_fired", "_idle", "_loop", "_task", "_timer", "_wall")

    def __init__(self, idle: float, wall: float | None) -> None:
        self._idle = idle
        self._wall = wall
        self._fired = ""

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        now = self._loop.time()
        self._end = float("inf") if self._wall is None else now + self._wall
        self._deadline = now + self._idle
        self._timer = self._loop.call_at(min(self._deadline, self._end), self._look)

    def progress(self) -> None:
        """Something arrived: the silence begins anew."""
        self._deadline = self._loop.time() + self._idle

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._end:
            self._fire(f"took longer than its wall of {self._wall:g} s")
        elif now >= self._deadline:
            self._fire(f"was silent for {self._idle:g} s")
        else:
            self._timer = self._loop.call_at(min(self._deadline, self._end), self._look)

    def _fire(self, why: str) -> None:
        self._fired = why
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if self._fired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise TimeoutError(self._fired) from None
