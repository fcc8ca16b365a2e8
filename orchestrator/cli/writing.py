"""Text that several steps write at once, as lines of a log: whole lines, each with its step's path.

While a single step writes, its text is shown piece by piece. Knows no event.
"""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.safe import fit, width_of

_INDENT = " " * 10
_LEAST = 20
"""Columns for text, however long the path."""


class Writing:
    """`write` puts text out; a piece without a line end leaves the line open until `close`."""

    def __init__(self, write: Callable[[str], None], columns: Callable[[], int]) -> None:
        self._write = write
        self._columns = columns
        self._rest: dict[str, str] = {}
        """What each step that writes now has on its unfinished line."""
        self._open = ""
        """The step whose unfinished line stands on the screen."""

    def piece(self, path: str, text: str) -> None:
        """A piece of what the step writes."""
        if path not in self._rest:
            self.close()
            self._rest[path] = ""
        alone = len(self._rest) == 1
        if alone and self._open != path:
            self._show(path, self._rest[path])
        for number, line in enumerate(text.split("\n")):
            if number:
                self._end_line(path, alone=alone)
            self._add(path, line, alone=alone)

    def ended(self, path: str) -> None:
        """The step writes no more: what it has not shown yet follows."""
        rest = self._rest.pop(path, "")
        if self._open == path:
            self.close()
        elif rest:
            self._line(path, rest)

    def close(self) -> None:
        """End the line that stands open; the step goes on with a new one."""
        if self._open:
            self._write("\n")
            self._rest[self._open] = ""
            self._open = ""

    def end(self) -> None:
        """Everything that is still held back."""
        for path in list(self._rest):
            self.ended(path)

    def _add(self, path: str, text: str, *, alone: bool) -> None:
        """Text without a line end; a full line ends at its last blank that is not on the screen yet."""
        room = max(_LEAST, self._columns() - len(_INDENT) - len(path) - 4)
        line = self._rest[path] + text
        shown = len(self._rest[path]) if alone else 0
        while width_of(line) > room:
            fitting = fit(line, room + 1)[:-1]
            cut = fitting.rfind(" ") + 1
            if cut <= shown:
                cut = shown or len(fitting)
            if alone:
                self._write(line[shown:cut])
            self._rest[path] = line[:cut]
            self._end_line(path, alone=alone)
            line, shown = line[cut:].lstrip(" "), 0
        if alone:
            self._write(line[shown:])
        self._rest[path] = line

    def _end_line(self, path: str, *, alone: bool) -> None:
        if alone:
            self._write(f"\n{_INDENT}│ ")
        else:
            self._line(path, self._rest[path])
        self._rest[path] = ""

    def _show(self, path: str, text: str) -> None:
        self.close()
        self._write(f"{_INDENT}{path} │ {text}")
        self._open = path

    def _line(self, path: str, text: str) -> None:
        self.close()
        self._write(f"{_INDENT}{path} │ {text}\n")
