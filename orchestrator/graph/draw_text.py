"""A picture in characters: boxes, lines and arrowheads on a grid."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.graph.layout import Layout, Measures, Place, Run, lay_out
from orchestrator.graph.picture import Box, Picture
from orchestrator.safe import width_of

UP, DOWN, LEFT, RIGHT = 1, 2, 4, 8
LINES = {
    UP: "│", DOWN: "│", UP | DOWN: "│", LEFT: "─", RIGHT: "─", LEFT | RIGHT: "─",
    DOWN | RIGHT: "┌", DOWN | LEFT: "┐", UP | RIGHT: "└", UP | LEFT: "┘",
    UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", DOWN | LEFT | RIGHT: "┬", UP | LEFT | RIGHT: "┴",
    UP | DOWN | LEFT | RIGHT: "┼",
}  # fmt: skip
FRAMES = {"value": "╭─╮│╰╯", "ask": "╔═╗║╚╝"}
FRAME = "┌─┐│└┘"
DOTTED = str.maketrans("│─", "┆┄")
ASCII = str.maketrans("│─┌┐└┘├┤┬┴┼╭╮╰╯╔═╗║╚╝┆┄▼·…↻", "|-++++++++++++++=+|++:.v*~@")


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a box stands in the drawing. `step` is its path, `answer.reply.draft`."""

    step: str
    row: int
    column: int
    width: int
    height: int
    box: Box


def text(picture: Picture, *, ascii_lines: bool = False) -> str:
    """The drawing, one line per row. `ascii_lines` for terminals without box characters."""
    drawn, _ = text_and_spots(picture)
    return drawn.translate(ASCII) if ascii_lines else drawn


def text_and_spots(picture: Picture) -> tuple[str, list[Spot]]:
    """The drawing, and where its boxes stand in it, groups before what they hold."""
    canvas = Canvas()
    layout = lay_out(picture, Measures(_size, _head, gap=3, track=1, stub=1, pad=(2, 1), thread=1))
    canvas.layout(layout, 0, 0)
    return canvas.text(), list(_spots(layout, 0, 0, ""))


def _spots(layout: Layout, left: int, top: int, inside: str) -> Iterator[Spot]:
    for place in layout.places:
        if place.box is not None:
            x, y, step = left + place.x, top + place.y, inside + place.box.title
            yield Spot(step, y, x, place.width, place.height, place.box)
            if place.inside is not None:
                yield from _spots(place.inside, x, y, step + ".")


def _size(box: Box) -> tuple[int, int]:
    width = max(width_of(line) for line in (box.title, *box.lines)) + 4
    return width + (width + 1) % 2, 3 + len(box.lines)


def _head(box: Box) -> tuple[int, int]:
    width = max(width_of(line) for line in (box.title + "  ", *box.lines)) + 4
    return width, 1 + len(box.lines)


class Canvas:
    """Characters by row and column. Lines keep whose they are until the end, to tell crossings from joints."""

    def __init__(self) -> None:
        self._cells: dict[tuple[int, int], str] = {}
        self._wires: dict[tuple[int, int], dict[int, int]] = defaultdict(lambda: defaultdict(int))
        self._dotted: set[int] = set()
        self._keep: list[Run] = []

    def layout(self, layout: Layout, left: int, top: int) -> None:
        for run in layout.runs:
            self._run(run, left, top)
        for place in layout.places:
            if place.box is not None:
                self._box(place, place.box, left, top)
            else:
                self._thread(place, layout, left, top)
        for run in layout.runs:
            for target in run.targets:
                if target.box is not None:
                    self._put(top + target.y - 1, left + target.middle, "▼")

    def _box(self, place: Place, box: Box, left: int, top: int) -> None:
        frame = FRAMES.get(box.kind, FRAME)
        x, y, width, height = left + place.x, top + place.y, place.width, place.height
        self._put(y, x, frame[0] + frame[1] * (width - 2) + frame[2])
        for row in range(y + 1, y + height - 1):
            self._put(row, x, frame[3])
            self._put(row, x + width - 1, frame[3])
        self._put(y + height - 1, x, frame[4] + frame[1] * (width - 2) + frame[5])
        if place.inside is None:
            for number, line in enumerate((box.title, *box.lines), 1):
                self._put(y + number, x + 2, line)
            return
        self._put(y, x + 1, f" {box.title} ")
        for number, line in enumerate(box.lines, 1):
            self._put(y + number, x + 2, line)
        self.layout(place.inside, x, y)

    def _run(self, run: Run, left: int, top: int) -> None:
        net = len(self._keep)
        self._keep.append(run)
        if run.dotted:
            self._dotted.add(net)
        row, column = top + run.y, left + run.source.middle
        straight = run.span[0] == run.span[1]
        self._down(net, column, top + run.source.y + run.source.height, row)
        if not straight:
            first, last = left + run.span[0], left + run.span[1]
            for x in range(first, last):
                self._wires[row, x][net] |= RIGHT
                self._wires[row, x + 1][net] |= LEFT
        for target in run.targets:
            self._down(net, left + target.middle, row, top + target.y - 1)

    def _thread(self, place: Place, layout: Layout, left: int, top: int) -> None:
        dotted = any(run.source is place and run.dotted for run in layout.runs)
        for row in range(top + place.y, top + place.y + place.height):
            self._put(row, left + place.middle, "┆" if dotted else "│")

    def _down(self, net: int, column: int, first: int, last: int) -> None:
        for row in range(first, last):
            self._wires[row, column][net] |= DOWN
            self._wires[row + 1, column][net] |= UP

    def _put(self, row: int, column: int, line: str) -> None:
        for char in line:
            self._cells[row, column] = char
            if width_of(char) == 2:
                self._cells[row, column + 1] = ""
            column += max(1, width_of(char))

    def text(self) -> str:
        for at, nets in self._wires.items():
            self._cells.setdefault(at, self._line(nets))
        rows: dict[int, dict[int, str]] = defaultdict(dict)
        for (row, column), char in self._cells.items():
            rows[row][column] = char
        lines = []
        for row in range(max(rows, default=-1) + 1):
            cells = rows[row]
            lines.append("".join(cells.get(x, " ") for x in range(max(cells, default=-1) + 1)).rstrip())
        return "\n".join(lines) + "\n"

    def _line(self, nets: dict[int, int]) -> str:
        """One cell of lines: a straight crossing of two is drawn as one passing over, anything else joins."""
        masks = set(nets.values())
        if masks == {UP | DOWN, LEFT | RIGHT}:
            return "│"
        joined = 0
        for mask in masks:
            joined |= mask
        char = LINES[joined]
        return char.translate(DOTTED) if all(net in self._dotted for net in nets) else char
