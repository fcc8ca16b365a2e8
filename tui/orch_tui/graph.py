"""The workflow as a drawing, with what its steps do now. What it looks like says `drawing.py`, the words `badges.py`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from textual import events, work
from textual.app import ComposeResult
from textual.message import Message

from orch_tui.badges import Badges
from orch_tui.drawing import Badge, Drawing, Shown, Spot, as_list, of_file
from orch_tui.listing import Listing
from orch_tui.pane import Lines, Pane
from orch_tui.settings import bindings
from orch_tui.text import Row

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed

AIR = 3
"""Columns and lines around a chosen box."""


class Canvas:
    """The rows of the drawing, from column `left` on. `badges` has the words for steps that come in sight."""

    def __init__(self, badges: Callable[[Iterable[str]], dict[str, Badge]]) -> None:
        self.shown = Shown(Drawing())
        self.left = 0
        self._badges = badges

    def update(self, rows: range) -> None:
        """What the steps in these rows do now; of all others it is asked when they come in sight."""
        self.shown.badges = self._badges(self.shown.steps_on(rows))

    def __len__(self) -> int:
        return len(self.shown.drawing.lines)

    def row(self, index: int, width: int) -> Row:
        if unknown := self.shown.steps_on((index,)) - self.shown.badges.keys():
            self.shown.badges |= self._badges(unknown)
        return self.shown.row(index, self.left, width)


class GraphView(Pane):
    """The graph of the run. Posts `StepChosen` for the box that was chosen."""

    BINDINGS = bindings(
        "down", "up", "fold", "unfold", "first", "last", "half_down", "half_up", "zoom", "other_pane",
        "next_match", "previous_match", "next_error", "previous_error", shown=("zoom",),
    )  # fmt: skip

    class StepChosen(Message):
        """Enter on a box; `step` is the path of the step in the file, `answer.reply.draft`."""

        def __init__(self, step: str) -> None:
            super().__init__()
            self.step = step

    class _Lines(Listing, inherit_bindings=False):
        """Rows without a cursor; a click chooses what stands there."""

        class Pressed(Message):
            def __init__(self, row: int, column: int, *, twice: bool) -> None:
                super().__init__()
                self.row = row
                self.column = column
                self.twice = twice

        def on_click(self, event: events.Click) -> None:
            row = event.y + self.scroll_offset.y
            self.post_message(self.Pressed(row, event.x, twice=event.chain == 2))

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown
        self.badges = Badges(shown.trace)
        self.canvas = Canvas(lambda steps: self.badges.of(steps, shown.now))
        self.listing = self._Lines(self.canvas, cursor_shown=False)
        self._said = Lines()
        self._file: Drawing | None = None
        """What was read of the file; None before."""
        self._reading = False

    def compose(self) -> ComposeResult:
        yield self._said
        yield self.listing

    def flush(self, news: News) -> None:  # noqa: ARG002 - it draws what there is now
        if self._file is None and not self._reading and self.shown.trace.state.file:
            self._reading = True
            self._read()
        if self._file is not None and not self._file.lines:
            self._draw_list()
        self.show()

    @work(exclusive=True)
    async def _read(self) -> None:
        """Checking a workflow reads files: not here."""
        state = self.shown.trace.state
        self._file = await asyncio.to_thread(of_file, Path(state.file), state.source)
        if not self.is_mounted:
            return
        if self._file.lines:
            self._set(self._file)
        else:
            self._draw_list()
        self.show()

    def _draw_list(self) -> None:
        steps = tuple(self.shown.trace.summary.steps)
        assert self._file is not None
        trouble = self._file.trouble
        drawn = self.canvas.shown.drawing
        if len(drawn.spots) != len(steps) or drawn.trouble != trouble:
            self._set(as_list(steps, trouble))

    def _set(self, drawing: Drawing) -> None:
        chosen = self.canvas.shown.chosen
        self.canvas.shown = Shown(drawing)
        first = drawing.spots[0].step if drawing.spots else ""
        self.canvas.shown.chosen = chosen or first  # so that enter leads somewhere from the start

    def show(self) -> None:
        """Draw what there is now."""
        drawn = self.canvas.shown
        top = self.listing.scroll_offset.y
        self.canvas.update(range(top, top + self.listing.size.height))
        said: Row = ((drawn.drawing.trouble, "warn"),) if drawn.drawing.trouble else ()
        if self._file is None:
            said = (("drawing…", "dim"),)
        self._said.show(*([said] if said else []))
        self.listing.redraw()

    # -- keys

    @property
    def chosen(self) -> Spot | None:
        wanted = self.canvas.shown.chosen
        return next((spot for spot in self._spots if spot.step == wanted), None)

    @property
    def _spots(self) -> tuple[Spot, ...]:
        return self.canvas.shown.drawing.spots

    def action_down(self) -> None:
        self._scroll(1)

    def action_up(self) -> None:
        self._scroll(-1)

    def action_half_down(self) -> None:
        self._scroll(max(1, self.listing.size.height // 2))

    def action_half_up(self) -> None:
        self._scroll(-max(1, self.listing.size.height // 2))

    def action_first(self) -> None:
        self._scroll(-len(self.canvas))

    def action_last(self) -> None:
        self._scroll(len(self.canvas))

    def action_fold(self) -> None:
        self._to_column(self.canvas.left - 4)

    def action_unfold(self) -> None:
        self._to_column(self.canvas.left + 4)

    def action_other_pane(self) -> None:
        self._choose_beside(1, self._spots)

    def action_next_match(self) -> None:
        self._choose_beside(1, self._spots)

    def action_previous_match(self) -> None:
        self._choose_beside(-1, self._spots)

    def action_next_error(self) -> None:
        self._choose_beside(1, self._failed())

    def action_previous_error(self) -> None:
        self._choose_beside(-1, self._failed())

    def action_zoom(self) -> None:
        if self.chosen is not None:
            self.post_message(self.StepChosen(self.chosen.step))

    def on_graph_view__lines_pressed(self, message: _Lines.Pressed) -> None:
        message.stop()
        column = message.column + self.canvas.left
        hit = [spot for spot in self._spots if _holds(spot, message.row, column)]
        if hit:
            self.choose(min(hit, key=lambda spot: spot.width * spot.height))
            if message.twice:
                self.action_zoom()

    def choose(self, spot: Spot) -> None:
        """Put the cursor on a box and bring it in sight."""
        self.canvas.shown.chosen = spot.step
        width, height, top = self.listing.size.width, self.listing.size.height, self.listing.scroll_offset.y
        if spot.column < self.canvas.left or spot.column + spot.width > self.canvas.left + width:
            self._to_column(spot.column - AIR)
        if spot.row < top or spot.row + min(spot.height, height) > top + height:
            self.listing.scroll_to(y=max(0, spot.row - AIR), animate=False, force=True, immediate=True)
        self.show()

    def _failed(self) -> tuple[Spot, ...]:
        return tuple(spot for spot in self._spots if self.badges.in_trouble(spot.step))

    def _choose_beside(self, step: int, among: tuple[Spot, ...]) -> None:
        if not among:
            return
        here = self.chosen
        places = [spot.step for spot in among]
        if here is None:
            self.choose(among[0 if step > 0 else -1])
        elif here.step in places:
            self.choose(among[(places.index(here.step) + step) % len(among)])
        else:
            at = (here.row, here.column)
            beside = [spot for spot in among if ((spot.row, spot.column) > at) == (step > 0)] or list(among)
            self.choose(beside[0 if step > 0 else -1])

    def _scroll(self, lines: int) -> None:
        self.listing.scroll_relative(y=lines, animate=False)
        self.call_after_refresh(self.listing.redraw)

    def _to_column(self, column: int) -> None:
        widest = self.canvas.shown.drawing.width - self.listing.size.width
        self.canvas.left = max(0, min(column, widest))
        self.listing.redraw()

    def on_resize(self) -> None:
        self._to_column(self.canvas.left)


def _holds(spot: Spot, row: int, column: int) -> bool:
    return spot.row <= row < spot.row + spot.height and spot.column <= column < spot.column + spot.width
