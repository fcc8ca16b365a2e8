"""A line above or below a run: parts that have room, the least important left out, drawn again when they changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from textual.strip import Strip
from textual.widget import Widget

from orch_tui.text import Piece, Role, Row, Styles, strip, width_of

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.view import Followed

FIGURES_EVERY = 0.5
"""Seconds between drawings of figures that only grow: nobody reads them faster, and each draws both ends of the screen."""
GAUGE = 8
"""Cells of a bar."""
TIGHT = 0.9
"""The share of something bounded from which it is a warning."""


class Part(NamedTuple):
    """Something on a line; what has the greatest `rank` is left out first."""

    rank: int
    row: Row


def fitted(parts: Iterable[Part], width: int, between: str = " · ") -> Row:
    """The parts that have room, in their order. One always stays, cut where it is drawn."""
    said = [part for part in parts if any(text for text, _ in part.row)]
    kept: list[Part] = []
    room = width
    for part in sorted(said, key=lambda part: part.rank):  # what has no room leaves it to the less important
        size = width_of(part.row) + (len(between) if kept else 0)
        if size <= room or not kept:
            kept.append(part)
            room -= size
    row: list[Piece] = []
    for part in (part for part in said if part in kept):
        row += [(between, "dim"), *part.row] if row else part.row
    return tuple(row)


class Bar(Widget):
    """Some rows of fixed height, made by `rows` and drawn only when they changed."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; background: $panel; }"

    def __init__(self, shown: Followed, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.shown = shown
        self._clock = clock
        self._stands: tuple[object, ...] = ()
        self._drawn: tuple[int, list[Row]] = (0, [])
        self._styles: Styles | None = None
        self._due = float("-inf")

    def rows(self, width: int) -> list[Row]:
        """What stands in the bar when it has so many columns; nothing yet in this one."""
        return [()] if width else []

    def flush(self, news: News) -> None:
        """At once how the run stands; figures when they are due."""
        now, stands = self._clock(), self._standing()
        if news.changed or not news or now >= self._due or stands != self._stands:
            self._stands = stands
            self._due = now + FIGURES_EVERY
            self.redraw()

    def _standing(self) -> tuple[object, ...]:
        """What is shown at once when it changes."""
        return self.shown.feed.status, len(self.shown.trace.state.asks), self.shown.rows.following

    def redraw(self) -> None:
        width = self.size.width
        drawn = width, self.rows(width)
        if drawn != self._drawn:
            self._drawn = drawn
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._drawn[0] != width:
            self._drawn = width, self.rows(width)
        if self._styles is None:
            self._styles = Styles(self.app.theme_variables)
        rows = self._drawn[1]
        return strip(rows[y] if y < len(rows) else (), width, self._styles, self.rich_style)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def on_unmount(self) -> None:
        self.app.theme_changed_signal.unsubscribe(self)  # it would hold the widget, and the run with it

    def _theme_changed(self, _theme: object) -> None:
        self._styles = None
        self.refresh()


def told(text: str) -> Row:
    return ((text, ""),) if text else ()


def bounded(name: str, used: float, bound: float, words: Callable[..., str]) -> Row:
    """How much of something bounded is used: `tokens ▰▰▱▱▱▱▱▱ 312 of 1,000`."""
    share = used / bound if bound else 1.0
    cells = min(GAUGE, round(share * GAUGE))
    role: Role = "bad" if share >= 1 else "warn" if share >= TIGHT else "accent"
    return (
        (f"{name} ", "dim"),
        ("▰" * cells, role),
        ("▱" * (GAUGE - cells), "track"),
        (f" {words(used)} of {words(bound)}", "" if share < TIGHT else role),
    )
