"""A finding of `orch doctor`, and what several topics look at. Knows no topic."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

Level = Literal["ok", "note", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    topic: str
    level: Level
    text: str
    hint: str = ""

    def as_map(self) -> dict[str, str]:
        return asdict(self)


def existing(path: Path) -> Path:
    """The path or the nearest directory above it that exists."""
    return next((place for place in (path, *path.parents) if place.exists()), Path("/"))


def version_of(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "(not installed)"


__all__ = ["Finding", "Level", "existing", "version_of"]
