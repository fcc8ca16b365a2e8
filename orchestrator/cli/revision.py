"""The git revision of a workflow file, for the record of a run. Empty where there is no git or no repository.

Only objects are read, by their names: a repository's filters, hooks and attributes, which may start programs, play no
part. Nor do the variables by which git is pointed at another repository, as it sets them for its own hooks.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

_SAFE = ("--no-pager", "--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
"""A repository's own settings start no program because somebody runs a workflow in it."""
_KINDS = {40: "sha1", 64: "sha256"}
"""What an object is named by, by the length of a name."""


def revision(file: Path) -> str:
    """Short commit id of the repository around the file, with `+` when the file differs from it."""
    if not any((folder / ".git").exists() for folder in file.resolve().parents):
        return ""
    commit = _git(file, "rev-parse", "--short", "HEAD")
    if not commit:
        return ""
    return commit if _is_as_committed(file.resolve()) else f"{commit}+"


def _is_as_committed(file: Path) -> bool:
    """Whether the commit holds this very file, line ends aside: git may have changed those on the way here."""
    known = _git(file, "rev-parse", "--verify", "--quiet", "--end-of-options", f"HEAD:./{file.name}")
    kind = _KINDS.get(len(known))
    if kind is None:
        return False
    try:
        content = file.read_bytes()
    except OSError:
        return False
    return known in (_name(content, kind), _name(content.replace(b"\r\n", b"\n"), kind))


def _name(content: bytes, kind: str) -> str:
    """What git calls a file with this content."""
    return hashlib.new(kind, b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def _git(file: Path, *arguments: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_NO_LAZY_FETCH": "1"}
    try:
        found = subprocess.run(  # noqa: S603 - fixed arguments
            ["git", "-C", str(file.resolve().parent), *_SAFE, *arguments],  # noqa: S607 - the user's own git
            capture_output=True,
            text=True,
            errors="replace",
            timeout=5,
            check=False,
            env=environment,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.strip() if found.returncode == 0 else ""
