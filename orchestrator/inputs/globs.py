"""The paths that a glob of a workflow means. Opens none of them, and does not know where the project ends."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path


def matches(pattern: str, base: Path) -> Iterator[Path]:
    """Every path that a glob means; relative ones start at `base`, and a folder means everything in it.

    Names that begin with a dot are left out. Links to folders are not walked: they may go in circles.
    """
    whole = Path(os.path.normpath(base / pattern))
    if os.path.isdir(whole):  # noqa: PTH112 - no for a name that is too long, where the method raises
        whole = whole / "**"
    parts = whole.parts
    plain = next((number for number, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    top, wanted = Path(*parts[:plain]), parts[plain:]
    if not wanted:
        yield top
        return
    for folder, folders, names in os.walk(top):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        inner = Path(folder).relative_to(top).parts
        if "**" not in wanted and len(inner) + 1 >= len(wanted):
            folders[:] = []
        for name in sorted(names):
            if not name.startswith(".") and _fits((*inner, name), wanted):
                yield Path(folder) / name


def _fits(parts: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether a path fits a glob, name by name; `**` is any number of folders, at the end also any name."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        rest = wanted[1:] or ("*",)
        return any(_fits(parts[skipped:], rest) for skipped in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])
