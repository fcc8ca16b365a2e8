"""The cache of a run: that of the store, and a shared one where the environment (`ORCH_CACHE`) or the user's settings name it.

No project names one: whoever runs a project of somebody else would hand over answers without having been asked.
"""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.labels import LEVELS, Label
from orchestrator.light import light
from orchestrator.store.cache import StoreCache
from orchestrator.store.shared import DirectoryCache, SharedCache

if TYPE_CHECKING:
    from orchestrator.ports import Cache
    from orchestrator.store.store import Store


def open_cache(store: Store, stack: AsyncExitStack, *, offline: bool) -> Cache:
    """Closed with the stack. Offline nothing is shared. Raises UsageError, StoreError."""
    near = StoreCache(store)
    stack.callback(near.close)
    config = Config.from_environment(os.environ, Path.cwd())
    shared = None if offline else _shared(config)
    return near if shared is None else SharedCache(near, _far(shared, stack), shared.clearance)


@light(frozen=True, slots=True)
class Shared:
    """Where known answers are shared, up to which label, and who says so."""

    place: str
    clearance: Label
    said_by: str


def _shared(config: Config) -> Shared | None:
    """What the environment says counts alone: also that nothing is shared, by an empty `ORCH_CACHE`. Raises OrchError."""
    if config.shared_cache is not None:
        clearance = _clearance(config.shared_clearance)
        return Shared(config.shared_cache, clearance, "ORCH_CACHE") if config.shared_cache else None
    if not config.settings.exists():
        return None
    from orchestrator.cli.settings import read_all

    said = read_all(config.settings).cache
    place = said.shared
    if place and "://" not in place:
        place = str(config.settings.parent / Path(place).expanduser())
    return Shared(place, said.clearance, f"'cache.shared' in {config.settings}") if place else None


def _clearance(said: str) -> Label:
    allowed = LEVELS[:-1]  # a secret is nobody's
    found = next((level for level in allowed if level == said), None)
    if found is None:
        raise UsageError(f"ORCH_CACHE_CLEARANCE is '{said}'", hint=f"it is one of {', '.join(allowed)}")
    return found


def _far(shared: Shared, stack: AsyncExitStack) -> Cache:
    where = shared.place
    if "://" in where:
        from orchestrator.store.open import open_store

        other = open_store(where)
        stack.callback(other.close)
        cache = StoreCache(other)
        stack.callback(cache.close)
        return cache
    place = Path(where).expanduser()
    if not place.is_dir():
        raise UsageError(
            f"{shared.said_by} names {where}, which is no directory", hint="make it, or take the setting out"
        )
    directory = DirectoryCache(place.absolute())
    stack.callback(directory.close)
    return directory


__all__ = ["open_cache"]
