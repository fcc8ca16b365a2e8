"""Whether a store still is the file that was opened: it may be moved, deleted or replaced under the open screen.

An open database goes on reading a file that has no name any more, so nothing fails; what is shown just stays as it was.
Knows no widget.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orchestrator.store.store import Store

LOOK = 1.0
"""Seconds between looks."""
AGAIN = 30
"""Looks after which it is said again that the file is gone."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a person is told. After `anew` everything that was read before is of another store."""

    text: str
    anew: bool = False


class Presence:
    """The file of a store. A database server has none: nothing is watched then, and `path` is None."""

    def __init__(self, store: Store) -> None:
        self.path: Path | None = store.place / store.name if store.place is not None else None
        self._store = store
        self._opened = identity(self.path) if self.path is not None else None
        self._looks = 0
        self._told = ""

    def look(self) -> Change | None:
        """What has changed since the last look. Blocks; a new file at the place is opened by it."""
        if self.path is None:
            return None
        found = identity(self.path)
        if found == self._opened:
            self._told = ""
            return None
        if found is not None:
            return self._reopened(self.path, found)
        self._looks += 1
        return self._once(
            f"the run store {self._store.where} is gone: it was moved or deleted. What was read before is still "
            "shown; a new store at that place is opened when there is one.",
            f"gone {self._looks // AGAIN}",
        )

    def _reopened(self, path: Path, found: tuple[int, int]) -> Change | None:
        from orchestrator.store.open import open_store

        try:
            open_store(path, create=False).close()  # whether it is one, and of a version that can be read
        except OrchError as error:
            return self._once(f"another file took the place of the run store: {error.message}", error.message)
        self._store.reopen()
        self._opened, self._looks, self._told = found, 0, ""
        return Change(
            f"another file took the place of the run store {self._store.where}: its runs are shown", True
        )

    def _once(self, text: str, sign: str) -> Change | None:
        """The change, unless it was told already."""
        if sign == self._told:
            return None
        self._told = sign
        return Change(text)


def identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there; None when none does, or it cannot be told."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
