"""Every call along the time, in lanes by model or by step: what ran at once, what waited, what failed.

Which bars there are says `gantt.py`, how a lane looks `lane_row.py`, how time lies on a line `scale.py`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from typing import TYPE_CHECKING

from textual import events
from textual.app import ComposeResult
from textual.message import Message
from textual.strip import Strip

from orch_tui.drawn import _Key, _Look
from orch_tui.gantt import Gantt, Lane
from orch_tui.lane_row import LEGEND, Window, axis_row, lane_row, name_of
from orch_tui.listing import Listing
from orch_tui.pane import Lines, Pane
from orch_tui.scale import Scale, tick_words
from orch_tui.settings import bindings
from orch_tui.span_row import GLYPHS
from orch_tui.text import Piece, Row, clean, cut_left
from orch_tui.trace import NOWHERE, STATUSES
from orchestrator.report import words

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed

NAMES = 22
"""Columns for the names of the lanes, or a quarter of what there is."""
STEPS = 16
"""While everything is shown and the run goes on, the line grows in so many steps per doubling."""
LEAST = 0.01
"""Seconds that the window shows at least."""
INSIDE = 1e-3
"""Seconds behind its begin that the cursor stands in a bar."""
MOVES = 40
"""Presses of a key from one side of the window to the other."""


class Lanes:
    """The rows: lanes with their names. `window` is what is seen of the time."""

    def __init__(self, shown: Followed) -> None:
        self.shown = shown
        self.gantt = Gantt(shown.trace)
        self.rows: list[tuple[str, int, Lane]] = []
        self.window = Window.of(Scale(0.0), 0.0, 1.0, 1, 0.0)
        self._drawn: dict[int, tuple[object, Row]] = {}
        """Lanes as they were drawn last, with all that their look depends on."""

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int, width: int) -> Row:
        name, number, lane = self.rows[index]
        key = (name, self._several(index), width, self._look_of(lane))
        drawn = self._drawn.get(index)
        if drawn is None or drawn[0] != key:
            drawn = self._drawn[index] = (
                key,
                self._row(name, number, lane, width, several=self._several(index)),
            )
        return drawn[1]

    def _row(self, name: str, number: int, lane: Lane, width: int, *, several: bool) -> Row:
        room = names_room(width)
        title = cut_left(clean(name), room - 4) if number == 0 else ""
        label = f"{title} {number + 1 if several else '':>2} ".rjust(room - 1) + "│"
        return ((label, "head" if number == 0 else "dim"), *lane_row(self.shown.trace, lane, self.window))

    def _look_of(self, lane: Lane) -> object:
        """Of a lane only the last bar can still change, or have failed."""
        window, last = self.window, lane.spans[-1]
        status = self.shown.trace.status[last] if last != NOWHERE else NOWHERE
        seen = (window.edges[0], window.edges[-1], window.cells, window.cell_of(window.now))
        return id(lane), len(lane), lane.ends[-1], len(lane.failed), status, seen

    def _several(self, index: int) -> bool:
        return self.rows[index][1] > 0 or (index + 1 < len(self.rows) and self.rows[index + 1][1] > 0)


def names_room(width: int) -> int:
    return max(8, min(NAMES, width // 4))


class TimelineView(Pane):
    """The timeline of the run. Posts `SpanChosen` for the bar under the cursor."""

    DEFAULT_CSS = "TimelineView Listing { scrollbar-size-vertical: 0; }"
    BINDINGS = bindings(
        "fold", "unfold", "first", "last", "zoom_in", "zoom_out", "group_models", "follow", "zoom",
        "next_match", "previous_match", "next_error", "previous_error",
    )  # fmt: skip

    class SpanChosen(Message):
        """Enter on a bar; `span` numbers it in the trace."""

        def __init__(self, span: int) -> None:
            super().__init__()
            self.span = span

    class _Rows(Listing, inherit_bindings=False):
        """The lanes. Left and right, first and last are of the time, which its parent knows."""

        BINDINGS = bindings("down", "up", "half_down", "half_up")

        def _strip(self, key: _Key, look: _Look) -> Strip:
            """Of the cursor's lane only the name is marked: its bars keep their colours."""
            line = super()._strip(key._replace(chosen=False), look)
            if not key.chosen:
                return line
            room, marked = names_room(line.cell_length), super()._strip(key, look)
            return Strip.join([marked.crop(0, room - 1), line.crop(room - 1)])

    def __init__(self, shown: Followed, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name for it
        super().__init__(id=id)
        self.shown = shown
        self.lanes = Lanes(shown)
        self.listing = self._Rows(self.lanes)
        self.follow = True
        self.length: float | None = None
        """Seconds that the window shows; None for the whole run."""
        self.start = 0.0
        self.at = 0.0
        """Where on the line the cursor stands."""
        self._axis = Lines()
        self._said = Lines()

    def compose(self) -> ComposeResult:
        yield self._axis
        yield self.listing
        yield self._said

    def flush(self, news: News) -> None:  # noqa: ARG002 - it draws what there is now
        if self.lanes.gantt.update():
            self.set_timer(0.05, self._more)
        self.show()

    def _more(self) -> None:
        """A long run is read in pieces, so that keys are heard in between."""
        if self.is_mounted and self.lanes.gantt.update():
            self.set_timer(0.05, self._more)
        self.show()

    # -- what is seen

    @property
    def scale(self) -> Scale:
        trace = self.shown.trace
        begun = trace.begun if math.isfinite(trace.begun) else 0.0
        return Scale.of(begun, trace.gaps, self._now(begun))

    def _now(self, begun: float) -> float:
        now = self.shown.now
        return now if math.isfinite(now) else begun

    def window(self) -> Window:
        scale = self.scale
        now = self._now(scale.begun)
        total = max(LEAST, scale.at(now))
        whole = self.length is None or self.length >= total
        length = total if self.length is None or whole else max(LEAST, self.length)
        if whole and self.shown.feed.running:
            step = 2.0 ** math.floor(math.log2(total)) / STEPS
            length = math.ceil(total / step) * step
        if self.follow:
            self.at = total
            self.start = max(0.0, total - length)
        self.at = max(0.0, min(self.at, total))
        if not self.start <= self.at <= self.start + length:
            self.start = self.at - length / 2
        self.start = 0.0 if whole else max(0.0, min(self.start, total - length))
        cells = max(1, self.listing.size.width - names_room(self.listing.size.width))
        return Window.of(scale, self.start, length, cells, now)

    def show(self) -> None:
        """Draw what there is now."""
        lanes = self.lanes
        lanes.rows = lanes.gantt.rows()
        lanes.window = self.window()
        self.listing.redraw()
        width = self.listing.size.width
        room = names_room(width)
        how = " by step" if lanes.gantt.by_step else " by model"
        self._axis.show(((f"{how:<{room}}", "dim"), *axis_row(lanes.window, self.cursor_cell)))
        self._said.show(self._under_cursor(), LEGEND)

    @property
    def cursor_cell(self) -> int:
        window = self.lanes.window
        return max(0, min(window.cells - 1, window.cell(self.at)))

    def under_cursor(self) -> tuple[Lane, int, int, int] | None:
        """The bars in the cell where the cursor stands, and the one of them it means; None without a lane.

        As lane, first bar, behind the last one, meant one.
        """
        if not self.lanes.rows:
            return None
        lane = self.lanes.rows[self.listing.cursor][2]
        window, cell = self.lanes.window, self.cursor_cell
        first, stop = lane.between(window.edges[cell], window.edges[cell + 1])
        meant = bisect_right(lane.starts, window.scale.wall(self.at)) - 1
        return lane, first, stop, max(first, min(meant, stop - 1))

    def _under_cursor(self) -> Row:
        window = self.lanes.window
        worked = Scale(window.scale.begun, window.scale.gaps)
        moment = tick_words(worked.at(window.scale.wall(self.at)), min(1.0, window.length / window.cells))
        head: list[Piece] = [(f" {moment} ", "bold"), ("follows " if self.follow else "", "run")]
        if self.lanes.gantt.done < 1:
            head.append((f"reading, {self.lanes.gantt.done:.0%} ", "dim"))
        found = self.under_cursor()
        if found is None or found[1] == found[2]:
            return (*head, ("nothing here", "dim"))
        lane, first, stop, meant = found
        if stop - first > 1:
            failed = lane.failed_in((first, stop))
            head.append((f"{words.number(stop - first)} here", "dim"))
            head.append((f", {words.number(failed)} failed" if failed else "", "bad"))
            head.append((": ", "dim"))
        return (*head, *self._said_of(lane, meant))

    def _said_of(self, lane: Lane, bar: int) -> Row:
        trace, span = self.shown.trace, lane.spans[bar]
        took = words.seconds(min(lane.ends[bar], self.shown.now) - lane.starts[bar])
        name = name_of(trace, lane, bar)
        if span == NOWHERE:
            return ((name, ""), (f"  {took}", "bold"))
        status = trace.status[span]
        model = trace.model(span)
        where = " in the cloud" if trace.is_cloud(span) else ""
        return (
            (GLYPHS[status][0], GLYPHS[status][1]),
            (f" {name}", ""),
            (f"  {took}", "bold"),
            (f"  {STATUSES[status]}{'  ' + model + where if model else ''}", "dim"),
            (f"  {trace.notes[span]}" if span in trace.notes else "", "dim"),
        )

    # -- keys

    def action_fold(self) -> None:
        self._move(-1)

    def action_unfold(self) -> None:
        self._move(1)

    def action_first(self) -> None:
        self._go(0.0)

    def action_last(self) -> None:
        self._go(math.inf)

    def action_follow(self) -> None:
        self.follow = not self.follow
        self.show()

    def action_group_models(self) -> None:
        """By model or by step."""
        self.lanes.gantt = Gantt(self.shown.trace, by_step=not self.lanes.gantt.by_step)
        self.listing.cursor = 0
        self._more()

    def action_zoom_in(self) -> None:
        self._zoom(0.5)

    def action_zoom_out(self) -> None:
        self._zoom(2.0)

    def action_zoom(self) -> None:
        found = self.under_cursor()
        if found is not None and found[1] < found[2]:
            span = found[0].spans[found[3]]
            if span != NOWHERE:
                self.post_message(self.SpanChosen(span))

    def action_next_match(self) -> None:
        """The next bar of the lane."""
        self._step(1)

    def action_previous_match(self) -> None:
        self._step(-1)

    def action_next_error(self) -> None:
        self._error(1)

    def action_previous_error(self) -> None:
        self._error(-1)

    def on_listing_moved(self, message: Listing.Moved) -> None:
        message.stop()
        self.show()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        message.stop()
        self.action_zoom()

    def on_click(self, event: events.Click) -> None:
        """The listing takes the lane, this the time."""
        window, cell = self.lanes.window, event.x - names_room(self.listing.size.width)
        if event.widget is self.listing and 0 <= cell < window.cells:
            self._go(window.start + (cell + 0.5) * window.length / window.cells)

    def on_resize(self) -> None:
        self.show()

    def _move(self, step: int) -> None:
        window = self.lanes.window
        cells = max(1, window.cells // MOVES)
        self._go(self.at + step * cells * window.length / window.cells)

    def _go(self, at: float) -> None:
        """Put the cursor there; the window comes along as far as it must."""
        self.follow = False
        window = self.lanes.window
        self.at = max(0.0, min(at, window.scale.at(window.now)))
        if self.at < self.start:
            self.start = self.at
        elif self.at > self.start + window.length:
            self.start = self.at - window.length
        self.show()

    def _zoom(self, factor: float) -> None:
        """The cursor, or now, stays where it is on the screen."""
        window = self.lanes.window
        length = max(LEAST, window.length * factor)
        share = (self.at - window.start) / window.length
        self.length = length if length < window.scale.at(window.now) else None
        self.start = self.at - share * length
        self.show()

    def _step(self, step: int) -> None:
        found = self.under_cursor()
        if found is None:
            return
        lane, first, stop, meant = found
        between = first == stop  # of two bars: the first is the one behind
        bar = first - (step < 0) if between else meant + step
        if 0 <= bar < len(lane):
            self._go_to(self.listing.cursor, lane, bar)

    def _error(self, step: int) -> None:
        """The nearest failure before or behind the cursor, in whichever lane."""
        here = self.lanes.window.scale.wall(self.at) - (0 if step > 0 else 2 * INSIDE)
        found = [
            (abs(lane.starts[bar] - here), row, bar)
            for row, (_, _, lane) in enumerate(self.lanes.rows)
            if (bar := lane.failed_beside(here, step)) != NOWHERE
        ]
        if found:
            _, row, bar = min(found)
            self._go_to(row, self.lanes.rows[row][2], bar)

    def _go_to(self, row: int, lane: Lane, bar: int) -> None:
        """Put the cursor just inside of a bar."""
        self.listing.move_to(row)
        inside = max(1e-5, min(INSIDE, (lane.ends[bar] - lane.starts[bar]) / 2))
        self._go(self.lanes.window.scale.at(lane.starts[bar] + inside))
