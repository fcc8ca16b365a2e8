"""From rows of text with roles to strips of exact width: the one place where text from outside meets the terminal.

A row is a tuple of pieces `(text, role)`. Every piece goes through `safe()` here, and nothing is ever read as markup.
Knows no widget and no run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Literal, TypeAlias

from rich.cells import cell_len, set_cell_size
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from orchestrator.safe import safe

Role: TypeAlias = Literal[
    "", "dim", "bold", "head", "good", "bad", "warn", "run", "ask", "key", "data", "accent",
    "cloud", "added", "removed", "match", "code", "track",
]  # fmt: skip
Piece: TypeAlias = tuple[str, Role]
Row: TypeAlias = tuple[Piece, ...]

TAB = 4
MARK = "…"
REMEMBERED = 300
"""Characters of a text that is remembered once it is clean: more than a line has."""

_ROLES: dict[Role, tuple[str, bool | None]] = {
    "": ("foreground", None),
    "dim": ("foreground-muted", None),
    "bold": ("foreground", True),
    "head": ("text-primary", True),
    "good": ("text-success", None),
    "bad": ("text-error", True),
    "warn": ("text-warning", None),
    "run": ("text-accent", None),
    "ask": ("text-warning", True),
    "key": ("text-secondary", None),
    "data": ("foreground", None),
    "accent": ("text-accent", True),
    "cloud": ("text-warning", True),
    "added": ("text-success", None),
    "removed": ("text-error", None),
    "match": ("text-warning", True),
    "code": ("text-secondary", None),
    "track": ("foreground-disabled", None),
}
"""The theme's variable behind a role, and whether it is bold."""


class Styles:
    """Rich styles of the roles in one theme. Made again when the theme changes."""

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        """`variables` are those of the theme, as `App.theme_variables` has them; without them nothing has a colour."""
        self._variables = variables or {}
        self._styles = {
            role: Style(color=self._color(name), bold=bold) for role, (name, bold) in _ROLES.items()
        }
        self._styles["match"] += Style(underline=True)
        self.cursor = self._cursor()
        blurred = self._color("block-cursor-blurred-background")
        self.cursor_blurred = Style(bgcolor=blurred) if blurred else Style(bold=True)

    def __getitem__(self, role: Role) -> Style:
        return self._styles[role]

    def over(self, base: Style, role: Role) -> Style:
        """A role on what lies beneath. On the cursor's line its colour could not be read: there it is only bold or not."""
        style = self._styles[role]
        on_cursor = base.bgcolor is not None and base.bgcolor == self.cursor.bgcolor
        return base + (style.without_color if on_cursor else style)

    def _cursor(self) -> Style:
        """The line of the cursor: the theme's own colour, or black or white where the theme leaves it open."""
        from textual.color import Color

        beneath = self._color("block-cursor-background")
        if beneath is None:
            return Style(reverse=True)
        letters = Color.from_rich_color(beneath).get_contrast_text(1).rich_color
        if "auto" not in self._variables.get("block-cursor-foreground", "auto"):
            letters = self._color("block-cursor-foreground") or letters
        return Style(bgcolor=beneath, color=letters)

    def _color(self, name: str) -> RichColor | None:
        """The colour of a variable on the surface; None where the theme leaves it to the terminal."""
        from textual.color import Color, ColorParseError

        try:
            color = Color.parse(self._variables[name])
            if color.a < 1:
                color = Color.parse(self._variables["surface"]).blend(color, color.a, alpha=1)
        except (KeyError, ColorParseError):
            return None
        return color.rich_color


def clean(text: str) -> str:
    """The text as it may stand in one row: controls shown, line ends as ⏎, tabs as spaces. Short ones are remembered."""
    return _remembered(text) if len(text) <= REMEMBERED else _clean(text)


def _clean(text: str) -> str:
    text = safe(text)
    if "\n" in text:
        text = text.replace("\n", "⏎")
    return text.expandtabs(TAB) if "\t" in text else text


_remembered = lru_cache(maxsize=4096)(_clean)


def width_of(row: Iterable[Piece]) -> int:
    """Columns the row takes, uncut."""
    return sum(cell_len(clean(text)) for text, _ in row)


def plain(row: Iterable[Piece]) -> str:
    """The row as text, as it is shown."""
    return "".join(clean(text) for text, _ in row)


def strip(row: Sequence[Piece], width: int, styles: Styles, base: Style) -> Strip:
    """The row in exactly `width` columns: cut with `…` or filled up. `base` lies beneath (cursor line, background)."""
    segments: list[Segment] = []
    used = 0
    for text, role in row:
        shown = clean(text)
        if not shown:
            continue
        size = cell_len(shown)
        style = styles.over(base, role)
        if used + size > width:
            if width > used:
                segments.append(Segment(cut(shown, width - used), style))
                used = width
            elif segments:
                segments[-1] = _marked(segments[-1])
            break
        segments.append(Segment(shown, style))
        used += size
    if used < width:
        segments.append(Segment(" " * (width - used), base))
    return Strip(segments, width)


def _marked(segment: Segment) -> Segment:
    """The piece that filled the row exactly, with the mark that more would follow."""
    size = cell_len(segment.text)
    return Segment(cut(segment.text + " ", size), segment.style)


def cut(text: str, width: int) -> str:
    """Clean text in at most `width` columns, with `…` at the end where it was cut."""
    if cell_len(text) <= width:
        return text
    return set_cell_size(text, width - 1) + MARK if width > 0 else ""


def cut_left(text: str, width: int) -> str:
    """The end of clean text in at most `width` columns, with `…` where it was cut: for paths."""
    if cell_len(text) <= width:
        return text
    return MARK + set_cell_size(text[::-1], width - 1)[::-1] if width > 0 else ""


def highlighted(row: Row, needle: str) -> Row:
    """The row with every occurrence of `needle` (any case) in the role `match`."""
    if not needle:
        return row
    found: list[Piece] = []
    wanted = needle.lower()
    for text, role in row:
        shown, start = clean(text), 0
        low = shown.lower()
        if len(low) != len(shown):  # a letter that changes its length would shift every place behind it
            low = shown
        while (at := low.find(wanted, start)) >= 0:
            if at > start:
                found.append((shown[start:at], role))
            found.append((shown[at : at + len(wanted)], "match"))
            start = at + len(wanted)
        if start < len(shown):
            found.append((shown[start:], role))
    return tuple(found)


def wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns: broken at spaces where there are some. Clean text without line ends."""
    lines: list[str] = []
    for line in safe(text).expandtabs(TAB).split("\n"):
        lines += _wrapped_line(line, max(1, width))
    return lines


def _wrapped_line(line: str, width: int) -> list[str]:
    if cell_len(line) <= width:
        return [line]
    from rich.cells import chop_cells

    lines: list[str] = []
    current = ""
    for word in _words(line):
        if cell_len(current) + cell_len(word.rstrip(" ")) <= width:
            current += word
            continue
        if current:
            lines.append(current.rstrip(" "))
        *full, current = chop_cells(word, width) if cell_len(word) > width else [word]
        lines += full
    lines.append(current.rstrip(" "))
    return lines


def _words(line: str) -> list[str]:
    """The words, each with the spaces behind it; leading spaces stand with the first."""
    import re

    return re.findall(r"^\s*\S+\s*|\S+\s*", line) or [line]
