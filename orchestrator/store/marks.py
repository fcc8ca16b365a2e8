"""What is known of runs besides their records, for lists of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store.foreign import foreign
from orchestrator.store.quarantine import damaged
from orchestrator.store.rows import Marks

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def marks(store: Store) -> Marks:
    """Which runs are damaged, and which were brought from elsewhere."""
    return Marks(damaged(store), foreign(store))
