"""The screen of a run while its record is played: the same views, the keys of a replay, nothing that acts on the run."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual import work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import Screen

from orch_tui.detail import DetailPanel
from orch_tui.feed import News
from orch_tui.replay import ReplayFeed, Start
from orch_tui.replay_bar import ReplayBar
from orch_tui.run_screen import RunScreen
from orch_tui.settings import bindings, keys_of, shown_key
from orch_tui.trace import NOWHERE
from orch_tui.tree import SpanTree
from orch_tui.view import View

if TYPE_CHECKING:
    from textual.app import App

    from orch_tui.app import Screens
    from orch_tui.ports import World

ACTS = frozenset({"approve", "reject", "cancel", "replay", "again"})
"""What is meant for the run itself."""
READS = 0.005
"""Seconds between looks at what was read while it goes back."""


@dataclass(frozen=True, slots=True)
class Sight:
    """Where a replay goes on, and what of it was looked at."""

    start: Start = field(default_factory=Start)
    view: str = "trace"
    path: str = ""
    """Of the span under the cursor; empty when the cursor went with what runs."""
    tab: int = 0
    folded: Mapping[int, bool] = field(default_factory=dict)
    """What the person folded: spans have the same numbers each time the record is read."""


def open_replay(app: App[Any], world: World, run: str) -> None:
    """Play a run, from where its replay was left."""
    known = cast("Screens", app).replays.get(run)
    again = shown_key(keys_of("restart", world.settings.keys)[0])
    word = f"goes on where it was left; {again} starts again" if known is not None else ""
    app.push_screen(ReplayScreen(world, run, known or Sight(), word))


class ReplayScreen(RunScreen, inherit_bindings=False):
    """Stands still while another screen lies above it, and is found where it was left.

    To go back, the record is read once more up to the event before: for a new screen, so that nothing of what came
    later is left anywhere. This one stays until that is done; of keys pressed meanwhile each counts, and one record is
    read.
    """

    SCOPED_CSS = False  # the rules are those of RunScreen
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings(
            "pause",
            "step",
            "step_back",
            "faster",
            "slower",
            "restart",
            shown=("pause", "step", "faster", "slower", "restart"),
        ),
        *RunScreen.BINDINGS,
        *Screen.BINDINGS,
    ]

    def __init__(
        self, world: World, run: str, sight: Sight, word: str = "", feed: ReplayFeed | None = None
    ) -> None:
        """`word` is said until the first key of the replay; a `feed` was read up to the start already."""
        self.feed = feed or ReplayFeed(world.store, run, sight.start)
        super().__init__(world, run, self.feed)
        self.feed.rows.folded.update(sight.folded)
        self._word = word
        self._sought: Sight | None = sight
        """What is brought into sight once everything up to there was read."""
        self._wanted: Start | None = None
        """Where it goes on another screen, as soon as that was read."""

    def compose(self) -> ComposeResult:
        yield from super().compose()
        yield ReplayBar(self.shown, self.feed, self._word)

    def on_screen_suspend(self) -> None:
        self.feed.pace.held = True
        replays, run = cast("Screens", self.app).replays, self.shown.run
        if self.feed.ended:
            replays.pop(run, None)
        elif self.query(SpanTree):
            replays[run] = self.sight()

    def on_screen_resume(self) -> None:
        self.feed.pace.held = False

    def sight(self) -> Sight:
        """As it is now, or as it will be in a moment."""
        if self._sought is not None:
            return self._sought
        clock, tree = self.feed.pace, self.query_one(SpanTree)
        return Sight(
            Start(self.feed.place, clock.speed, clock.paused, clock.waited),
            self.view,
            "" if tree.following else self.path,
            self.query_one(DetailPanel).tab,
            dict(self.shown.rows.folded),
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return False if action in ACTS else super().check_action(action, parameters)

    @property
    def idle_keys(self) -> frozenset[str]:
        """At the end nothing is left to be played but all of it."""
        over = {"pause", "step", "faster", "slower"} if self.feed.ended else {"restart"}
        return super().idle_keys | over

    @property
    def words_now(self) -> dict[str, str]:
        return {**super().words_now, **({"pause": "Go on"} if self.feed.pace.paused else {})}

    @property
    def refusals(self) -> dict[str, str]:
        back = shown_key(keys_of("back", self.shown.world.settings.keys)[0])
        return dict.fromkeys(ACTS, f"a replay only shows what was; {back} leaves it")

    # -- drawing

    def _parts(self) -> list[View]:
        return [*super()._parts(), *cast("list[View]", list(self._found.all(ReplayBar)))]

    def _flush(self, news: News) -> None:
        super()._flush(news)
        if self._sought is not None and self.feed.found and self.is_mounted:
            sought, self._sought = self._sought, None
            self._bring(sought)

    def _bring(self, sight: Sight) -> None:
        """Look at what was looked at before; a span that has not begun now is not there."""
        span = self.shown.trace.find(sight.path) if sight.path else NOWHERE
        if span != NOWHERE:
            self.query_one(SpanTree).go_to(span)
        if sight.tab:
            self.call_later(self._in_panel, f"tab_{sight.tab + 1}")
        if sight.view != "trace":
            self._switch(sight.view)

    # -- keys

    def action_pause(self) -> None:
        """At the end there is nothing to pause: it is played once more."""
        if self._wanted is not None:
            self._play_from(self._wanted.events, paused=not self._wanted.paused)
        elif self.feed.ended:
            self.action_restart()
        else:
            self.feed.pace.pause()
            self._move()

    def action_step(self) -> None:
        if self._wanted is not None:
            self._play_from(self._wanted.events + 1, paused=True)
            return
        if not self.feed.ended:
            self.feed.pace.step()
        self._move("nothing comes after the last event" if self.feed.ended else "")

    def action_step_back(self) -> None:
        place = self.feed.place if self._wanted is None else self._wanted.events
        if place > 1:
            self._play_from(place - 1, paused=True)
        elif self._wanted is None:
            self._move("nothing comes before the first event")

    def action_restart(self) -> None:
        self._play_from(0)

    def action_faster(self) -> None:
        self._move("" if self.feed.pace.faster() else "nothing is faster")

    def action_slower(self) -> None:
        step = shown_key(keys_of("step", self.shown.world.settings.keys)[0])
        slower = self.feed.pace.slower()
        self._move("" if slower else f"this is its own speed; {step} goes event by event")

    def _move(self, word: str = "") -> None:
        """Show at once what the key did, or why it did nothing."""
        if not self.is_mounted:
            return
        self.query_one(ReplayBar).word = word
        news = self.feed.take()
        news.changed = True
        self._flush(news)

    def _play_from(self, events: int, *, paused: bool = False) -> None:
        """The last key wins; only the first of them begins to read."""
        reads = self._wanted is not None
        self._wanted = Start(events, self.feed.pace.speed, paused)
        self.feed.pace.held = True
        self._move(f"going to event {max(1, events):,}…")
        if not reads:
            self._go()

    @work(group="going")
    async def _go(self) -> None:
        """Nothing is drawn of the record while it is read again."""
        feed = await self._read_again()
        if feed is None:
            self._wanted, self.feed.pace.held = None, False
            self._move()
            return
        feed.pace.speed = self.feed.pace.speed
        sight = replace(self.sight(), start=feed.begins)
        self.app.switch_screen(ReplayScreen(self.shown.world, self.shown.run, sight, feed=feed))

    async def _read_again(self) -> ReplayFeed | None:
        """The record up to where it is wanted; None when it cannot be read, which this screen's own feed says too."""
        while (wanted := self._wanted) is not None:
            feed = ReplayFeed(self.shown.world.store, self.shown.run, wanted)
            feed.rows.folded.update(self.feed.rows.folded)
            feed.pace.held = True
            feed.start()
            try:
                while not feed.found and wanted is self._wanted and not feed.trouble:
                    feed.take()
                    await asyncio.sleep(READS)
            except asyncio.CancelledError:  # the screen is left
                feed.close()
                raise
            if wanted is self._wanted and not feed.trouble:
                return feed
            feed.close()
            if feed.trouble:
                break
        return None
