"""What the parts of a run's screen share: the run they show, and how they are told of news."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from orch_tui.feed import Feed, News
    from orch_tui.ports import World
    from orch_tui.rows import TreeRows
    from orch_tui.trace import Trace


@dataclass(frozen=True, slots=True)
class Followed:
    """The run on the screen. Everything in it belongs to the app's thread but `feed`'s reading."""

    world: World
    feed: Feed

    @property
    def run(self) -> str:
        return self.feed.run

    @property
    def trace(self) -> Trace:
        return self.feed.trace

    @property
    def rows(self) -> TreeRows:
        return self.feed.rows

    @property
    def now(self) -> float:
        """The moment durations are shown for: the clock while it runs, else when it stopped; in a replay its own."""
        if (moment := self.feed.moment) is not None:
            return moment
        if self.feed.running or not isfinite(
            self.trace.now
        ):  # nothing was read yet: rows may be drawn before news
            return max(self.world.now(), self.trace.now)
        return self.trace.now


class View(Protocol):
    """A part of the screen that shows a run."""

    def flush(self, news: News) -> None:
        """Show what is new. Called at most ten times a second and at least once, while the part is visible.

        `news` holds everything since the last flush of this very view only while it stays visible: when it
        appears again it must draw from the trace.
        """
        ...
