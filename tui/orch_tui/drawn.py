"""A list of which only the rows on the screen exist. Knows no run: it asks a `Source`.

Drawing again costs what has changed on the screen, however long the list is.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple, Protocol

from rich.style import Style
from textual.color import Color
from textual.geometry import Region, Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView
from textual.scrollbar import ScrollBar
from textual.selection import Selection
from textual.strip import Strip

from orch_tui.text import Row, Styles, highlighted, strip
from orch_tui.thumb import Thumb

REMEMBERED = 300
"""Lines that are remembered: those of the screen, and some that come back."""


class Source(Protocol):
    """What a listing shows. `row` is called only for what is on the screen, with the columns there are."""

    def __len__(self) -> int: ...

    def row(self, index: int, width: int) -> Row: ...


class _Look(NamedTuple):
    """What the look of every line depends on."""

    width: int
    seen: int
    """Columns that no scrollbar lies over; a row may have fewer."""
    focused: bool
    needle: str
    selection: Selection | None
    style: Style


class _Key(NamedTuple):
    """What makes one line unlike the others. `row` is None behind the last; `span` is what is selected in it."""

    row: Row | None
    chosen: bool
    span: tuple[int, int] | None


class Rows:
    """A source of rows that are there already."""

    def __init__(self, rows: list[Row] | None = None) -> None:
        self.rows = rows or []

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 - cut where it is drawn
        return self.rows[index]


class DrawnList(ScrollView):
    """After the source changed call `redraw()`; only lines that differ are drawn."""

    virtual_size: Reactive[Size] = Reactive(Size(0, 0), repaint=False)
    """Textual's own lays the screen out anew, and so draws everything, whenever it changes."""

    def __init__(
        self,
        source: Source | None = None,
        *,
        cursor_shown: bool = True,
        follow_end: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.source: Source = Rows() if source is None else source
        self.cursor = 0
        self.cursor_shown = cursor_shown
        self.follow_end = follow_end
        self.needle = ""
        self._styles: Styles | None = None
        self._drawn: dict[int, _Key] = {}
        """What stands on the screen, by the number of the row."""
        self._strips: dict[_Key, Strip] = {}
        """How it looks: rows that moved are not made again."""
        self._asked: dict[int, Row | None] = {}
        """Rows that were asked for because some differ, until those are drawn."""
        self._asked_for = 0
        """The width they were asked for: a scrollbar may come before they are drawn."""
        self._look: _Look | None = None
        """While lines are made: theirs."""
        self._made_for: _Look | None = None
        """The look of all that is remembered."""
        self._styled: list[int] = []
        self._colors: tuple[Style, Color] | None = None
        """What the styles of all parents come to, and the state of those styles."""
        self._lines: dict[int, Strip] = {}
        """What the screen was handed, by the number of the row; what must be made again is not in here."""
        self._handed: object = None
        """What all of these depend on."""
        self._kept = False
        """Whether what is drawn again looks as it did: it only stands elsewhere, or was forgotten already."""
        self._thumb: tuple[int, int] | None = None
        self._thumb_due = False

    def redraw(self) -> None:
        """The source may have changed: keep the cursor in range and draw the lines that differ."""
        count = len(self.source)
        self._thumb_due = True  # it is moved at the end
        self.virtual_size = Size(0, count)
        self.cursor = max(0, min(self.cursor, count - 1))
        if self.follow_end:
            self.cursor = max(0, count - 1)
            if self.scroll_y != (end := self.max_scroll_y):
                self.scroll_to(y=end, animate=False)
        self._draw_what_differs()
        self._thumb_due = False
        self._move_thumb()

    def _draw_what_differs(self) -> None:
        top, height, look = self.scroll_offset.y, self.size.height, self._looks()
        self._asked.clear()
        drawn, shown = self._drawn, range(top, top + height)
        keys = {index: self._key(index, look) for index in shown}
        changed = [index for index, key in keys.items() if drawn.get(index) != key]
        if changed:
            self._asked, self._asked_for = {index: key.row for index, key in keys.items()}, look.width
            for index in changed:
                self._lines.pop(index, None)
            if len(changed) * 2 > height:
                self._draw_again(Region(0, 0, look.seen, height))  # found faster than many
            else:
                self._draw_again(*(Region(0, index - top, look.seen, 1) for index in changed))
        self._forget_unseen()  # nobody asked how those lines are now

    def _draw_again(self, *regions: Region) -> None:
        """Lines that are remembered are shown as they are."""
        self._kept = True
        self.refresh(*regions)
        self._kept = False

    def render_lines(self, crop: Region) -> list[Strip]:
        """Without borders, padding and transparency the lines are shown as they are, with all that is remembered
        of those that were on the screen before; Textual would make new ones of them."""
        self._look = self._looks()
        try:
            if self.styles.gutter.totals != (0, 0) or self.opacity != 1 or self.styles.tint.a:
                return super().render_lines(crop)
            lines = self._handed_lines(crop.line_range, self._look)
        finally:
            self._look = None
            self._asked.clear()
        if crop.column_span != (0, self._seen):  # with what lies beneath the scrollbar
            lines = [line.extend_cell_length(crop.right).crop(*crop.column_span) for line in lines]
        return lines

    def _handed_lines(self, places: range, look: _Look) -> list[Strip]:
        """Lines as the terminal can show them, e.g. without colour. Textual asks for all of them whenever one differs."""
        filters, background = self.get_line_filters(), self._style_and_background()[1]
        top, lines = self.scroll_offset.y, self._lines
        handed = (look, self.size, filters, background)
        if handed != self._handed:
            self._handed = handed
            lines.clear()
        shown = range(places.start + top, places.stop + top)
        for index in shown:
            if index not in lines:
                line = self._made(index, look)
                for one in filters:
                    line = line.apply_filter(one, background)
                lines[index] = line
        handed_now = [lines[index] for index in shown]
        if len(lines) > REMEMBERED:  # somebody scrolls through a long list that does not change
            self._forget_unseen()
        if len(self._strips) > REMEMBERED:
            self._strips = {key: self._strips[key] for key in self._drawn.values() if key in self._strips}
        return handed_now

    def _set_dirty(self, *regions: Region) -> None:
        """Every way in which Textual or we have something drawn again comes by here."""
        super()._set_dirty(*regions)
        if self._kept:
            return
        if not regions:
            self._lines.clear()
        top = self.scroll_offset.y
        for region in regions:
            for y in region.line_range:
                self._lines.pop(y + top, None)

    def render_line(self, y: int) -> Strip:
        """A line; outside of a drawing with its places in the text, which Textual asks for when text is selected.

        In a drawing they would only make every line unlike any other.
        """
        index = y + self.scroll_offset.y
        line = self._made(index, self._look or self._looks())
        return line if self._look is not None or index >= len(self.source) else line.apply_offsets(0, index)

    def _made(self, index: int, look: _Look) -> Strip:
        key = self._key(index, look)
        if self._look is not None:  # whoever only asks how it looks puts nothing on the screen
            self._drawn[index] = key
        line = self._strips.get(key)
        if line is None:
            line = self._strips[key] = self._strip(key, look)
        return line

    @property
    def vertical_scrollbar(self) -> ScrollBar:
        """Ours: rows come ten times a second, and with them it would be drawn from top to bottom."""
        if self._vertical_scrollbar is None and self.styles.scrollbar_size_vertical == 1:
            bar = self._vertical_scrollbar = Thumb()
            bar.display = False
            self.app._start_widget(self, bar)
        return super().vertical_scrollbar

    @property
    def columns(self) -> int:
        """What a row has room for: the scrollbar lies over the last column where there is one."""
        return self._seen

    @property
    def _seen(self) -> int:
        return max(0, self.size.width - self.scrollbar_size_vertical * self.show_vertical_scrollbar)

    def _looks(self) -> _Look:
        """What every line depends on; what was remembered for another look is forgotten."""
        selected = (
            self.text_selection if self.is_attached else None
        )  # it may be drawn while the screen closes
        style = self._style_and_background()[0]
        look = _Look(self.columns, self._seen, self.has_focus, self.needle, None, style)
        if look != self._made_for:
            self._made_for = look
            self._drawn.clear()
            self._strips.clear()
        return look if selected is None else look._replace(selection=selected)

    def _style_and_background(self) -> tuple[Style, Color]:
        """Textual works them out from all parents each time; they are others only when a style of one of these is."""
        styled = [node.styles._cache_key for node in self.ancestors_with_self]
        if self._colors is None or styled != self._styled:
            self._styled, self._colors = styled, (self.rich_style, self.background_colors[1])
        return self._colors

    def _key(self, index: int, look: _Look) -> _Key:
        row = self._asked.get(index) if look.width == self._asked_for else None
        if row is None and index < len(self.source):
            row = self.source.row(index, look.width)
        span = look.selection.get_span(index) if look.selection is not None else None
        return _Key(row, self.cursor_shown and index == self.cursor, span)

    def _strip(self, key: _Key, look: _Look) -> Strip:
        base = look.style
        if key.chosen:
            styles = self.styles_of_roles
            base += styles.cursor if look.focused else styles.cursor_blurred
        if key.row is None:
            return Strip.blank(look.seen, base)
        line = strip(highlighted(key.row, look.needle), look.width, self.styles_of_roles, base)
        if key.span is not None:
            line = self._selected(line, *key.span)
        return line.extend_cell_length(look.seen, base)

    def _selected(self, line: Strip, start: int, end: int) -> Strip:
        style = self.screen.get_component_rich_style("screen--selection")
        stop = line.cell_length if end == -1 else min(end, line.cell_length)
        before, inside, after = (
            line.crop(0, start),
            line.crop(start, stop),
            line.crop(stop, line.cell_length),
        )
        return Strip.join([before, inside.apply_style(style), after])

    @property
    def styles_of_roles(self) -> Styles:
        if self._styles is None:
            self._styles = Styles(self.app.theme_variables)
        return self._styles

    # -- the scrollbar

    def watch_virtual_size(self, before: Size, now: Size) -> None:
        """Rows came or went: a layout only where the scrollbar does so too."""
        height, wanted = self.size.height, self.styles.height
        if (before.height > height) != (now.height > height) or (wanted is not None and wanted.is_auto):
            self.refresh(layout=True)
            return
        self.scroll_y = self.validate_scroll_y(self.scroll_y)
        self._thumb_soon()  # rows that come are mostly followed by a scroll to where they are

    def _thumb_soon(self) -> None:
        if not self._thumb_due:
            self._thumb_due = True
            self.call_next(self._move_thumb)

    def _move_thumb(self) -> None:
        """Tell the scrollbar only what makes it look different: Textual draws all of it, which takes a while."""
        self._thumb_due = False
        count = self.virtual_size.height
        thumb = _thumb(self.size.height, count, self.scroll_y)
        if thumb != self._thumb:
            self._thumb = thumb
            bar = self.vertical_scrollbar
            if isinstance(bar, Thumb):
                bar.stand(count, self.scroll_y)
            else:
                bar.window_virtual_size, bar.position = count, self.scroll_y

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        if round(old_value) != round(new_value):
            self._draw_again(Region(0, 0, self._seen, self.size.height))
        self._thumb_soon()
        if self.follow_end and new_value < old_value and new_value < self.max_scroll_y:
            self.follow_end = False

    # -- life

    def on_mount(self) -> None:
        self.virtual_size = Size(0, len(self.source))
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def on_unmount(self) -> None:
        self.app.theme_changed_signal.unsubscribe(self)  # it would hold the widget, and the run with it

    def _theme_changed(self, _theme: object) -> None:
        self._styles = None
        self._forget()
        self.refresh()

    def _forget_unseen(self) -> None:
        top = self.scroll_offset.y
        shown = range(top, top + self.size.height)
        self._drawn = {index: key for index, key in self._drawn.items() if index in shown}
        self._lines = {index: line for index, line in self._lines.items() if index in shown}

    def _forget(self) -> None:
        self._drawn.clear()
        self._strips.clear()
        self._lines.clear()
        self._asked.clear()


def _thumb(height: int, count: int, top: float) -> tuple[int, int]:
    """Where a scrollbar's thumb begins and how long it is, in eighths of a line."""
    if height <= 0 or count <= height:
        return 0, 0
    length = max(1.0, height * height / count)
    return int((height - length) * top / (count - height) * 8), ceil(length * 8)
