"""The `llama-server` of this machine that may take the place of the engine that comes with orch: where it is, which build.

Knows no host and starts none: `server_child` does.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

PROGRAM = "llama-server"
ASKING = 10.0
"""Seconds to say its version, or to answer that it is well."""


def found_server(environ: Mapping[str, str]) -> str:
    """The whole path of the `llama-server` on the path; empty when there is none."""
    found = shutil.which(PROGRAM, path=environ.get("PATH"))
    return str(Path(found).absolute()) if found else ""  # a host does not run in the folder we are in


def seen(server: str) -> str:
    """What tells one build at a path from the next; empty when it is gone."""
    try:
        found = Path(server).stat()
    except OSError:
        return ""
    return f"{found.st_size} {found.st_mtime_ns}"


def is_unchanged(server: str, before: str) -> bool:
    return bool(before) and seen(server) == before


def version_of(server: str) -> str:
    """Which build it is, as it says itself, such as `llama-server 6123 (a1b2c3d)`; empty when it cannot be asked.

    The commit belongs to it: a build from a copy without its history calls itself number 1, whichever it is.
    """
    try:
        said = subprocess.run(  # noqa: S603 - a program of the user's own path
            (server, "--version"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=ASKING,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return _version_in(said.stdout + said.stderr)


def _version_in(said: str) -> str:
    """From `version: 6123 (a1b2c3d)`, or from `version: 0.5.0-dev (build 1, commit a1b2c3d)`."""
    found = re.search(r"version:?[ \t]*([\w.+-]{1,40})(?:[^\n]*?\b([0-9a-f]{7,40})\b)?", said)
    if not found:
        return ""
    return f"{PROGRAM} {found[1]}" + (f" ({found[2]})" if found[2] else "")


__all__ = ["ASKING", "PROGRAM", "found_server", "is_unchanged", "seen", "version_of"]
