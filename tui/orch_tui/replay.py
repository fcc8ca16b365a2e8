"""A recorded run once more on the screen: its events come when they came then, faster, or one by one.

The clock is told what time it is and knows no store; the feed reads the record like that of a run that goes on.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite
from typing import TYPE_CHECKING

from orch_tui.feed import Feed, News
from orch_tui.trace import ASKING
from orchestrator.events import RunResumed
from orchestrator.store.faults import EventDamaged

if TYPE_CHECKING:
    from orchestrator.events import Event
    from orchestrator.state import RunStatus
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

SPEEDS = (1.0, 2.0, 5.0, 10.0, 50.0, inf)
IDLE = 2.0
"""Recorded seconds in which nobody worked, from which they are shortened."""
SHORTENED = 1.0
"""What is left of them at the speed of the record."""


@dataclass(frozen=True, slots=True)
class Start:
    """Where a replay begins: so many events are there at once."""

    events: int = 0
    speed: float = SPEEDS[0]
    paused: bool = False
    waited: float = 0.0
    """Seconds that were waited for the next event, at the speed of the record."""


class ReplayClock:
    """The moment of the record that is shown. `moment` is -inf before the first event."""

    def __init__(self, start: Start = Start()) -> None:
        self.speed = start.speed
        self.paused = start.paused
        self.held = False
        """Nobody can see it now: it stands still, and goes on by itself afterwards."""
        self.moment = -inf
        self.silence = 0.0
        """Recorded seconds without work that are passed quickly now; 0 when none are."""
        self.wait = 0.0
        """Recorded seconds until the next event, as they are played."""
        self._reached = -inf
        """When the newest event that was let through was recorded."""
        self._played = 0.0  # seconds of the replay since then, at the speed of the record
        self._steps = 0

    # -- what a person does

    def pause(self) -> None:
        """Stand still, or go on."""
        self.paused = not self.paused
        self._steps = 0

    def step(self) -> None:
        """One event more, and stand still."""
        self.paused = True
        self._steps += 1

    def faster(self) -> bool:
        """False when there is nothing faster."""
        return self._to_speed(SPEEDS.index(self.speed) + 1)

    def slower(self) -> bool:
        """False when there is nothing slower."""
        return self._to_speed(SPEEDS.index(self.speed) - 1)

    def _to_speed(self, number: int) -> bool:
        if not 0 <= number < len(SPEEDS):
            return False
        self.speed = SPEEDS[number]
        return True

    # -- what the feed asks

    def advance(self, seconds: float) -> None:
        """So much time went by while an event was waited for."""
        if not (self.paused or self.held) and isfinite(self.speed):
            self._played += seconds * self.speed

    def lets(self, at: float, *, idle: bool) -> bool:
        """Whether the next event of the record, recorded at this time, has come. One that has is over.

        `idle`: nobody worked on the run before it, so that a long time is passed quickly.
        """
        gap = max(0.0, at - self._reached) if isfinite(self._reached) else 0.0
        length = SHORTENED if idle and gap > IDLE else gap
        if self._comes(length):
            left = 0.0 if self._steps else max(0.0, self._played - length)
            self._steps -= self._steps > 0
            self.jump(at, left)
            return True
        self.silence = gap if length < gap else 0.0
        self.wait = max(0.0, length - self._played)
        if length > 0:
            self.moment = self._reached + gap * min(1.0, self._played / length)
        return False

    def jump(self, at: float, waited: float = 0.0) -> None:
        """What was recorded at this time is there, and so long was waited since."""
        self._reached = self.moment = max(self._reached, at)
        self._played = waited
        self.silence = self.wait = 0.0

    @property
    def waited(self) -> float:
        """Seconds since the newest event, at the speed of the record."""
        return self._played

    def _comes(self, length: float) -> bool:
        if self._steps:
            return True
        return not (self.paused or self.held) and (self._played >= length or not isfinite(self.speed))


class ReplayFeed(Feed):
    """One run that is over, played. What it did stands in the trace only up to the moment of its clock.

    The record ends where it ended when the replay began, whatever is written to it afterwards.
    """

    still = 0.2

    def __init__(
        self, store: Store, run: str, start: Start = Start(), clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(store, run)
        self.pace = self.replay = ReplayClock(start)
        self.ended = False
        """The whole record was played."""
        self.total = 0
        """Events of the record; 0 until it was looked at."""
        self.last = -inf
        """When the last of them was recorded."""
        self.begins = start
        self._clock = clock
        self._looked = clock()

    def start(self) -> None:
        """Once: it may have been read before there is a screen for it."""
        if self._thread is None:
            super().start()

    @property
    def played(self) -> int:
        """Events that were played."""
        return self.trace.state.events

    @property
    def found(self) -> bool:
        """Whether everything is there with which it began."""
        return self.total > 0 and self.played >= min(self.begins.events, self.total)

    @property
    def place(self) -> int:
        """Events that were played, or are looked for."""
        return max(self.played, self.begins.events)

    @property
    def status(self) -> RunStatus:
        """As it was at the moment; an owner that died without a last word did so at the end."""
        return super().status if self.ended else self.trace.state.status

    @property
    def progress(self) -> float:
        """The share of the record that was played."""
        return min(1.0, self.played / self.total) if self.total else 0.0

    @property
    def moment(self) -> float | None:
        return self.pace.moment if isfinite(self.pace.moment) else None

    def take(self, seconds: float = 0.03) -> News:
        """Take in the events whose moment has come, for at most about so long."""
        self._pass()
        news = super().take(seconds)
        if not self.ended and self.total and (self.played >= self.total or super()._is_caught_up()):
            self.ended = news.changed = True
            self._stop_what_was_cut_off()
        caught_up = self._is_caught_up()
        news.changed |= caught_up != self.caught_up
        self.caught_up = news.caught_up = caught_up
        return news

    def _is_caught_up(self) -> bool:
        """As fast as it goes is like reading a long record; else nothing is missing that was there at the moment."""
        if self.begins.events and not self.found:
            return False
        return self.ended or self.pace.paused or isfinite(self.pace.speed)

    def _has_come(self, event: Event, seq: int) -> bool:
        if seq >= self.total:
            return False
        if seq < self.begins.events:
            self.pace.jump(event.at, self.begins.waited if seq == self.begins.events - 1 else 0.0)
            return True
        return self.pace.lets(event.at, idle=self._is_idle_before(event))

    def _is_idle_before(self, event: Event) -> bool:
        """Whether nobody works on the run now: it was stopped, or everything in it waits for a person."""
        if event.at - self.trace.now <= IDLE:
            return False
        if isinstance(event, RunResumed) or self.trace.state.status != "running":
            return True
        running = self.trace.running()
        return bool(running) and all(self.trace.status[span] == ASKING for span in running)

    def _pass(self) -> None:
        """Time goes by only while an event is there to wait for: a slow disk makes nothing jump."""
        now = self._clock()
        if self._next_page():
            self.pace.advance(now - self._looked)
        self._looked = now

    def _look(self) -> None:
        super()._look()
        if not self.total and self.row is not None:
            self.last = self._moment_of_last(self.row)
            self.total = self.row.events

    def _moment_of_last(self, row: RunRow) -> float:
        """As the list of runs has it where the event itself cannot be read or is gone."""
        with suppress(EventDamaged):
            found = self.store.page(self.run, self.store.head(self.run).no, row.events - 2, 1)
            if found:
                return found[0][1].at
        return row.ended or row.started

    async def listen(self) -> None:
        """Nobody writes text now."""
