"""The one place that writes to a terminal. Results go to stdout, everything else to stderr.

What comes from outside (models, documents, servers, file names) is shown, never obeyed: control
characters become visible. Colours are used on a terminal only, and never with NO_COLOR.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from orchestrator.light import light
from orchestrator.safe import UNSAFE, safe

STYLES: dict[str, str] = {
    "bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "blue": "34", "cyan": "36",
}  # fmt: skip


def wants_color(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """A terminal that understands colours, and nobody asked for none (https://no-color.org)."""
    if environ.get("NO_COLOR") or environ.get("TERM") == "dumb":
        return False
    return bool(environ.get("FORCE_COLOR")) or is_terminal(stream)


def is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:  # a closed stream
        return False


@light(frozen=True, slots=True)
class Console:
    """Two streams and whether each of them shows colours."""

    out: TextIO
    err: TextIO
    color_out: bool = False
    color_err: bool = False

    @classmethod
    def standard(cls, environ: Mapping[str, str] | None = None, *, color: bool = True) -> Console:
        """The process's own streams."""
        env = os.environ if environ is None else environ
        return cls(
            sys.stdout,
            sys.stderr,
            color and wants_color(sys.stdout, env),
            color and wants_color(sys.stderr, env),
        )

    def result(self, text: str) -> None:
        """What the person asked for, one line end behind it. On a terminal controls are made visible; a pipe
        or a file gets the very characters."""
        self.out.write((safe(text) if is_terminal(self.out) else text).rstrip("\n") + "\n")

    def view(self, text: str) -> None:
        """A result for people to read: controls are made visible wherever it goes, also in `orch logs | less`."""
        self.out.write(safe(text).rstrip("\n") + "\n")

    def piece(self, text: str) -> None:
        """A part of a result while it is being written, seen at once; no line end of its own."""
        self.out.write(safe(text) if is_terminal(self.out) else text)
        self.out.flush()

    def json(self, value: Any) -> None:
        """A result as JSON; control characters as its own escapes, so that it stays JSON on a terminal too."""
        text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
        self.out.write(UNSAFE.sub(_escape, text) + "\n")

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A result as aligned columns; the last column is as wide as it likes."""
        for number, line in enumerate(columns(header, rows)):
            self.out.write((paint(line, "bold") if self.color_out and number == 0 else line) + "\n")

    def say(self, text: str = "", *style: str) -> None:
        """A line beside the result."""
        line = safe(text)
        self.err.write((paint(line, *style) if self.color_err and line else line) + "\n")
        self.err.flush()

    def problem(self, word: str, text: str, style: str = "red") -> None:
        """`error: …`, `hint: …`, `warning: …`."""
        mark = paint(f"{word}:", style, "bold") if self.color_err else f"{word}:"
        self.err.write(f"{mark} {safe(text)}\n")
        self.err.flush()

    def error(self, message: str, hint: str = "") -> None:
        self.problem("error", message)
        if hint:
            self.problem("hint", hint, "cyan")

    def warning(self, message: str) -> None:
        self.problem("warning", message, "yellow")


def paint(text: str, *styles: str) -> str:
    """The text in these styles; `text` must already be safe."""
    codes = ";".join(STYLES[style] for style in styles)
    return f"\x1b[{codes}m{text}\x1b[0m" if codes else text


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Header and rows as aligned lines, made safe; without a header when it is empty."""
    lines = [[_cell(cell) for cell in row] for row in ([header, *rows] if header else rows)]
    count = max((len(line) for line in lines), default=0)
    widths = [max(len(line[i]) for line in lines if i < len(line)) for i in range(count)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)).rstrip()
        for line in lines
    ]


def _escape(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1] if found[0] != "\x7f" else "\\u007f"


def _cell(text: str) -> str:
    return safe(str(text)).replace("\n", "⏎").replace("\t", " ")


def the_console() -> Console:
    """The console of the running command."""
    import click

    context = click.get_current_context(silent=True)
    found = context.find_root().obj if context else None
    return found if isinstance(found, Console) else Console.standard()
