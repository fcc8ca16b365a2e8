"""Ends waits that make no progress, and answers that have no end. One timer for all calls of a run, armed for the
earliest deadline only.
"""

from __future__ import annotations

import asyncio
from time import monotonic
from types import TracebackType

from orchestrator.errors import ProviderError
from orchestrator.messages import Request
from orchestrator.ports import Live

_NEVER = float("inf")
CHARACTERS, SLACK = 16, 64
"""A generous size of a token, and of what may come in addition, before an answer counts as endless."""
LEAST = CHARACTERS // 4
"""What a piece counts as, however short it is."""


class Watchdog:
    """Keeps the running waits and the timer. Belongs to one event loop."""

    __slots__ = ("_loop", "_timer", "armed", "watches")

    def __init__(self) -> None:
        self.watches: set[Watch] = set()
        self.armed = _NEVER
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def arm(self, when: float, loop: asyncio.AbstractEventLoop) -> None:
        """Look at the waits at this time of the monotonic clock."""
        self.close()
        self.armed = when
        self._loop = loop
        self._timer = loop.call_later(when - monotonic(), self._look)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        assert self._loop is not None
        now = monotonic()
        self.armed = _NEVER
        for watch in self.watches:
            watch.end_if_late(now)
        earliest = min((watch.deadline for watch in self.watches if not watch.fired), default=_NEVER)
        if earliest < _NEVER:
            self.arm(earliest, self._loop)


class Watch:
    """The context of one call: raises ProviderError in its task after the request's `idle` seconds without a piece of
    the answer, or after its `wall`. Called with each piece, it shows it, and raises when there are far too many.
    """

    __slots__ = (
        "_dog",
        "_end",
        "_idle",
        "_live",
        "_model",
        "_path",
        "_request",
        "_room",
        "_task",
        "deadline",
        "fired",
    )

    def __init__(self, dog: Watchdog, request: Request, live: Live, path: str, model: str) -> None:
        self._dog = dog
        self._request = request
        self._live = live
        self._path = path
        self._model = model
        self.fired = ""

    def __enter__(self) -> Watch:
        request, dog = self._request, self._dog
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        self._task = task
        self._room = CHARACTERS * (request.max_tokens + SLACK)
        self._idle = idle = request.idle
        now = monotonic()
        self._end = end = _NEVER if request.wall is None else now + request.wall
        self.deadline = deadline = now + idle if now + idle < end else end
        dog.watches.add(self)
        if deadline < dog.armed:
            dog.arm(deadline, loop)
        return self

    def __call__(self, text: str) -> None:
        """Something arrived: the silence begins anew."""
        size = len(text)
        self._room -= size if size > LEAST else LEAST
        if self._room < 0:
            raise self._endless()
        deadline = monotonic() + self._idle
        self.deadline = deadline if deadline < self._end else self._end
        self._live(self._path, text)

    def end_if_late(self, now: float) -> None:
        if now < self.deadline or self.fired:
            return
        wall = self._request.wall
        late = wall is not None and now >= self._end
        self.fired = (
            f"took longer than its wall of {wall:g} s" if late else f"was silent for {self._idle:g} s"
        )
        self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._dog.watches.discard(self)
        if self.fired and self._task.uncancel() <= 0 and kind is asyncio.CancelledError:
            raise self._late(self.fired) from None
        if isinstance(error, TimeoutError):  # the model's own
            raise self._late(str(error)) from None

    def _late(self, problem: str) -> ProviderError:
        hint = "raise `timeout` or `wall` of the step"
        return ProviderError("timeout", f"model '{self._model}' {problem}", hint=hint)

    def _endless(self) -> ProviderError:
        return ProviderError(
            "refused",
            f"model '{self._model}' goes on behind the {self._request.max_tokens} tokens it was asked for",
            hint="its server ignores the bound of the answer; use another server or model",
        )
