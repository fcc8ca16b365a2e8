"""Which slot of a host serves which request, so that every agent finds its own prompt prefix still read.

Left alone, the engine takes the slot whose content looks most alike, and two agents whose prompts begin alike
push each other out, call after call, while other slots are empty. Knows no host: a slot is a number.
"""

from __future__ import annotations

from collections.abc import Callable


class Slots:
    """The slots of one host as one client uses them. `claim` makes a slot this client's own, or says no."""

    def __init__(self, count: int, claim: Callable[[int], bool]) -> None:
        self._count = count
        self._claim = claim
        self._refused: set[int] = set()
        self._busy: set[int] = set()
        self._last: dict[int, str] = {}
        """What each slot served last, the longest unused first."""

    def take(self, affinity: str) -> int | None:
        """A slot for a request of this affinity, until it is freed; None leaves the choice to the engine."""
        idle = [slot for slot in self._last if slot not in self._busy]
        slot = next((slot for slot in reversed(idle) if self._last[slot] == affinity), None)
        if slot is None:
            slot = self._fresh()
        if slot is None and idle:
            slot = idle[0]
        if slot is not None:
            self._last.pop(slot, None)
            self._last[slot] = affinity
            self._busy.add(slot)
        return slot

    def free(self, slot: int | None) -> None:
        if slot is not None:
            self._busy.discard(slot)

    def _fresh(self) -> int | None:
        """A slot that this client has not used yet and no other client has claimed."""
        for slot in range(self._count):
            if slot in self._last or slot in self._refused:
                continue
            if self._claim(slot):
                return slot
            self._refused.add(slot)
        return None
