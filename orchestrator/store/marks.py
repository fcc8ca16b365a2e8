"""What is known of runs besides their records, for lists of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store.foreign import foreign
from orchestrator.store.highwater import gone
from orchestrator.store.quarantine import damaged
from orchestrator.store.rows import Marks

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def marks(store: Store) -> Marks:
    """Which runs are damaged, which were brought from elsewhere, and which are not there any more."""
    return Marks(damaged(store), foreign(store), gone(store))
