"""A workflow at two revisions, also where it was moved, is not there yet, or not any more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from orchestrator.cli.diff_git import Repository
from orchestrator.cli.diff_sides import Found, of_file, of_nothing, of_revision, within
from orchestrator.errors import OrchError, UsageError


@dataclass(frozen=True, slots=True)
class History:
    """Two commits of a repository, or a commit and what lies here (an empty one), by the names that a person gave."""

    repository: Repository
    commits: tuple[str, str]
    names: tuple[str, str]
    tree: Callable[[], Path]
    """A fresh directory for the files of a commit."""

    def sides(self, file: Path, given: Mapping[str, str]) -> tuple[Found, Found]:
        """A file before and after, also where it has another name, is not there yet or not any more. Raises UsageError."""
        path = within(self.repository, file)
        before = self.repository.paths(self.commits[0])
        after = self.repository.paths(self.commits[1]) if self.commits[1] else None
        there = path in before, file.exists() if after is None else path in after
        if not any(there):
            raise self._nowhere(file, path, before, after)
        if all(there):
            return self._at(0, path, given), self._at(1, path, given, file)
        if there[1]:
            was = self._moved(path, file, before, after)
            first = self._at(0, was, given, moved=True) if was else self._none(0, "not there yet")
            return first, self._at(1, path, given, file)
        now = self._moved(path, file, before, after)
        return self._at(0, path, given), (
            self._at(1, now, given, moved=True) if now else self._none(1, "no longer there")
        )

    def _at(
        self,
        end: int,
        path: PurePosixPath,
        given: Mapping[str, str],
        file: Path | None = None,
        *,
        moved: bool = False,
    ) -> Found:
        commit, name = self.commits[end], self.names[end]
        if not commit:
            assert file is not None
            return of_file(file, name, given, shown=str(file))
        found = of_revision(self.repository, commit, name, path, given, self.tree())
        return replace(found, moved=str(path)) if moved else found

    def _none(self, end: int, why: str) -> Found:
        return of_nothing(f"{self.names[end]} ({why})", self.tree())

    def _moved(
        self, path: PurePosixPath, file: Path, before: set[PurePosixPath], after: set[PurePosixPath] | None
    ) -> PurePosixPath | None:
        """The name on the side that has no such file: one that is only there, and says mostly the same."""
        from orchestrator.cli.diff_moved import same_file

        read, (start, end) = self.repository.read, self.commits
        if path in before:
            if after is None:
                return None  # nobody looks for it among what is in no commit
            return same_file(read(start, {path}).get(path, b""), read(end, _workflows(after - before)))
        lies = self.repository.top
        gone = before - after if after is not None else {one for one in before if not (lies / one).exists()}
        text = _content(file) if after is None else read(end, {path}).get(path, b"")
        return same_file(text, read(start, _workflows(gone)))

    def _nowhere(
        self, file: Path, path: PurePosixPath, before: set[PurePosixPath], after: set[PurePosixPath] | None
    ) -> OrchError:
        from difflib import get_close_matches

        from orchestrator.library import not_found

        if after is None:
            return not_found(file, str(file))
        known = {str(one) for one in _workflows(before | after)}
        near = get_close_matches(str(path), sorted(known), n=1)
        hint = f"did you mean {near[0]}?" if near else "name a file that is there at one of them"
        return UsageError(f"{file} is neither at {self.names[0]} nor at {self.names[1]}", hint=hint)


def _workflows(paths: Set[PurePosixPath]) -> set[PurePosixPath]:
    return {one for one in paths if one.suffix in (".yaml", ".yml") and not one.name.endswith(".lock.yaml")}


def _content(file: Path) -> bytes:
    """Empty where it cannot be read: that is said when it is opened."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


__all__ = ["History"]
