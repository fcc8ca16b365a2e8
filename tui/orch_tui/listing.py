"""The virtual list every view is made of: a cursor, search, selection and keys. How it is drawn says `drawn.py`."""

from __future__ import annotations

from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection

from orch_tui.drawn import DrawnList, Rows, Source
from orch_tui.settings import bindings
from orch_tui.text import plain

COPIED = 10_000
"""Rows that one selection of text may cover."""


class Listing(DrawnList, can_focus=True):
    """Rows of a source with a cursor line (unless `cursor_shown` is false), search marks and text selection.

    After the source changed call `redraw()`; only lines that differ are drawn. `follow_end` keeps the last row in
    sight until the person moves away from it.
    """

    DEFAULT_CSS = """
    Listing { height: 1fr; width: 1fr; background: $surface; overflow-x: hidden; scrollbar-size-vertical: 1; }
    Listing:focus { background-tint: $foreground 3%; }
    """
    BINDINGS = bindings("down", "up", "first", "last", "half_down", "half_up", "zoom")

    class Moved(Message):
        """The cursor stands on another row, or on another thing."""

        def __init__(self, listing: Listing, index: int) -> None:
            super().__init__()
            self.listing = listing
            self.index = index

        @property
        def control(self) -> Listing:
            return self.listing

    class Chosen(Moved):
        """Enter or a double click on a row."""

    # -- what is shown

    def set_source(self, source: Source) -> None:
        """Show something else from its beginning."""
        self.source = source
        self.cursor = 0
        self._forget()
        self.virtual_size = Size(0, len(source))
        self.scroll_to(y=0, animate=False, force=True, immediate=True)
        self.refresh()

    def move_to(self, index: int, *, centre: bool = False) -> None:
        """Put the cursor on a row and bring it in sight."""
        count = len(self.source)
        index = max(0, min(index, count - 1))
        moved = index != self.cursor
        self.cursor = index
        self.follow_end = self.follow_end and index == count - 1
        self._into_sight(index, centre=centre)
        self.redraw()
        if moved:
            self.post_message(self.Moved(self, index))

    def search(self, needle: str) -> None:
        """Mark every occurrence; `find` goes from one to the next."""
        self.needle = needle
        self.redraw()

    def find(self, step: int) -> bool:
        """Go to the next (1) or previous (-1) row with the text searched for; false when there is none."""
        count, wanted = len(self.source), self.needle.lower()
        if not wanted or not count:
            return False
        for distance in range(1, count + 1):
            index = (self.cursor + step * distance) % count
            if wanted in plain(self.source.row(index, 1000)).lower():
                self.move_to(index)
                return True
        return False

    # -- keys and mouse

    def action_down(self) -> None:
        self._move_by(1)

    def action_up(self) -> None:
        self._move_by(-1)

    def action_first(self) -> None:
        self.move_to(0) if self.cursor_shown else self.scroll_home(animate=False)

    def action_last(self) -> None:
        self.move_to(len(self.source) - 1) if self.cursor_shown else self.scroll_end(animate=False)

    def action_half_down(self) -> None:
        self._move_by(max(1, self.size.height // 2))

    def action_half_up(self) -> None:
        self._move_by(-max(1, self.size.height // 2))

    def action_zoom(self) -> None:
        if len(self.source):
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        index = event.y + self.scroll_offset.y
        if not self.cursor_shown or index >= len(self.source):
            return
        self.move_to(index)
        if event.chain == 2:
            self.action_zoom()

    # -- life

    def on_resize(self) -> None:
        self._forget()
        if self.cursor_shown and len(self.source):
            self._into_sight(self.cursor)

    def on_focus(self) -> None:
        self.redraw()

    def on_blur(self) -> None:
        self.redraw()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, without the blanks that fill the lines up."""
        start = selection.start.y if selection.start is not None else 0
        end = selection.end.y if selection.end is not None else len(self.source) - 1
        end = min(end, len(self.source) - 1, start + COPIED)
        width = self.columns
        lines = []
        for index in range(start, end + 1):
            span = selection.get_span(index)
            if span is not None:
                text = plain(self.source.row(index, width))
                lines.append(text[span[0] : None if span[1] == -1 else span[1]].rstrip())
        return "\n".join(lines), "\n"

    def selection_updated(self, selection: Selection | None) -> None:  # noqa: ARG002 - it is part of the key
        self.redraw()

    def _move_by(self, rows: int) -> None:
        if self.cursor_shown:
            self.move_to(self.cursor + rows)
        else:
            self.scroll_relative(y=rows, animate=False)

    def _into_sight(self, index: int, *, centre: bool = False) -> None:
        height, top = self.size.height, self.scroll_offset.y
        if height <= 0:
            return
        self.virtual_size = Size(0, len(self.source))
        if top <= index < top + height and not centre:
            return
        if centre or index >= top + height * 2 or index < top - height:
            target = index - height // 2
        else:
            target = index if index < top else index - height + 1
        self.scroll_to(y=max(0, target), animate=False, force=True, immediate=True)


__all__ = ["Listing", "Rows", "Source"]
