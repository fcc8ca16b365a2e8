"""An index that is brought up to date, told on a terminal by a line that changes, elsewhere in lines that stay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.cli.console import Console, is_terminal
from orchestrator.light import light
from orchestrator.safe import safe

if TYPE_CHECKING:
    from orchestrator.knowledge.update import Report

WIDE = 60
"""Characters of the name of the file that is being read."""


@light(frozen=True, slots=True)
class Watch:
    """Told as `knowledge.update` goes on. `what` stands before the name: `index` or `knowledge`."""

    what: str
    name: str
    console: Console

    def __call__(self, file: str, done: int, total: int) -> None:
        if is_terminal(self.console.err):
            files = f"{done} of {total} files  " if total else ""
            self.console.err.write(f"\r\x1b[K{self.what} {safe(self.name)}  {files}{safe(file)[:WIDE]}")
            self.console.err.flush()
        elif not total:
            self.console.say(f"{self.what} {self.name}: {file}")

    def end(self) -> None:
        if is_terminal(self.console.err):
            self.console.err.write("\r\x1b[K")
            self.console.err.flush()

    def left_out(self, report: Report, most: int, rest: str = "") -> None:
        """Files that could not be read, at most so many; `rest` says where the others are listed."""
        for file, why in list(report.skipped.items())[:most]:
            self.console.warning(f"{self.what} {self.name}: {file} is left out: {why}")
        if len(report.skipped) > most:
            more = len(report.skipped) - most
            self.console.warning(f"{self.what} {self.name}: {more} more files are left out{rest}")
