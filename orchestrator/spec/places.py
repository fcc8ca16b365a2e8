"""Where files stand: the project's root above them, the names beside them. Imports nothing heavy."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

PROJECT_FILE = "orch.yaml"
MARKERS = (PROJECT_FILE, ".git")


def find_root(directory: Path) -> Path:
    """The project's root: the nearest directory upwards with `orch.yaml` or `.git`; else the directory itself."""
    directory = directory.absolute()
    for candidate in (directory, *directory.parents):
        if is_project(candidate):
            return candidate
    return directory


def is_project(directory: Path) -> bool:
    """Whether `orch.yaml` or `.git` stands in it."""
    try:
        return any((directory / marker).exists() for marker in MARKERS)
    except OSError:
        return False


def neighbours(path: Path) -> list[str]:
    """The YAML files in the directory of this path."""
    return yaml_files(path.parent)


def yaml_files(directory: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in directory.iterdir() if entry.suffix in (".yaml", ".yml"))
    except OSError:
        return []


def nearest_file(path: Path) -> str | None:
    """The YAML file beside this path whose name is most like it."""
    near = get_close_matches(path.name, neighbours(path), n=1)
    return near[0] if near else None


def shown(path: Path) -> str:
    """A path as a person would write it from here: relative where that is no detour, else absolute."""
    here = Path.cwd()
    if path.is_relative_to(here):
        return str(path.relative_to(here))
    if here.is_relative_to(path.parent):
        return str(Path(*[".."] * len(here.relative_to(path.parent).parts)) / path.name)
    return str(path)
