"""`orch`, also as `python -m orchestrator`: from here on Ctrl-C ends it in a word, also while it is still loading."""

from __future__ import annotations

import sys

INTERRUPTED = 130


def main() -> int:
    """The exit code."""
    try:
        from orchestrator.cli.main import main as begin

        return begin()
    except KeyboardInterrupt:
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
