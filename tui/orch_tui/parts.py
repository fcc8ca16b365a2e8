"""The widgets that a screen tells of news, found once: to go through the whole screen for each of them, ten times a second,
took a sixth of a frame. Knows no run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from textual.screen import Screen
    from textual.widget import Widget

Kind = TypeVar("Kind", bound="Widget")


class Parts:
    """The only widget of each kind on a screen; while the screen comes or goes, some are not there."""

    def __init__(self, screen: Screen[None]) -> None:
        self._screen = screen
        self._found: dict[type[Widget], Widget] = {}

    def of(self, kind: type[Kind]) -> Kind | None:
        """The widget of this kind, None when there is none now."""
        part = self._found.get(kind)
        if part is None or not part.is_attached:
            part = next(iter(self._screen.query(kind)), None)
            if part is None:
                self._found.pop(kind, None)
                return None
            self._found[kind] = part
        assert isinstance(part, kind)
        return part

    def all(self, *kinds: type[Widget]) -> Iterator[Widget]:
        """Those that are there, in this order."""
        for kind in kinds:
            if (part := self.of(kind)) is not None:
                yield part
