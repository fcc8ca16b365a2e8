"""A frame: one scope while it executes, with the values its names have so far.

Names resolve outwards along `parent`, exactly as the checker resolved them. Knows no node and no model.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.render import Program

_MISSING = object()


class Frame:
    """`names` maps finished steps and loop variables to values; `facts` what stands under `steps.<name>`.

    `prefix` is put before a step's name to make its path: '' at the top, 'answer.3.' inside item 3.
    """

    __slots__ = ("facts", "names", "parent", "prefix", "skipped")

    def __init__(self, parent: Frame | None, prefix: str, names: dict[str, Any]) -> None:
        self.parent = parent
        self.prefix = prefix
        self.names = names
        self.facts: dict[str, Any] = {}
        self.skipped: set[str] | None = None

    def lookup(self, name: str) -> Any:
        """The value of a name, from here outwards. Raises KeyError for a name that has no value yet."""
        frame: Frame | None = self
        while frame is not None:
            value = frame.names.get(name, _MISSING)
            if value is not _MISSING:
                return value
            frame = frame.parent
        if name == "steps":
            return self.all_facts()
        raise KeyError(name)

    def context(self, program: Program, extra: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The values a program reads. `extra` (output, error, items …) goes before the frame's own.

        Where all of them are this frame's, it is all the frame has: nobody writes to it, and a copy takes twice as long.
        """
        if extra is None:
            own = self.names
            for name in program.names:
                if name not in own:
                    return {name: self.lookup(name) for name in program.names}
            return own
        return {name: extra[name] if name in extra else self.lookup(name) for name in program.names}

    def was_skipped(self, name: str) -> bool:
        """Whether the step of this name, here or further out, was skipped."""
        frame: Frame | None = self
        while frame is not None and name not in frame.names:
            frame = frame.parent
        return frame is not None and frame.skipped is not None and name in frame.skipped

    def skip(self, name: str) -> None:
        """The step of this name is skipped."""
        if self.skipped is None:
            self.skipped = set()
        self.skipped.add(name)

    def all_facts(self) -> dict[str, Any]:
        """`steps` as seen from here: inner names before outer ones."""
        seen: dict[str, Any] = {} if self.parent is None else self.parent.all_facts()
        seen.update(self.facts)
        return seen


def null_among(frame: Frame, chains: tuple[tuple[str, ...], ...]) -> str | None:
    """The first of these dotted names that is null, as the user wrote it; None when all have values."""
    for chain in chains:
        value = frame.lookup(chain[0])
        for part in chain[1:]:
            if not isinstance(value, Mapping):
                break
            value = value.get(part)
        if value is None:
            return ".".join(chain)
    return None
