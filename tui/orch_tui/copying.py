"""What `y` and `Y` copy: the words on the screen, and the command that shows the same. Knows no terminal."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from orchestrator.safe import safe

LARGE = 74_000
"""Characters above which some terminals (and tmux) drop what they are given."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A text and what to call it."""

    text: str
    what: str

    @property
    def sentence(self) -> str:
        """What is said after it was copied."""
        size = len(self.text)
        if not size:
            return f"there is nothing to copy: {self.what} is empty"
        told = f"copied {self.what}" if size <= 60 else f"copied {self.what} ({size:,} characters)"
        return f"{told}; some terminals drop so much" if size > LARGE else told


def command_for(run: str, path: str = "") -> str:
    """The command that shows a run, or an instance of a step in it, ready for a shell."""
    words = ["orch", "show", safe(run)]
    if path:
        words.append(safe(path))
    return shlex.join(words)
