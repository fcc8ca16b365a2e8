"""Where the commands get the store from: the environment and the project they are called in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def the_store(root: Path | None = None) -> Store:
    """The store of the project at `root`, by default of the one around the current directory.

    Raises StoreError when it cannot be opened; a missing one is made.
    """
    from orchestrator.config import Config
    from orchestrator.store.open import open_store

    config = Config.from_environment(os.environ, Path.cwd() if root is None else root)
    return open_store(config.database_url or config.store_path)
