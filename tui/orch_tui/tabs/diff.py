"""What changed from one text to the next, as rows: words of a short text, lines of a long one.

Told by signs too: `[-gone-]` and `{+new+}` within a line, `-` and `+` before one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher
from typing import Literal

from orch_tui.tabs.page import Page
from orch_tui.text import Piece, Role
from orchestrator.report import words

PARTS = 2000
"""Words or lines of each text that are compared."""
SHORT = 4
"""Lines up to which a text is compared word by word."""
AROUND = 2
"""Lines shown around a change."""


def put(page: Page, before: str, after: str) -> None:
    """The difference on the page."""
    if before == after:
        page.say("the same, word for word", "dim")
        return
    if max(before.count("\n"), after.count("\n")) < SHORT:
        _words(page, before, after)
    else:
        _lines(page, before.split("\n"), after.split("\n"))


def _words(page: Page, before: str, after: str) -> None:
    old, new = re.findall(r"\s+|\w+|[^\w\s]", before), re.findall(r"\s+|\w+|[^\w\s]", after)
    pieces: list[Piece] = []
    for kind, gone, added in _changes(old, new, junk=str.isspace):
        if kind == "equal":
            pieces.append(("".join(gone), ""))
            continue
        if gone:
            pieces.append((f"[-{''.join(gone)}-]", "removed"))
        if added:
            pieces.append((f"{{+{''.join(added)}+}}", "added"))
    page.add((), pieces)
    _rest(page, max(len(old), len(new)), "word")


def _lines(page: Page, old: Sequence[str], new: Sequence[str]) -> None:
    for kind, gone, added in _changes(old, new):
        if kind == "equal":
            _same(page, gone)
            continue
        for sign, role, lines in (("- ", "removed", gone), ("+ ", "added", added)):
            shown: Role = "removed" if role == "removed" else "added"
            for line in lines:
                page.add(((sign, shown),), ((line, shown),))
    _rest(page, max(len(old), len(new)), "line")


def _same(page: Page, lines: Sequence[str]) -> None:
    left = len(lines) - 2 * AROUND
    shown = lines if left <= 1 else [*lines[:AROUND], None, *lines[-AROUND:]]
    for line in shown:
        if line is None:
            page.more(f"{words.count(left, 'line')} the same")
        else:
            page.add((("  ", ""),), ((line, "dim"),))


def _rest(page: Page, count: int, noun: str) -> None:
    if count > PARTS:
        page.more(f"compared up to the {words.number(PARTS)}th {noun}")


def _changes(
    old: Sequence[str], new: Sequence[str], junk: Callable[[str], bool] | None = None
) -> list[tuple[Literal["equal", "change"], Sequence[str], Sequence[str]]]:
    old, new = old[:PARTS], new[:PARTS]
    return [
        ("equal" if kind == "equal" else "change", old[a:b], new[c:d])
        for kind, a, b, c, d in SequenceMatcher(junk, old, new).get_opcodes()
    ]
