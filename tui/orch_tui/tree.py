"""The left side: every instance of a step as a tree, with a small waterfall. What is a row says `rows.py`.

The cursor stays on its span whatever comes above it, follows what runs until the person moves, and goes from error to
error and from match to match.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.geometry import Size
from textual.message import Message
from textual.timer import Timer

from orch_tui.covered import Covered
from orch_tui.find import FindBar, first
from orch_tui.listing import Listing
from orch_tui.rows import Place
from orch_tui.settings import bindings
from orch_tui.span_row import mark_column
from orch_tui.trace import NOWHERE
from orch_tui.tree_source import TreeSource
from orchestrator.report import words

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed

TYPING = 0.15
"""Seconds without another letter after which the filter is made."""
AGAIN = 1.0
"""Seconds at least between filters made again because there are new spans."""


class SpanTree(Listing):
    """The tree. Posts `Selected` when the cursor stands on another span or attempt."""

    BINDINGS = bindings(
        "next_error",
        "follow",
        "fold",
        "unfold",
        "toggle",
        "fold_all",
        "previous_error",
        "next_match",
        "previous_match",
        "back",
        shown=("next_error", "follow"),
    )

    class Selected(Message):
        """`attempt` counts from 0, NOWHERE for the span as a whole."""

        def __init__(self, span: int, attempt: int) -> None:
            super().__init__()
            self.span = span
            self.attempt = attempt

    class Filtered(Message):
        """The filter was made, or made again; `found` spans fit. Without words there is none."""

        def __init__(self, words: str, found: int) -> None:
            super().__init__()
            self.words = words
            self.found = found

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        self._tree = TreeSource(shown)
        super().__init__(self._tree, id=id)
        self.shown = shown
        self._stood = ""
        """How the run stood at the last look."""
        self._place: Place | None = None
        self._words = ""
        self._filtered = 0
        """How many events there were when the filter was made: they also come while no one looks at the tree."""
        self._filter_at = 0.0
        self._typing: Timer | None = None

    @property
    def following(self) -> bool:
        """Whether the cursor goes with what runs."""
        return self.shown.rows.following

    @following.setter
    def following(self, following: bool) -> None:
        if following != self.shown.rows.following:
            self.shown.rows.following = following
            self.refresh_bindings()  # the key at the bottom says what it does now

    def flush(self, news: News) -> None:  # noqa: ARG002 - it draws what there is now
        stale = self._filtered != self.shown.trace.state.events
        if self._words and self._typing is None and stale and time.monotonic() >= self._filter_at:
            self._make_filter()
        self._tree.renew()
        self._follow()
        self._stand()
        self.redraw()

    # -- where the cursor stands

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """What the person does: it ends following."""
        self.following = False
        super().move_to(index, centre=centre)
        self._arrive()

    def on_mouse_scroll_up(self) -> None:
        self.following = False

    def stand(self) -> None:
        """The trace grew without a flush: what a key does begins at the right span."""
        self._stand()

    def _stand(self) -> None:
        """Keep the cursor on its span, and the span on its line of the screen, whatever was inserted above."""
        if self._place is None or not len(self.shown.rows):
            self._begin()
            return
        row, top = self.shown.rows.row_of(*self._place), self.scroll_offset.y
        moved, self.cursor = row - self.cursor, row
        if moved and top <= row - moved < top + self.size.height and top + moved >= 0:
            self.virtual_size = Size(0, len(self.shown.rows))
            self.scroll_to(y=top + moved, animate=False, force=True, immediate=True)
        self._arrive()

    def _begin(self) -> None:
        """On the first step; on the run itself when it ended without one."""
        if len(self.shown.rows) > 1:
            self.cursor = max(1, self.cursor)
        elif self.shown.feed.running or not self.shown.feed.caught_up:
            return
        self._arrive()

    def _arrive(self) -> None:
        """Tell of it when the cursor stands on another span."""
        rows = self.shown.rows
        if self.cursor >= len(rows):
            return
        place = rows.at(self.cursor)
        rows.hold(NOWHERE if self.following else place[0])
        if place != self._place:
            self._place = place
            self.post_message(self.Selected(*place))

    def _go(self, span: int, attempt: int = NOWHERE) -> None:
        row = self.shown.rows.row_of(span, attempt)
        self.cursor = row
        self._into_sight(row)
        self.redraw()
        self._arrive()

    def on_click(self, event: events.Click) -> None:
        """On the sign before a name it folds and unfolds; elsewhere it chooses, as in every list."""
        super().on_click(event)
        rows, row = self.shown.rows, event.y + self.scroll_offset.y
        if event.chain != 1 or row >= len(rows) or rows.filtered:
            return
        span, attempt = rows.at(row)
        if attempt == NOWHERE and rows.can_open(span) and event.x == mark_column(rows, span, self.columns):
            self._fold(span, folded=rows.is_open(span))

    # -- following

    def action_follow(self) -> None:
        if not self.shown.feed.running:
            self.app.notify("Nothing runs any more.", markup=False)
            return
        self.following = not self.following
        self.app.notify("Following what runs." if self.following else "Not following.", markup=False)
        self._follow()

    def _follow(self) -> None:
        feed, trace = self.shown.feed, self.shown.trace
        if (rest := self._comes_to_rest()) is not None:
            self.shown.rows.reveal(rest)
            self._go(rest)
            return
        if not self.following or not feed.running or not feed.caught_up or self.shown.rows.filtered:
            return
        if self._place is not None and self._works(self._place[0]):
            return
        running = trace.running()
        at_work = [span for span in running if not trace.queued(span)]
        if at_work:
            self._go(at_work[-1])
        elif running and (self._place is None or self._place[0] not in running):
            self._go(running[-1])

    def _comes_to_rest(self) -> int | None:
        """Where the cursor goes, once, when a run that is followed goes on no more, or did not when it was opened."""
        feed = self.shown.feed
        if not feed.caught_up and feed.replay is None:
            return None
        before, self._stood = self._stood, feed.status
        if before == feed.status or not self.following or self.shown.rows.filtered:
            return None
        return self._matters(was_running=before == "running")

    def _matters(self, *, was_running: bool) -> int | None:
        """What it came to, what it failed at, or what it asks."""
        trace, status = self.shown.trace, self.shown.feed.status
        if status == "done":
            return NOWHERE if was_running else None
        error = [trace.state.error.path] if trace.state.error is not None else []
        paths = {"waiting": list(trace.state.asks), "failed": error, "rejected": error}
        found = [span for path in paths.get(status, ()) if (span := trace.find(path)) != NOWHERE]
        return found[0] if found else None

    def _works(self, span: int) -> bool:
        """Whether the span does something itself: then the cursor stays there."""
        trace = self.shown.trace
        return span != NOWHERE and trace.live(span) and not trace.children(span) and not trace.queued(span)

    # -- folding

    def action_fold(self) -> None:
        """Close it, or go to what it is inside of."""
        if self._place is None:
            return
        self.following = False
        rows, (span, attempt) = self.shown.rows, self._place
        if span == NOWHERE:
            return
        if attempt != NOWHERE:
            self._go(span)
        elif rows.is_open(span) and not rows.filtered:
            self._fold(span, folded=True)
        elif not rows.filtered or self.shown.trace.parent[span] != NOWHERE:
            self._go(self.shown.trace.parent[span])

    def action_unfold(self) -> None:
        """Open it, or go to the first thing inside."""
        if self._place is None:
            return
        rows, (span, attempt) = self.shown.rows, self._place
        if span == NOWHERE:
            self.action_down()
        if attempt != NOWHERE or not rows.can_open(span):
            return
        if rows.is_open(span) or rows.filtered:
            self.action_down()
        else:
            self._fold(span, folded=False)

    async def action_toggle(self, attribute_name: str = "") -> None:  # noqa: ARG002 - as every widget has it
        if self._place is not None and self._place[0] != NOWHERE and not self.shown.rows.filtered:
            span = self._place[0]
            self._fold(span, folded=self.shown.rows.is_open(span))

    def action_fold_all(self) -> None:
        self.following = False
        self.shown.rows.fold_all()
        self._changed()

    def _fold(self, span: int, *, folded: bool) -> None:
        self.following = False
        self.shown.rows.fold(span, folded=folded)
        self._changed()

    def _changed(self) -> None:
        if self._place is not None:
            self._go(*self._place)

    def go_to(self, span: int) -> None:
        """Put the cursor on a span, whatever hides it now: folded groups are opened, a filter is taken away."""
        self.following = False
        if not self.shown.rows.shows(span):
            self.action_back()
        self.shown.rows.reveal(span)
        self._go(span)

    # -- errors

    def action_next_error(self) -> None:
        self._to_error(1)

    def action_previous_error(self) -> None:
        self._to_error(-1)

    def _to_error(self, step: int) -> None:
        trace = self.shown.trace
        found = sorted((trace.order(span), span) for span in self._errors())
        if not found:
            self.app.notify("No step has failed.", markup=False)
            return
        here = trace.order(self._place[0]) if self._place is not None else ()
        beyond = [span for order, span in found if (order > here if step > 0 else order < here)]
        ahead = beyond or [span for _, span in found]  # once around
        target = ahead[0] if step > 0 else ahead[-1]
        self.following = False
        if not self.shown.rows.filtered:
            self.shown.rows.reveal(target)
        self._go(target)

    def _errors(self) -> list[int]:
        """What failed by itself, caught or not, and can be shown: with a filter only what fits."""
        trace, rows = self.shown.trace, self.shown.rows
        lost = [*trace.failed, *trace.caught]
        outer = {trace.parent[span] for span in lost}
        return [span for span in lost if span not in outer and rows.shows(span)]

    # -- the filter

    def filter(self, words: str) -> None:
        """Show only what fits, once the person stops typing."""
        self._words = words.strip()
        if self._typing is not None:
            self._typing.stop()
        self._typing = self.set_timer(TYPING, self._filter_now)

    def action_next_match(self) -> None:
        self._to_match(1)

    def action_previous_match(self) -> None:
        self._to_match(-1)

    def action_back(self) -> None:
        """Take the filter away; without one this key is for those outside."""
        if not self._words:
            raise SkipAction
        self.filter("")
        self._filter_now()

    def _filter_now(self) -> None:
        if self._typing is not None:
            self._typing.stop()
            self._typing = None
        self._make_filter()
        if self.shown.rows.filtered and not self._on_match(self.cursor):
            self.cursor = 0
            self._to_match(1, from_here=True)

    def _make_filter(self) -> None:
        """A long one is made again less often: it may never take more than a tenth of the time."""
        began, self._filtered = time.monotonic(), self.shown.trace.state.events
        self.shown.rows.filter(self._words)
        took = time.monotonic() - began
        self._filter_at = began + max(AGAIN, took * 10)
        self.needle = "" if " " in self._words else self._words
        self.post_message(self.Filtered(self._words, self.shown.rows.found))
        self._stand()
        self._into_sight(self.cursor)
        self.redraw()

    def _to_match(self, step: int, *, from_here: bool = False) -> None:
        count = len(self.shown.rows)
        for distance in range(0 if from_here else 1, count + 1 if count else 0):
            row = (self.cursor + step * distance) % count
            if self._on_match(row):
                self.move_to(row)
                return

    def _on_match(self, row: int) -> bool:
        return row < len(self.shown.rows) and self.shown.rows.matches(row)


class TreePane(Covered, Vertical):
    """The tree with its find bar."""

    DEFAULT_CSS = "TreePane > SpanTree { height: 1fr; width: 1fr; }"
    BINDINGS: ClassVar[list[BindingType]] = first(*bindings("search", shown=("search",)))

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown

    def compose(self) -> ComposeResult:
        yield SpanTree(self.shown, id="tree")
        yield FindBar()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:  # noqa: ARG002
        """Into the line itself its key is typed like any other."""
        return action != "search" or not any(bar.typing for bar in self.query(FindBar))

    def action_search(self) -> None:
        self.query_one(FindBar).open()

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        self.query_one(SpanTree).filter(message.text)

    def on_find_bar_cancelled(self) -> None:
        self.query_one(SpanTree).filter("")

    def on_span_tree_filtered(self, message: SpanTree.Filtered) -> None:
        bar = self.query_one(FindBar)
        if message.words:
            bar.say(f"{words.number(message.found)} found")
        elif bar.is_open and not bar.typing:
            bar.cancel()

    def on_key(self, event: events.Key) -> None:
        """While a filter is typed, up and down go through what it found."""
        bar = self.query_one(FindBar)
        if bar.typing and event.key in ("up", "down"):
            event.stop()
            tree = self.query_one(SpanTree)
            tree.action_up() if event.key == "up" else tree.action_down()
