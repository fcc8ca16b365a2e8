"""A diagnostic: one thing that is wrong with a file, with its place and what to do. Prints nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from orchestrator.errors import OrchError
from orchestrator.light import light

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in a file: 1-based line and column, `width` characters long. `file` as the user named it."""

    file: str
    line: int = 1
    column: int = 1
    width: int = 1


@light(frozen=True, slots=True)
class Diagnostic:
    """`code` is stable (`ORCH101`); `source` is the text of the marked line; `hint` says what to do."""

    code: str
    severity: Severity
    message: str
    mark: Mark
    hint: str = ""
    source: str = ""


class SpecError(OrchError):
    """A workflow that must not run, with everything that is wrong with it, sorted by file and line."""

    exit_code = 2

    def __init__(self, diagnostics: Sequence[Diagnostic]) -> None:
        self.diagnostics = tuple(sorted(diagnostics, key=lambda d: (d.mark, d.code)))
        errors = [d for d in self.diagnostics if d.severity == "error"]
        first = errors[0] if errors else self.diagnostics[0]
        super().__init__(f"{first.mark.file}:{first.mark.line}:{first.mark.column}: {first.message}")
