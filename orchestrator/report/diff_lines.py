"""Two texts line by line, and the rows that differences are shown in. Knows no run and no workflow.

A row is a tuple of pieces `(text, role)`; whoever shows it makes the text safe and gives the role a colour.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from orchestrator.report.words import count

Row: TypeAlias = tuple[tuple[str, str], ...]
LINES = 3_000
"""Of each side: comparing more takes longer than a person waits."""
SHOWN = 400
"""Lines of one text; JSON has all of them."""
CHARACTERS = 2_000
"""Of one line."""


def unified(before: str, after: str, context: int = 3) -> list[str]:
    """The lines of a unified diff, without a head: `@@ … @@`, ` same`, `-gone`, `+new`. Empty where they are equal."""
    if before == after:
        return []
    old, new = before.splitlines(), after.splitlines()
    if max(len(old), len(new)) > LINES:
        return [f"@@ {len(old):,} lines before, {len(new):,} after: too many to compare line by line @@"]
    lines = list(difflib.unified_diff(old, new, n=context, lineterm=""))[2:]
    if not lines:  # only the ends of lines differ
        return ["@@ only the ends of lines differ @@"]
    return [line if len(line) <= CHARACTERS else f"{line[: CHARACTERS - 1]}…" for line in lines]


def rows_of(lines: Sequence[str], indent: str = "    ") -> Iterator[Row]:
    """The lines of a unified diff as rows; of very many the first."""
    roles = {"+": "added", "-": "removed", "@": "dim"}
    for line in lines[:SHOWN]:
        yield ((f"{indent}{line}", roles.get(line[:1], "")),)
    if len(lines) > SHOWN:
        yield ((f"{indent}… {count(len(lines) - SHOWN, 'more line')}", "dim"),)


def as_text(value: Any) -> str:
    """A value as lines that can be compared: text as it is, the rest as indented JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def plain(rows: Sequence[Row]) -> str:
    """Rows as text, without roles."""
    return "\n".join("".join(piece for piece, _ in row) for row in rows)


__all__ = ["Row", "as_text", "plain", "rows_of", "unified"]
