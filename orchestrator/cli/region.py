"""A few lines at the bottom of a terminal that are drawn over again. Knows nothing of runs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TextIO

from orchestrator.safe import fit, width_of

_ONE_LINE = str.maketrans("\n\t", "⏎ ")


def terminal_width(stream: TextIO) -> int:
    """Columns of the terminal behind the stream, now; 80 when it does not say."""
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


class Region:
    """Lines that stay at the bottom. `print` writes above them, `draw` replaces them, `clear` takes them away."""

    def __init__(self, stream: TextIO, columns: Callable[[], int] | None = None) -> None:
        self._stream = stream
        self._columns = columns or (lambda: terminal_width(stream))
        self._shown: list[str] = []

    @property
    def columns(self) -> int:
        return self._columns()

    def draw(self, lines: Sequence[str]) -> None:
        """Show these lines instead of the ones before; each is plain safe text and is cut to the width."""
        width = self._columns()
        erase = self._erase(width)
        self._shown = [fit(line.translate(_ONE_LINE), width - 1) for line in lines]
        self._stream.write(erase + self._text())
        self._stream.flush()

    def print(self, line: str) -> None:
        """A line that stays, above the region."""
        self._stream.write(f"{self._erase(self._columns())}{line}\n{self._text()}")
        self._stream.flush()

    def clear(self) -> None:
        self._stream.write(self._erase(self._columns()))
        self._stream.flush()
        self._shown = []

    def _text(self) -> str:
        return "".join(line + "\n" for line in self._shown)

    def _erase(self, width: int) -> str:
        """Back to the first row of the region. A terminal made narrower since has wrapped its lines."""
        rows = sum(max(1, -(-width_of(line) // width)) for line in self._shown)
        return f"\r\x1b[{rows}A\x1b[J" if rows else ""
