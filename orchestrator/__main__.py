"""`orch`, also as `python -m orchestrator`: from here on Ctrl-C ends it in a word, also while it is still loading."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

INTERRUPTED = 130


def main() -> int:
    """The exit code."""
    sys.unraisablehook = _lost
    try:
        from orchestrator.cli.main import main as begin

        return begin()
    except KeyboardInterrupt:
        return INTERRUPTED


def _lost(lost: UnraisableHookArgs) -> None:
    """Python drops what is raised in a callback of an extension or in a finaliser.

    A Ctrl-C that falls there would be gone, and what it was to stop would go on. What is on the disk is whole at any moment.
    """
    if not issubclass(lost.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(lost)
        return
    sys.stderr.write("interrupted\n")
    sys.stderr.flush()
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
