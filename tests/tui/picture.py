"""What stands on a screen, as a value: letters and colours of every row, written as a small SVG and read back from it.

Two pictures are the same when a person sees no difference. One row of the screen is one line of the file, so that a
diff of two files reads like the screen. Knows neither the screens nor the runs on them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from orchestrator.safe import width_of

if TYPE_CHECKING:
    from rich.color import Color
    from rich.segment import Segment
    from rich.style import Style
    from textual.app import App

WIDE, HIGH, BASE = 10, 20, 15
"""Size of a cell in the file's units, and where in it letters stand."""
LINES = ("underline", "strike")
"""What is seen in a space, too."""
MANNERS = {
    "bold": "font-weight:bold",
    "italic": "font-style:italic",
    "dim": "fill-opacity:.6",
    "underline": "text-decoration:underline",
    "strike": "text-decoration:line-through",
}
DEFAULT = "default"
SVG = "{http://www.w3.org/2000/svg}"


class Letters(NamedTuple):
    """Words in one style, from a column on. `style` is a colour and manners: `e0e0e0 bold`."""

    column: int
    text: str
    style: str


class Back(NamedTuple):
    """One colour behind some columns."""

    column: int
    width: int
    color: str


class Row(NamedTuple):
    """A row as it is seen, however it was put together. Spaces are where no letters are."""

    letters: tuple[Letters, ...] = ()
    backs: tuple[Back, ...] = ()

    @property
    def text(self) -> str:
        line, column = "", 0
        for run in self.letters:
            line += " " * (run.column - column) + run.text
            column = run.column + width_of(run.text)
        return line


class Picture(NamedTuple):
    width: int
    rows: tuple[Row, ...]


def taken_of(app: App[None]) -> Picture:
    """What the app shows now."""
    strips = app.screen._compositor.render_strips()
    return Picture(app.size.width, tuple(row_of(strip) for strip in strips))


def row_of(segments: Iterable[Segment]) -> Row:
    """The row these pieces make."""
    shown = [(one.text, *_seen(one.style)) for one in segments if one.text and not one.control]
    letters, backs, column = [], [], 0
    for (_, style), same in groupby(shown, key=lambda piece: (piece[2], piece[1])):
        text = "".join(piece[0] for piece in same)
        letters += _words(column, text, style)
        column += width_of(text)
    column = 0
    for color, same in groupby(shown, key=lambda piece: piece[2]):
        width = sum(width_of(piece[0]) for piece in same)
        backs.append(Back(column, width, color))
        column += width
    return Row(_joined(letters), tuple(backs))


def _words(column: int, text: str, style: str) -> list[Letters]:
    """Each word for itself; of spaces only the lines in them are seen."""
    pattern = ".+" if set(LINES) & set(style.split()) else "[^ ]+"
    return [
        Letters(column + width_of(text[: found.start()]), found[0], style)
        for found in re.finditer(pattern, text)
    ]


def _joined(words: Iterable[Letters]) -> tuple[Letters, ...]:
    """Words in one style with no or one space between them are one piece."""
    runs: list[Letters] = []
    for word in words:
        last = runs[-1] if runs and runs[-1].style == word.style else None
        gap = word.column - (last.column + width_of(last.text)) if last is not None else -1
        lined = bool(set(LINES) & set(word.style.split()))
        if last is not None and (gap == 0 or (gap == 1 and not lined)):
            runs[-1] = last._replace(text=last.text + " " * gap + word.text)
        else:
            runs.append(word)
    return tuple(runs)


def _seen(style: Style | None) -> tuple[str, str]:
    """Style of the letters, and the colour behind them."""
    if style is None:
        return DEFAULT, DEFAULT
    front, behind = _hex(style.color), _hex(style.bgcolor)
    if style.reverse:
        front, behind = behind, front
    return " ".join([front, *(manner for manner in MANNERS if getattr(style, manner))]), behind


def _hex(color: Color | None) -> str:
    return color.triplet.hex[1:] if color is not None and color.triplet is not None else DEFAULT


# -- as a file


def svg(picture: Picture) -> str:
    """One line for each row. Every word stands at its column, whatever font there is."""
    width, height = picture.width * WIDE, len(picture.rows) * HIGH
    base = _base(picture)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-size="16.6" '
        'font-family="Fira Code, DejaVu Sans Mono, Menlo, Consolas, monospace">',
        f"<style>text{{white-space:pre}}{_css(picture)}</style>",
        f'<rect width="{width}" height="{height}" fill="{_fill(base)}" class="{base}"/>',
        *(_group(row, y, base) for y, row in enumerate(picture.rows)),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _base(picture: Picture) -> str:
    """The colour behind most of it."""
    cells = Counter[str]()
    for row in picture.rows:
        for back in row.backs:
            cells[back.color] += back.width
    return max(cells, key=lambda color: (cells[color], color)) if cells else DEFAULT


def _css(picture: Picture) -> str:
    words = {word for row in picture.rows for run in row.letters for word in run.style.split()}
    return "".join(
        f".{word}{{{MANNERS[word]}}}" if word in MANNERS else f".f{word}{{fill:{_fill(word)}}}"
        for word in sorted(words)
    )


def _fill(color: str) -> str:
    return "gray" if color == DEFAULT else f"#{color}"


def _group(row: Row, y: int, base: str) -> str:
    backs = "".join(
        f'<rect x="{back.column * WIDE}" y="{y * HIGH}" width="{back.width * WIDE}" height="{HIGH}"'
        f' fill="{_fill(back.color)}"/>'
        for back in row.backs
        if back.color != base
    )
    letters = "".join(
        f'<text x="{run.column * WIDE}" y="{y * HIGH + BASE}" class="f{run.style}">{escape(run.text)}</text>'
        for run in row.letters
    )
    return f"<g>{backs}{letters}</g>"


def read(text: str) -> Picture:
    """The picture a file of ours holds."""
    root = ElementTree.fromstring(text)
    width = int(root.attrib["viewBox"].split()[2]) // WIDE
    base = root.findall(f"{SVG}rect")[0].attrib["class"]
    return Picture(width, tuple(_row(group, width, base) for group in root.iter(f"{SVG}g")))


def _row(group: ElementTree.Element, width: int, base: str) -> Row:
    letters = tuple(
        Letters(int(one.attrib["x"]) // WIDE, one.text or "", one.attrib["class"][1:])
        for one in group.iter(f"{SVG}text")
    )
    backs, column = [], 0
    for one in group.iter(f"{SVG}rect"):
        at, wide = int(one.attrib["x"]) // WIDE, int(one.attrib["width"]) // WIDE
        color = one.attrib["fill"].removeprefix("#")
        backs += [Back(column, at - column, base), Back(at, wide, DEFAULT if color == "gray" else color)]
        column = at + wide
    backs.append(Back(column, width - column, base))
    return Row(letters, tuple(back for back in backs if back.width))


# -- compared


def differences(was: Picture, now: Picture) -> list[str]:
    """What a person would see: rows with another text, and where only the style is another. Empty when nothing."""
    if (was.width, len(was.rows)) != (now.width, len(now.rows)):
        return [f"it was {was.width}x{len(was.rows)} and is {now.width}x{len(now.rows)}"]
    pairs = enumerate(zip(was.rows, now.rows, strict=True), 1)
    return [f"row {number:2} {told}" for number, (old, new) in pairs for told in _differ(old, new)]


def _differ(was: Row, now: Row) -> list[str]:
    if was.text != now.text:
        return [f"was  {was.text}", f"is   {now.text}"]
    told = [_styled(run, was) for run in now.letters if run not in was.letters]
    return [*told, *(_colored(back, was) for back in now.backs if back not in was.backs)]


def _styled(run: Letters, was: Row) -> str:
    end = run.column + width_of(run.text)
    there = [
        old.style for old in was.letters if old.column < end and old.column + width_of(old.text) > run.column
    ]
    return f"'{run.text}' is {run.style} and was {', '.join(dict.fromkeys(there))}"


def _colored(back: Back, was: Row) -> str:
    end = back.column + back.width
    there = [old.color for old in was.backs if old.column < end and old.column + old.width > back.column]
    return (
        f"behind columns {back.column} to {end - 1} is {back.color} and was {', '.join(dict.fromkeys(there))}"
    )
