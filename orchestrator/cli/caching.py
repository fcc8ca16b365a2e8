"""The cache of a run: that of the store, and a shared one where the environment names it (`ORCH_CACHE`)."""

from __future__ import annotations

import os
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.config import Config
from orchestrator.errors import UsageError
from orchestrator.labels import LEVELS, Label
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
    if config.shared_cache is None or offline:
        return near
    return SharedCache(near, _far(config.shared_cache, stack), _clearance(config.shared_clearance))


def _clearance(said: str) -> Label:
    allowed = LEVELS[:-1]  # a secret is nobody's
    found = next((level for level in allowed if level == said), None)
    if found is None:
        raise UsageError(f"ORCH_CACHE_CLEARANCE is '{said}'", hint=f"it is one of {', '.join(allowed)}")
    return found


def _far(where: str, stack: AsyncExitStack) -> Cache:
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
            f"ORCH_CACHE names {where}, which is no directory", hint="make it, or unset ORCH_CACHE"
        )
    directory = DirectoryCache(place.absolute())
    stack.callback(directory.close)
    return directory


__all__ = ["open_cache"]
