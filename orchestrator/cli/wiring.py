"""Where the commands get the store from: the environment and the project they are called in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def the_store(root: Path | None = None) -> Store:
    """The store for runs of workflows in `root`, made when it is missing; without a root, where runs are looked up.

    Raises UsageError when there is no run to look up yet, StoreError when the store cannot be opened.
    """
    found = find_store() if root is None else _open(root)
    if found is None:
        raise UsageError("there is no run yet", hint="start one with: orch run WORKFLOW")
    return found


def find_store() -> Store | None:
    """The store of the project around the current directory, None when nothing has run there yet."""
    from orchestrator.config import find_root

    return _open(find_root(Path.cwd()), create=False)


def _open(root: Path, *, create: bool = True) -> Store | None:
    from orchestrator.config import STORE_FILE, Config
    from orchestrator.store.open import open_store

    config = Config.from_environment(os.environ, Path.cwd())
    if config.database_url is not None:
        return open_store(config.database_url)
    file = config.store(root) / STORE_FILE
    return open_store(file) if create or file.exists() else None
