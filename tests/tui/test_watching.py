"""Looking at something again and again: when, and when not."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from orch_tui.watching import Watch


def watched(
    watch: Watch, looks: int, *, seen: bool = True, takes: float = 0.0, wake: bool = False
) -> list[float]:
    """When it was looked, until that was so often or a second was over."""
    times: list[float] = []

    async def look() -> None:
        times.append(time.monotonic())
        await asyncio.sleep(takes)
        if wake:
            watch.wake()

    async def main() -> None:
        task = asyncio.create_task(watch.go_on(look, lambda: seen))
        end = time.monotonic() + 1
        while len(times) < looks and time.monotonic() < end and not task.done():
            await asyncio.sleep(0.001)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(main())
    return times


def test_it_is_looked_again_after_the_pause() -> None:
    """At once, and then no sooner than the pause allows."""
    times = watched(Watch(0.01), 3)

    assert len(times) == 3
    assert times[2] - times[0] >= 0.019


def test_a_slow_look_is_not_repeated_at_once() -> None:
    """The rest after it is a multiple of what it took."""
    times = watched(Watch(0.001, rest=10), 2, takes=0.02)

    assert times[1] - times[0] >= 0.2


def test_it_is_looked_at_once_when_something_was_done() -> None:
    """A wake ends the pause, also one that came during the look."""
    assert len(watched(Watch(3600), 5, wake=True)) >= 5


def test_what_is_out_of_sight_is_left_alone() -> None:
    """Nothing is read for a screen that nobody sees."""
    assert watched(Watch(0.01), 1, seen=False) == []
