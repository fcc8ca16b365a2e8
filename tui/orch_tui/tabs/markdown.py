"""Markdown as rows: headings, lists, quotes, code, tables, bold and code within a line. A reader line by line.

Written for answers of small models: what is no Markdown stands as it was written, nothing is lost but the marks.
Links are text. Time and rows grow with the text alone, whatever it holds.
"""

from __future__ import annotations

import re

from orch_tui.tabs import grid
from orch_tui.tabs.page import Page
from orch_tui.text import Piece, Row

_HEAD = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])\s+(.*)", re.DOTALL)
_FENCE = re.compile(r"\s*(```+|~~~+)\s*(\S*).*")
_RULE = re.compile(r" {0,3}(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,}")
_CELLS = re.compile(r"\s*\|?(?:\s*:?-+:?\s*\|)+(?:\s*:?-+:?\s*)?\|?\s*")
_BAR = re.compile(r"(?<!\\)\|")
_INLINE = re.compile(r"(`{1,3})([^`]+)\1|\*\*([^*\n]+)\*\*|__([^_\n]+)__")
ROWS_OF_A_TABLE = 500
COLUMNS_OF_A_TABLE = 40


def put(page: Page, text: str) -> None:
    """The text on the page."""
    source = text.replace("\r\n", "\n").split("\n")
    paragraph: list[str] = []
    at = 0
    while at < len(source):
        line = source[at]
        used = _block(page, source, at, paragraph)
        if used:
            at += used
            continue
        if not line.strip():
            _close(page, paragraph)
            page.gap()
        elif paragraph or not line.startswith("    "):
            paragraph.append(line.strip())
            if line.endswith("  "):  # two spaces: the line ends here
                _close(page, paragraph)
        else:
            page.add((("    ", ""),), ((line[4:], "code"),))
        at += 1
    _close(page, paragraph)


def _block(page: Page, source: list[str], at: int, paragraph: list[str]) -> int:
    """How many lines a block beginning here took; 0 when none begins."""
    line = source[at]
    if fence := _FENCE.fullmatch(line):
        _close(page, paragraph)
        return _code(page, source, at, fence)
    if _is_table(source, at):
        _close(page, paragraph)
        return _table(page, source, at)
    if len(line) < 1000 and (head := _HEAD.fullmatch(line)):
        _close(page, paragraph)
        page.gap()
        page.add(((f"{head[1]} ", "dim"),), ((head[2], "head"),))
    elif len(line) < 200 and _RULE.fullmatch(line):
        _close(page, paragraph)
        page.put((("─" * min(page.width, 40), "track"),))
    elif item := _ITEM.fullmatch(line):
        _close(page, paragraph)
        indent = " " * min(len(item[1].expandtabs(4)), page.width // 3)
        sign = "•" if item[2] in "-*+" else item[2]
        page.add(((indent, ""), (f"{sign} ", "accent")), inline(item[3]))
    elif line.lstrip().startswith(">"):
        _close(page, paragraph)
        page.add((("▎ ", "dim"),), inline(line.lstrip().lstrip("> ")))
    else:
        return 0
    return 1


def _close(page: Page, paragraph: list[str]) -> None:
    """The lines gathered so far are a paragraph. Line ends stay: models mean them."""
    for line in paragraph:
        page.add((), inline(line))
    paragraph.clear()


def _code(page: Page, source: list[str], at: int, fence: re.Match[str]) -> int:
    end = at + 1
    while end < len(source) and not source[end].strip().startswith(fence[1]):
        page.add((("│ ", "track"),), ((source[end], "code"),))
        end += 1
    return end + 1 - at


def _is_table(source: list[str], at: int) -> bool:
    """A line with bars above one of dashes, with as many cells: prose with a bar in it has not."""
    if "|" not in source[at] or at + 1 == len(source) or not _CELLS.fullmatch(source[at + 1][:2000]):
        return False
    return len(_cells(source[at])) == len(_cells(source[at + 1]))


def _table(page: Page, source: list[str], at: int) -> int:
    header, dashes = _cells(source[at]), _cells(source[at + 1])
    end = at + 2
    body: list[list[str]] = []
    while end < len(source) and "|" in source[end] and source[end].strip():
        body.append(_as_many(_cells(source[end]), len(header)))
        end += 1
    columns = min(len(header), COLUMNS_OF_A_TABLE)
    right = {column for column, cell in enumerate(dashes[:columns]) if cell[-1:] == ":" and cell[:1] != ":"}
    page.gap()
    shown = [_as_many(row, columns) for row in (header, *body[:ROWS_OF_A_TABLE])]
    grid.put(page, shown[0], shown[1:], right=right)
    if len(body) > ROWS_OF_A_TABLE:
        page.more(f"{len(body) - ROWS_OF_A_TABLE} more rows of this table")
    return end - at


def _cells(line: str) -> list[str]:
    """What stands between the bars; the outer ones may be missing, and `\\|` is a bar in a cell."""
    cells = [_bare(cell.strip().replace("\\|", "|")) for cell in _BAR.split(line.strip())]
    first = 1 if len(cells) > 1 and not cells[0] else 0
    last = len(cells) - 1 if len(cells) > first + 1 and not cells[-1] else len(cells)
    return cells[first:last]


def _as_many(cells: list[str], columns: int) -> list[str]:
    """The cells of a row for so many columns; what is too much stands with the last."""
    if len(cells) > columns:
        return [*cells[: columns - 1], " | ".join(cells[columns - 1 :])]
    return cells + [""] * (columns - len(cells))


def _bare(text: str) -> str:
    return "".join(piece for piece, _ in inline(text))


def inline(text: str) -> Row:
    """Bold and code of one line."""
    pieces: list[Piece] = []
    at = 0
    for found in _INLINE.finditer(text):
        if found.start() > at:
            pieces.append((text[at : found.start()], ""))
        if found[2] is not None:
            pieces.append((found[2], "code"))
        else:
            pieces.append((found[3] or found[4], "bold"))
        at = found.end()
    if at < len(text) or not pieces:
        pieces.append((text[at:], ""))
    return tuple(pieces)
