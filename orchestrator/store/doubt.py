"""A commit that reported a failure may have come through all the same: the store itself says what is in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def came_through(store: Store, run: str, count: int, head: bytes) -> bool:
    """Whether the run's chain ends with this event; False also where the store cannot be asked."""
    try:
        found = store.head(run)
    except StoreError:
        return False
    return found.count == count and found.hash == head
