"""The git revision of a workflow file, for the record of a run. Empty where there is no git or no repository."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_SAFE = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""A repository's own settings start no program because somebody runs a workflow in it."""


def revision(file: Path) -> str:
    """Short commit id of the repository around the file, with `+` when the file differs from it."""
    if not any((folder / ".git").exists() for folder in file.resolve().parents):
        return ""
    commit = _git(file, "rev-parse", "--short", "HEAD")
    if not commit:
        return ""
    changed = _git(file, "status", "--porcelain", "--", file.name)
    return f"{commit}+" if changed else commit


def _git(file: Path, *arguments: str) -> str:
    try:
        found = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(file.resolve().parent), *_SAFE, *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
