"""Tables as rows: columns of fixed width that drop out where there is no room, one of them taking what is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from orch_tui.text import Piece, Row, clean, cut


@dataclass(frozen=True, slots=True)
class Column:
    """`width` is in columns of the terminal. One column of a table may grow `up_to` a width."""

    name: str
    title: str
    width: int
    right: bool = False
    up_to: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns there is room for, and the blanks between them."""

    columns: tuple[Column, ...]
    gap: str

    def row(self, cells: Mapping[str, Row]) -> Row:
        pieces: list[Piece] = []
        for column in self.columns:
            if pieces:
                pieces.append((self.gap, ""))
            pieces += fitted(cells[column.name], column.width, right=column.right)
        return tuple(pieces)

    def header(self, marks: Mapping[str, str] | None = None) -> Row:
        """The titles; `marks` stand behind those of their columns."""
        titles: dict[str, Row] = {column.name: ((column.title, "dim"),) for column in self.columns}
        for column in self.columns:
            if mark := (marks or {}).get(column.name):
                titles[column.name] = ((column.title + mark, "accent"),)
        return self.row(titles)


def layout(columns: Sequence[Column], drops: Sequence[str], width: int) -> Layout:
    """As many columns as fit in `width`; those of `drops` go first, in this order, and two blanks become one before."""
    kept = tuple(columns)
    for gone in (None, *drops):
        kept = tuple(column for column in kept if column.name != gone)
        for gap in (2, 1):
            room = width - sum(column.width for column in kept) - gap * (len(kept) - 1)
            if room >= 0:
                return Layout(tuple(_grown(column, room) for column in kept), " " * gap)
    return Layout(kept, " ")


def _grown(column: Column, room: int) -> Column:
    return replace(column, width=min(column.width + room, column.up_to)) if column.up_to else column


def fitted(cell: Row, width: int, *, right: bool = False) -> Row:
    """The pieces in exactly `width` columns: cut with `…` or filled up."""
    pieces: list[Piece] = []
    used = 0
    for text, role in cell:
        shown = clean(text)
        if shown and used == width and pieces:
            pieces[-1] = (cut(pieces[-1][0] + " ", cell_len(pieces[-1][0])), pieces[-1][1])
            break
        shown = cut(shown, width - used)
        if shown:
            pieces.append((shown, role))
            used += cell_len(shown)
    blank: Piece = (" " * (width - used), "")
    return (blank, *pieces) if right else (*pieces, blank)
