"""Looking again and again at something outside, while it is in sight. Knows neither what is looked at nor a widget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress


class Watch:
    """`pause` seconds lie between two looks, and `rest` times what a look takes: a slow one is not repeated at once."""

    def __init__(self, pause: float, *, rest: float = 0.0) -> None:
        self.pause = pause
        self.rest = rest
        self._wake = asyncio.Event()

    def wake(self) -> None:
        """Look now: it came in sight, or something was done to it."""
        self._wake.set()

    async def go_on(self, look: Callable[[], Awaitable[None]], in_sight: Callable[[], bool]) -> None:
        """Without end; whoever began it cancels it."""
        while True:
            began = time.monotonic()
            if in_sight():
                await look()
            spent = time.monotonic() - began
            # not `wait_for`: up to Python 3.11 it loses a cancellation that comes together with the wake
            with suppress(TimeoutError):
                async with asyncio.timeout(max(self.pause, self.rest * spent)):
                    await self._wake.wait()
            self._wake.clear()
