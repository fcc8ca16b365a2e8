"""Who is inside of whom, for a hundred thousand spans: numbers in chains, no object for a family of a few."""

from __future__ import annotations

from array import array
from collections.abc import Sequence

NOWHERE = -1
"""The number of no span."""


class Families:
    """The children of every span. Most have a few: those are a chain of numbers; the others have a list of their own."""

    FEW = 8

    def __init__(self) -> None:
        self._eldest = array("i")
        self._next = array("i")
        self._wide: dict[int, array[int]] = {}
        self._sizes = array("B")

    def add(self, parent: int, child: int) -> None:
        """`child` is the number of a span that is new; its parent, if it has one, is older."""
        for numbers in (self._eldest, self._next):
            numbers.append(NOWHERE)
        self._sizes.append(0)
        if parent == NOWHERE:
            return
        if (wide := self._wide.get(parent)) is not None:
            wide.append(child)
            return
        if self._sizes[parent] == self.FEW:
            self._wide[parent] = array("i", [*self.of(parent), child])
            return
        if self._sizes[parent]:
            self._next[self.of(parent)[-1]] = child
        else:
            self._eldest[parent] = child
        self._sizes[parent] += 1

    def size(self, span: int) -> int:
        wide = self._wide.get(span)
        return self._sizes[span] if wide is None else len(wide)

    def any(self, span: int) -> bool:
        """Whether there are children."""
        return self._sizes[span] > 0

    def of(self, span: int) -> Sequence[int]:
        """In the order in which they came."""
        if not self._sizes[span]:
            return ()
        if (wide := self._wide.get(span)) is not None:
            return wide
        found, child = [], self._eldest[span]
        while child != NOWHERE:
            found.append(child)
            child = self._next[child]
        return found
