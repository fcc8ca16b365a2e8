"""The line below a replay: how it goes, how far it is, and what it passes over."""

from __future__ import annotations

import time
from math import isfinite
from typing import TYPE_CHECKING

from orch_tui.bar import GAUGE, Bar, Part, fitted
from orch_tui.settings import keys_of, shown_key
from orchestrator.report import words

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.replay import ReplayClock, ReplayFeed
    from orch_tui.text import Row
    from orch_tui.view import Followed

LONG = 2.0
"""Seconds of waiting for an event, from which they are said."""


class ReplayBar(Bar):
    """Drawn again whenever the replay moves."""

    def __init__(self, shown: Followed, feed: ReplayFeed, word: str = "") -> None:
        super().__init__(shown)
        self.feed = feed
        self.word = word
        """What there is to say to the last key."""

    def rows(self, width: int) -> list[Row]:
        again = shown_key(keys_of("restart", self.shown.world.settings.keys)[0])
        return [(("  ", ""), *played(self.feed, width - 2, again, self.word))]

    def flush(self, news: News) -> None:  # noqa: ARG002 - the clock moves without news
        self.redraw()


def played(feed: ReplayFeed, width: int, again: str, word: str = "") -> Row:
    """The row of the bar; `again` is the key that starts again, `word` an answer to the last key."""
    clock, total = feed.pace, feed.total
    begun, moment = feed.trace.begun, feed.moment
    known = moment is not None and isfinite(begun)
    time_of_all = f"{words.seconds((moment or 0) - begun)} of {words.seconds(feed.last - begun)}"
    parts = [
        Part(0, _pace(feed)),
        Part(1, ((word, "warn"),)),
        Part(2, _gauge(feed.progress)),
        Part(1, ((f"{words.number(feed.played)} of {words.count(total, 'event')}", ""),) if total else ()),
        Part(3, ((time_of_all, ""),) if known else ()),
        Part(5, ((time.strftime("%H:%M:%S", time.localtime(moment)), "dim"),) if known else ()),
        Part(1 if feed.ended else 4, ((f"{again} starts again", "key"),) if feed.ended else _waiting(clock)),
    ]
    return fitted(parts, width)


def pace_words(clock: ReplayClock) -> str:
    """`5x`, or what is faster than any number."""
    return f"{clock.speed:.0f}x" if isfinite(clock.speed) else "as fast as it goes"


def _pace(feed: ReplayFeed) -> Row:
    pace = pace_words(feed.pace)
    if feed.ended:
        return (("■ replay: the end", "bold"), (f" ({pace})", "dim"))
    if feed.pace.paused:
        return (("‖ replay: paused", "warn"), (f" ({pace})", "dim"))
    return ((f"▸ replay: {pace}", "run"),)


def _gauge(share: float) -> Row:
    cells = int(share * GAUGE)
    return (("▰" * cells, "accent"), ("▱" * (GAUGE - cells), "track"))


def _waiting(clock: ReplayClock) -> Row:
    """What there is to wait for, and what is not waited for."""
    if clock.silence:
        return ((f"nobody worked for {words.about(clock.silence)}: shortened", "warn"),)
    wait = clock.wait / clock.speed
    return ((f"next event in {words.about(wait)}", "dim"),) if wait >= LONG and not clock.paused else ()
