"""The rows of a tab in one width: text wrapped, labels in front, bounded. Knows no widget and no run.

Text goes in as it was written; every row that comes out is clean, short and at most as wide as the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len

from orch_tui.text import TAB, Piece, Role, Row, clean, cut, plain, width_of, wrapped
from orchestrator.report import words
from orchestrator.safe import safe

CHARACTERS = 1_000_000
"""Of one text that are shown; of a whole page that are copied."""
ROWS = 120_000
"""Of one page."""
NARROWEST = 8
"""Columns that a text keeps, whatever stands in front of it."""


def lines(text: str, width: int) -> list[str]:
    """The text wrapped; also what takes no columns at all is broken, since no row may be endlessly long."""
    width = max(1, width)
    longest = 16 * width
    found: list[str] = []
    for line in wrapped(text[: CHARACTERS * 2], width):
        if len(line) <= longest:
            found.append(line)
        else:
            found += [line[at : at + longest] for at in range(0, len(line), longest)]
    return found


class Page:
    """Filled from top to bottom; `rows` is a source for a listing, `text` what `y` copies."""

    def __init__(self, width: int) -> None:
        self.width = max(NARROWEST, width)
        self.rows: list[Row] = []
        self.copied: str | None = None
        """What stands for the rows when they are copied: a value without its looks."""
        self.anchor: int | None = None
        """The row that matters most."""
        self._full = False

    def __len__(self) -> int:
        return len(self.rows)

    def row(self, index: int, width: int) -> Row:  # noqa: ARG002 - made for one width
        return self.rows[index]

    @property
    def text(self) -> str:
        if self.copied is not None:
            return safe(self.copied[:CHARACTERS])
        found, size = [], 0
        for row in self.rows:
            found.append(plain(row).rstrip())
            size += len(found[-1]) + 1
            if size > CHARACTERS:
                break
        return "\n".join(found)[:CHARACTERS]

    # -- filling

    def gap(self) -> None:
        """An empty row, never two, and none at the top."""
        if self.rows and self.rows[-1]:
            self._put([()])

    def head(self, text: str, note: str = "") -> None:
        """A heading; `note` stands behind it."""
        self.gap()
        self.add((), ((text, "head"), (f"  {note}" if note else "", "dim")))

    def say(self, text: str, role: Role = "") -> None:
        """A text of any length, wrapped."""
        self.add((), ((text, role),))

    def add(self, prefix: Row, body: Sequence[Piece]) -> None:
        """The body wrapped behind a prefix; further rows stand beneath its beginning."""
        indent = width_of(prefix)
        if indent > self.width - NARROWEST and indent > self.width // 2:
            self._put(_folded(prefix, self.width))
            prefix, indent = (("  ", ""),), 2
        rest = self.width - indent
        rows = self._long(body[0], rest) if len(body) == 1 else _folded(body, rest)
        blank: Row = ((" " * indent, ""),) if indent else ()
        self._put([(*(blank if number else prefix), *row) for number, row in enumerate(rows)] or [prefix])

    def put(self, row: Row) -> None:
        """One row as it is; it is cut where it is drawn."""
        self._put([row])

    def more(self, text: str) -> None:
        """That something is not shown, and where to find it."""
        self.add((), (("… " + text, "dim"),))

    def _long(self, piece: Piece, width: int) -> list[Row]:
        text, role = piece
        left = len(text) - CHARACTERS
        rows: list[Row] = [((line, role),) if line else () for line in lines(text[:CHARACTERS], width)]
        if left > 0:
            rows.append(_left(left))
        return rows

    def _put(self, rows: Iterable[Row]) -> None:
        if self._full:
            return
        self.rows.extend(rows)
        if len(self.rows) > ROWS:
            left = len(self.rows) - ROWS
            del self.rows[ROWS:]
            self.rows.append(((f"… {words.number(left)} more lines and what follows", "dim"),))
            self._full = True


def _folded(body: Sequence[Piece], width: int) -> list[Row]:
    """Pieces of several roles, wrapped as one text."""
    shown: list[Piece] = [(safe(text[:CHARACTERS]).expandtabs(TAB), role) for text, role in body]
    left = sum(max(0, len(text) - CHARACTERS) for text, _ in body)
    text = "".join(one for one, _ in shown)
    if len(text) <= 16 * width and "\n" not in text and cell_len(text) <= width:
        return [tuple(piece for piece in shown if piece[0])]
    rows: list[Row] = []
    at, number, start = 0, 0, 0
    for line in lines(text, width):
        at = max(at, text.find(line, at))
        pieces: list[Piece] = []
        end = at + len(line)
        while number < len(shown):
            piece, role = shown[number]
            part = piece[max(0, at - start) : end - start]
            if part:
                pieces.append((part, role))
            if start + len(piece) > end:
                break
            start += len(piece)
            number += 1
        rows.append(tuple(pieces))
        at = end
    return [*rows, _left(left)] if left else rows


def _left(characters: int) -> Row:
    return ((f"… {words.number(characters)} more characters", "dim"),)


def table(page: Page, header: Sequence[str], body: Sequence[Sequence[Piece]], *, right: set[int]) -> None:
    """Columns side by side; the last takes what is left. `right` are the columns of numbers.

    For a few hundred rows: the widths are those of the longest entries, a third of the page at most.
    """
    entries = [[(clean(text[:400]), role) for text, role in line] for line in body]
    widths = [
        max(cell_len(header[column]), *(cell_len(line[column][0]) for line in entries), 0)
        for column in range(len(header) - 1)
    ]
    widths = [min(width, max(NARROWEST, page.width // 3)) for width in widths]
    if any(header):
        titles: list[Piece] = [(text, "dim") for text in header]
        page.put(_line(titles, widths, right, page.width))
    for line in entries:
        page.put(_line(line, widths, right, page.width))


def _line(line: Sequence[Piece], widths: Sequence[int], right: set[int], room: int) -> Row:
    pieces: list[Piece] = []
    for column, (text, role) in enumerate(line):
        if column < len(widths):
            text = cut(text, widths[column])
            blank = " " * (widths[column] - cell_len(text))
            pieces.append((blank + text if column in right else text + blank, role))
            pieces.append(("  ", ""))
        else:
            pieces.append((cut(text, max(1, room - sum(widths) - 2 * len(widths))), role))
    return tuple(pieces)
