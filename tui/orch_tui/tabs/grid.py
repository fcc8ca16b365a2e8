"""A table whose cells are wrapped, not cut: side by side where there is room, else one entry below the other.

Knows no Markdown and no run.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from orch_tui.tabs.page import Page, lines
from orch_tui.text import Role, clean

GAP = "  "
LEAST = 6
"""Columns a cell must have, to be read beside others."""


def put(page: Page, header: Sequence[str], body: Sequence[Sequence[str]], *, right: set[int]) -> None:
    """All the words of the table. `right` are the columns that end at their right edge; every row has all cells."""
    shown = [[clean(cell) for cell in row] for row in (header, *body)]
    widths = _widths(shown, page.width - len(GAP) * (len(header) - 1))
    if widths is None:
        _put_entries(page, shown[0], shown[1:])
        return
    _put_line(page, shown[0], widths, right, "dim")
    page.put((("─" * min(page.width, sum(widths) + len(GAP) * (len(widths) - 1)), "track"),))
    for row in shown[1:]:
        _put_line(page, row, widths, right, "")


def _widths(rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Columns of each cell: what is short keeps its width, what is long shares the rest; None when it is too little."""
    wanted = [max(1, *(cell_len(row[column]) for row in rows)) for column in range(len(rows[0]))]
    left, widths = room, dict.fromkeys(range(len(wanted)), 0)
    waiting = sorted(widths, key=lambda column: wanted[column])
    while waiting:
        column = waiting.pop(0)
        widths[column] = min(wanted[column], left // (len(waiting) + 1))
        left -= widths[column]
    tight = any(width < min(wanted[column], LEAST) for column, width in widths.items())
    return None if tight else list(widths.values())


def _put_line(page: Page, row: Sequence[str], widths: Sequence[int], right: set[int], role: Role) -> None:
    cells = [lines(cell, width) for cell, width in zip(row, widths, strict=True)]
    for number in range(max(len(cell) for cell in cells)):
        texts = (cell[number] if number < len(cell) else "" for cell in cells)
        padded = [_padded(text, widths[column], right=column in right) for column, text in enumerate(texts)]
        page.put(((GAP.join(padded).rstrip(), role),))


def _padded(text: str, width: int, *, right: bool) -> str:
    blank = " " * (width - cell_len(text))
    return blank + text if right else text + blank


def _put_entries(page: Page, header: Sequence[str], body: Sequence[Sequence[str]]) -> None:
    """Every row as names with their values, with a line between."""
    for number, row in enumerate(body):
        if number:
            page.put((("─" * min(page.width, 20), "track"),))
        for name, cell in zip(header, row, strict=True):
            page.add(((f"{name}: ", "dim"),) if name else (), ((cell, ""),))
