"""What the tree shows: the rows of a run at one moment. What has ended is not made again. Knows no widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orch_tui.rows import Place
from orch_tui.span_row import Look, facts_of, row_at, run_row
from orch_tui.text import Row
from orch_tui.trace import NOWHERE
from orch_tui.waterfall import Axis

if TYPE_CHECKING:
    from orch_tui.view import Followed

WINDOW = 64
"""Rows whose places are looked up together."""
KEPT = 1000
"""Rows that are remembered: those of the screen and of where one was before."""


class TreeSource:
    """The rows at one moment: `renew` takes the next one."""

    def __init__(self, shown: Followed) -> None:
        self.shown = shown
        self._places: dict[int, Place] = {}
        self._changes = -1
        self._look = self._new_look()
        self._made: dict[Place, tuple[object, Row]] = {}
        """Rows of what has ended, with all they depend on: they are not made again."""

    def __len__(self) -> int:
        return len(self.shown.rows)

    def renew(self) -> None:
        """Durations, spinners and bars are drawn for this moment from now on."""
        self._look = self._new_look()

    def row(self, index: int, width: int) -> Row:
        if self._changes != self.shown.rows.changes:
            self._changes = self.shown.rows.changes
            self._places.clear()
        place = self._places.get(index)
        if place is None:
            found = self.shown.rows.window(index, WINDOW)
            self._places.update(enumerate(found, index))
            place = found[0]
        return self._row(place, width)

    def _row(self, place: Place, width: int) -> Row:
        if place[0] == NOWHERE:
            return run_row(self._look, self.shown.feed.status, width)
        if place[1] != NOWHERE or self.shown.trace.live(place[0]):
            return row_at(self._look, *place, width)
        facts = (width, facts_of(self._look, place[0]))
        made = self._made.get(place)
        if made is None or made[0] != facts:
            if len(self._made) >= KEPT:
                self._made.clear()
            made = self._made[place] = facts, row_at(self._look, *place, width)
        return made[1]

    def _new_look(self) -> Look:
        now = self.shown.now
        axis = Axis.of(self.shown.trace, now, growing=self.shown.feed.running)
        return Look(self.shown.rows, now, axis)
