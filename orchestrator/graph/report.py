"""Collects what is wrong with a workflow, each thing once, at its place."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.spec.diagnostics import Diagnostic, Mark
from orchestrator.spec.marks import Marks, Part


class Report:
    """The diagnostics so far, in the order they were found. The severity of each is that of its code."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, Mark, str], Diagnostic] = {}

    def add(self, marks: Marks, mark: Mark, code: str, message: str, hint: str = "") -> None:
        from orchestrator.graph.codes import CODES

        key = (code, mark, message)
        if key not in self._found:
            self._found[key] = marks.diagnostic(code, message, mark, hint, CODES[code].severity)

    def at(self, marks: Marks, path: tuple[Part, ...], code: str, message: str, hint: str = "") -> None:
        """At a value of the file."""
        self.add(marks, marks.at(*path), code, message, hint)

    def key(self, marks: Marks, path: tuple[Part, ...], code: str, message: str, hint: str = "") -> None:
        """At a key of the file."""
        self.add(marks, marks.key(*path), code, message, hint)

    def inside(self, marks: Marks, path: tuple[Part, ...]) -> Callable[[int, int, str, str, str], None]:
        """A function that reports at a character of a text of the file."""

        def say(offset: int, width: int, code: str, message: str, hint: str) -> None:
            self.add(marks, marks.inside(path, offset, width), code, message, hint)

        return say

    @property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        return tuple(self._found.values())
