"""The files that tools made in a run: what they are, and where they lie."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.console import Console
from orchestrator.report import words

if TYPE_CHECKING:
    from orchestrator.store.store import Store

LISTED = 50
"""In one table; the rest is counted. JSON has them all."""


def print_artifacts(console: Console, made: Sequence[Mapping[str, Any]], store: Store) -> None:
    """One line per file."""
    from orchestrator.config import Config
    from orchestrator.store.artifacts import folder_of

    folder = folder_of(store, Config.from_environment(os.environ, Path.cwd()).data)
    console.table(("ARTIFACT", "STEP", "TYPE", "SIZE", "FILE"), [_row(one, folder) for one in made[:LISTED]])
    if len(made) > LISTED:
        console.say(f"and {len(made) - LISTED:,} more; all of them: add --json")


def _row(made: Mapping[str, Any], folder: Path) -> tuple[str, ...]:
    from orchestrator.store.artifacts import artifact_path

    digest = str(made["sha256"])
    lies = _near(artifact_path(folder, digest, str(made["name"]))) if digest else None
    where = str(lies) if lies is not None else "not kept: it holds a secret"
    return (
        str(made["name"]),
        str(made["step"]),
        str(made["media_type"]),
        words.size(int(made["bytes"])),
        where,
    )


def _near(path: Path) -> Path:
    """From here, where that is shorter."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
