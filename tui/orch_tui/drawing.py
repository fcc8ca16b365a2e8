"""The drawing of a workflow with room for what its steps do now: lines of characters, and where each step stands.

`Shown` lays roles and words over it. Knows no widget.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len

from orch_tui.text import Piece, Role, Row, clean, cut

if TYPE_CHECKING:
    from orchestrator.graph.picture import Box, Picture

ROOM = 22
"""Columns in a box for what its step does now."""
HEAVY = str.maketrans("┌─┐│└┘╭╮╰╯╔═╗║╚╝", "┏━┓┃┗┛┏┓┗┛┏━┓┃┗┛")
"""The frame of what runs."""
EDGES = ("‹", "›")
DEEPEST = 30
"""Groups inside groups that are drawn; what is deeper is counted. More would be nothing but frames."""


@dataclass(frozen=True, slots=True)
class Spot:
    """One step in the drawing. `said` is where its status stands, from the left edge of the drawing: row, column.

    In a list, without a box, `framed` is false.
    """

    step: str
    row: int
    column: int
    width: int
    height: int
    said: tuple[int, int]
    framed: bool = True


@dataclass(frozen=True, slots=True)
class Drawing:
    """Lines as they stand, and the steps in reading order. `trouble` says what a person should know about it."""

    lines: tuple[str, ...] = ()
    spots: tuple[Spot, ...] = ()
    trouble: str = ""

    @property
    def width(self) -> int:
        return max((cell_len(line) for line in self.lines), default=0)


@dataclass(frozen=True, slots=True)
class Badge:
    """What a step does now, in words. `busy` makes its frame stand out."""

    words: str
    role: Role
    busy: bool = False


def of_file(file: Path, digest: str) -> Drawing:
    """The drawing of a workflow file; without lines when it cannot be drawn. `digest` is that of the run. Blocks."""
    from orchestrator.errors import OrchError
    from orchestrator.graph.open import check_workflow
    from orchestrator.graph.picture import picture

    try:
        built = check_workflow(file)
    except OrchError as error:
        return Drawing(trouble=f"the workflow cannot be drawn: {error.message}")
    except OSError as error:
        return Drawing(trouble=f"the workflow {file} cannot be read: {error.strerror}")
    if built.graph is None:
        return Drawing(trouble=f"the workflow {file} has errors now: orch validate says which")
    changed = digest and built.graph.digest != digest
    trouble = f"{file} has changed since the run began: this is how it is now" if changed else ""
    drawn = of_picture(picture(built.graph))
    return replace(drawn, trouble=" · ".join(one for one in (trouble, drawn.trouble) if one))


def of_picture(picture: Picture) -> Drawing:
    from orchestrator.graph.draw_text import text_and_spots

    folded: list[str] = []
    text, found = text_and_spots(_with_room(picture, folded))
    spots = []
    for spot in found:
        below = 2 if spot.box.inside is None else 1
        said = (spot.row + below, spot.column + 2)
        spots.append(Spot(spot.step, spot.row, spot.column, spot.width, spot.height, said))
    lines = tuple(clean(line) for line in text.rstrip("\n").split("\n"))
    trouble = f"folded, since more than {DEEPEST} groups deep: {', '.join(folded[:3])}" if folded else ""
    trouble += f" and {len(folded) - 3} more" if len(folded) > 3 else ""
    return Drawing(lines, tuple(sorted(spots, key=lambda spot: (spot.row, spot.column))), trouble)


def _with_room(picture: Picture, folded: list[str], level: int = 0) -> Picture:
    """Every box with a first line of blanks, for its status; `folded` gets the names of groups too deep to be drawn."""
    boxes: list[Box] = []
    for box in picture.boxes:
        lines, inside = (" " * ROOM, *box.lines), box.inside
        if inside is not None and level >= DEEPEST:
            folded.append(box.title)
            lines, inside = (*lines, f"… {_steps_in(inside):,} steps inside"), None
        elif inside is not None:
            inside = _with_room(inside, folded, level + 1)
        boxes.append(replace(box, lines=lines, inside=inside))
    return replace(picture, boxes=tuple(boxes))


def _steps_in(picture: Picture) -> int:
    count, left = 0, [picture]
    while left:
        boxes = left.pop().boxes
        count += len(boxes)
        left += [box.inside for box in boxes if box.inside is not None]
    return count


def as_list(steps: Iterable[str], trouble: str = "") -> Drawing:
    """The steps one below the other, indented by what they are inside of: when there is nothing to draw."""
    lines, spots = [], []
    for row, step in enumerate(steps):
        level = step.count(".")
        name = "  " * min(level, DEEPEST) + clean(step.rpartition(".")[2])
        if level > DEEPEST:
            name += f"  ({level + 1:,} levels deep)"
        column = 2 + ROOM
        lines.append(" " * column + name)
        spots.append(Spot(step, row, 0, column + cell_len(name), 1, (row, 2), framed=False))
    return Drawing(tuple(lines), tuple(spots), trouble)


class Shown:
    """A drawing with the status of its steps in it."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.badges: dict[str, Badge] = {}
        """Of steps that were on the screen when it was last brought up to date."""
        self.chosen = ""
        """The step the cursor stands on."""
        self._on: dict[int, list[Spot]] = {}
        """The steps whose frame, title or status stands in a row, outer ones first."""
        for spot in drawing.spots:
            for row in range(spot.row, spot.row + spot.height):
                self._on.setdefault(row, []).append(spot)

    def steps_on(self, rows: Iterable[int]) -> set[str]:
        """The steps whose status, or frame in its colour, is seen in these rows."""
        return {spot.step for row in rows for spot in self._on.get(row, ())}

    def row(self, index: int, left: int, width: int) -> Row:
        """A line from column `left` on, with a mark at an edge beyond which it goes on."""
        cells = self._cells(index)
        size = len(cells)
        seen = cells[left : left + width]
        if left > 0 and any(text.strip() for text, _ in cells[:left]):
            seen[:1] = [(EDGES[0], "accent")]
        if size > left + width and seen:
            seen[-1:] = [(EDGES[1], "accent")]
        return _joined(seen)

    def _cells(self, index: int) -> list[Piece]:
        """One piece per column; the second column of a wide character is empty."""
        cells: list[Piece] = []
        for char in self.drawing.lines[index]:
            columns = cell_len(char)
            if columns == 0 and cells:
                cells[-1] = (cells[-1][0] + char, "")
            else:
                cells.append((char, ""))
                cells.extend([("", "")] * (columns - 1))
        spots = self._on.get(index, ())
        for spot in spots:
            cells += [(" ", "")] * (spot.column + spot.width - len(cells))
        for spot in spots:
            self._paint(cells, spot, index)
        return cells

    def _paint(self, cells: list[Piece], spot: Spot, index: int) -> None:
        badge = self.badges.get(spot.step, Badge("", "dim"))
        chosen = spot.step == self.chosen
        first, last = spot.column, spot.column + spot.width - 1
        if spot.framed:
            outer = (
                range(first, last + 1) if index in (spot.row, spot.row + spot.height - 1) else (first, last)
            )
            for column in outer:
                text = cells[column][0]
                cells[column] = (
                    text.translate(HEAVY) if badge.busy else text,
                    "accent" if chosen else badge.role,
                )
        if index == spot.row + (1 if spot.framed and spot.said[0] - spot.row == 2 else 0):
            role: Role = "accent" if chosen else "bold"
            for column in range(first + 1, last):
                if cells[column][0] not in "─━═" or not spot.framed:
                    cells[column] = (cells[column][0], role)
            if chosen:
                cells[first + 1] = ("▸", "accent") if spot.framed else cells[first + 1]
                cells[first] = cells[first] if spot.framed else ("▸", "accent")
        if index == spot.said[0]:
            text = cut(clean(badge.words), ROOM)
            for offset, char in enumerate(text):
                cells[spot.said[1] + offset] = (char, badge.role)


def _joined(cells: list[Piece]) -> Row:
    """Neighbours of one role as one piece."""
    row: list[Piece] = []
    for text, role in cells:
        if row and row[-1][1] == role:
            row[-1] = (row[-1][0] + text, role)
        else:
            row.append((text, role))
    return tuple(row)
