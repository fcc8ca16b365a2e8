"""Opens what lies beneath one directory, and nothing else, whoever moves things about meanwhile.

Every step of a path is opened from the directory before it and never through a symbolic link: a link is read, and its
target walked from the top again, so that a link within the project works and one out of it is refused.
"""

from __future__ import annotations

import contextlib
import os
import posixpath
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import ToolError
from orchestrator.graph.say import choice, near

LINKS = 40
"""Symbolic links in one path; more are a circle."""
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Spot:
    """A name in an open directory. `name` is empty for the top itself; `path` is relative to the top."""

    folder: int
    name: str
    path: str


class _Link(Exception):
    """There is a symbolic link on the way; the path that it stands for."""


class Beneath:
    """What lies beneath `top`. Names that begin with a dot are not there: settings, the history, the record of runs."""

    def __init__(self, top: Path) -> None:
        self._top = top

    @property
    def top(self) -> Path:
        return self._top

    @contextlib.contextmanager
    def at(self, path: str, *, make: bool = False) -> Iterator[Spot]:
        """The place a path names; its directory is open meanwhile, made where `make` says so. Raises ToolError."""
        parts = self._parts(path)
        for _ in range(LINKS):
            try:
                folder, name = self._walk(parts, path, make)
            except _Link as link:
                parts = self._parts(str(link), path)
                continue
            try:
                yield Spot(folder, name, "/".join(parts))
            finally:
                os.close(folder)
            return
        raise ToolError(f"{path}: its symbolic links go in a circle")

    def _parts(self, path: str, asked: str = "") -> list[str]:
        """The names of a path from the top. `asked` is the path that led here by a link."""
        shown = asked or path
        if "\0" in path:
            raise ToolError(f"{path!r} is no path")
        if path.startswith("/"):
            path = self._from_top(path, shown)
        parts = [part for part in posixpath.normpath(path or ".").split("/") if part != "."]
        if ".." in parts:
            raise self._outside(shown)
        hidden = next((part for part in parts if part.startswith(".")), None)
        if hidden is not None:
            raise ToolError(
                f"{shown}: '{hidden}' is hidden from tools", hint="names that begin with a dot are"
            )
        return parts

    def _from_top(self, path: str, shown: str) -> str:
        real = Path(posixpath.normpath(path))
        for top in (self._top, self._top.resolve()):
            if real.is_relative_to(top):
                return str(real.relative_to(top))
        raise self._outside(shown)

    def _outside(self, shown: str) -> ToolError:
        return ToolError(
            f"{shown} lies outside the project", hint="write a path that is relative to the project"
        )

    def _walk(self, parts: Sequence[str], asked: str, make: bool) -> tuple[int, str]:
        """The open directory of the last name. Raises _Link where a link is in the way."""
        try:
            folder = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise ToolError(f"the project {self._top} cannot be read: {_why(error)}") from None
        try:
            for index in range(len(parts) - 1):
                inner = self._enter(folder, parts, index, asked, make)
                os.close(folder)
                folder = inner
            self._follow(folder, parts, len(parts) - 1)
        except BaseException:
            os.close(folder)
            raise
        return folder, parts[-1] if parts else ""

    def _enter(self, folder: int, parts: Sequence[str], index: int, asked: str, make: bool) -> int:
        name = parts[index]
        self._follow(folder, parts, index)
        try:
            if make and not exists(folder, name):
                check_new(name)
                with contextlib.suppress(FileExistsError):
                    os.mkdir(name, dir_fd=folder)
            return os.open(name, DIRECTORY, dir_fd=folder)
        except FileNotFoundError:
            raise missing(folder, name, asked, "folder") from None
        except NotADirectoryError:
            raise ToolError(f"{asked}: '{name}' is no folder") from None
        except OSError as error:
            raise ToolError(f"{asked}: '{name}' cannot be entered: {_why(error)}") from None

    def _follow(self, folder: int, parts: Sequence[str], index: int) -> None:
        """Raise the path that it stands for where a name is a symbolic link."""
        if index < 0:
            return
        try:
            target = os.readlink(parts[index], dir_fd=folder)
        except (OSError, ValueError):  # it is none, or it is not there
            return
        before = [] if target.startswith("/") else list(parts[:index])
        raise _Link("/".join([*before, target, *parts[index + 1 :]]))


def exists(folder: int, name: str) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True


def visible(folder: int) -> list[str]:
    """Names in a directory that tools may see, sorted."""
    return sorted(name for name in os.listdir(folder) if not name.startswith("."))


def missing(folder: int, name: str, asked: str, what: str = "file") -> ToolError:
    """Nothing has this name: the nearest one, or what there is."""
    names = visible(folder)
    where = posixpath.dirname(posixpath.normpath(asked)) if what == "file" else ""
    there = f"{where or 'the project'} has {choice(names) or 'nothing'}" if what == "file" else ""
    shown = asked if what == "file" else f"{asked}: there is no folder '{name}'"
    message = f"there is no file {asked}" if what == "file" else shown
    return ToolError(message, hint=near(name, names) or there or f"there is {choice(names) or 'nothing'}")


def check_new(name: str) -> None:
    """Refuse to make what a terminal or another system could not name."""
    if not name.isprintable() or len(os.fsencode(name)) > 200:
        raise ToolError(f"{name[:80]!r} is no good name for a file", hint="use letters, digits, - and _")


def is_regular(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)


def _why(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
