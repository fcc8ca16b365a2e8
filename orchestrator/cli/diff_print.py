"""Rows of a comparison on a terminal, their roles as colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from orchestrator.cli.console import STYLES, Console, paint
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.report.diff_lines import Row

ROLES = {
    "good": "green",
    "bad": "red",
    "added": "green",
    "removed": "red",
    "warn": "yellow",
    "dim": "dim",
    "bold": "bold",
}


def print_rows(console: Console, rows: Sequence[Row]) -> None:
    """Rows with their roles as colours; what is in them is made safe."""
    for row in rows:
        pieces = ((safe(text).replace("\n", "⏎"), ROLES.get(role, "")) for text, role in row)
        line = "".join(
            paint(text, style) if style in STYLES and console.color_out else text for text, style in pieces
        )
        console.out.write(line.rstrip() + "\n")
