"""A text to scroll, one for each tab. Knows no run."""

from __future__ import annotations

from textual.message import Message

from orch_tui.listing import Listing, Source
from orch_tui.tabs.page import Page

OUTPUT = 0
"""The tab that is shown first."""


class Scroller(Listing):
    """A text to scroll. It remembers where the person was in it, by tab."""

    DEFAULT_CSS = "Scroller { overflow-y: scroll; }"

    class Resized(Message):
        """There are more or fewer columns for the text."""

    def __init__(self) -> None:
        super().__init__(Page(80), cursor_shown=False)
        self.place = OUTPUT
        self.growing = False
        self._places: dict[int, float] = {}
        self._swapping = False

    def swap(self, source: Source, tab: int, *, growing: bool = False) -> None:
        """Another text: at the place where the person was in this tab, or at its end when that grows."""
        ended = self.growing and not growing and self.follow_end
        if growing and not self.growing:
            self.follow_end = True
        self.source, self.place, self.growing = source, tab, growing
        self._swapping = True
        self.follow_end = self.follow_end and growing
        self.redraw()
        if ended:
            self.scroll_end(animate=False, immediate=True, force=True)
        elif not self.follow_end:
            top = min(self._places.get(tab, 0), max(0, len(source) - self.size.height))
            self.scroll_to(y=top, animate=False, immediate=True, force=True)
        self._swapping = False

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        if self._swapping:
            return
        if self.growing and new_value > old_value and new_value >= self.max_scroll_y:
            self.follow_end = True
        if not self.follow_end:
            self._places[self.place] = new_value

    def action_last(self) -> None:
        super().action_last()
        self.follow_end = self.growing

    def on_resize(self) -> None:
        self.post_message(self.Resized())

    def find_from(self, top: int) -> bool:
        """Go to the first match from this row on; false when there is none."""
        self.cursor = top - 1
        return super().find(1)

    def find(self, step: int) -> bool:
        """From what is on the screen on, when the last match is not."""
        top = self.scroll_offset.y
        if not top <= self.cursor < top + self.size.height:
            self.cursor = top - 1 if step > 0 else top + self.size.height
        return super().find(step)
