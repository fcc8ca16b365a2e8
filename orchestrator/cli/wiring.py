"""Where the commands get the store from: the environment and the project they are called in."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def where_runs_are() -> str:
    """The store of the project around the current directory as a person can find it; no secret is in it."""
    from orchestrator.config import Config

    config = Config.from_environment(os.environ, Path.cwd())
    return "the database of ORCH_DATABASE_URL" if config.database_url else str(config.store_path)


def the_store() -> Store:
    """The store of the project around the current directory, made when it is missing. Raises StoreError."""
    from orchestrator.config import Config
    from orchestrator.store.open import open_store

    config = Config.from_environment(os.environ, Path.cwd())
    if config.database_url and "://" not in config.database_url:
        raise UsageError(
            f"ORCH_DATABASE_URL is '{config.database_url}', which is no database URL",
            hint="e.g. sqlite:////home/me/runs.db or postgresql+psycopg://host/db",
        )
    return open_store(config.database_url or config.store_path)


def find_store() -> Store | None:
    """The same for those who only look: None when nothing has run here yet."""
    from orchestrator.config import Config

    config = Config.from_environment(os.environ, Path.cwd())
    return the_store() if config.database_url or config.store_path.exists() else None


def existing_store() -> Store:
    """The same for those who look up a run. Raises UsageError when nothing has run here yet."""
    found = find_store()
    if found is None:
        raise UsageError(
            f"there is no run yet in {where_runs_are()}", hint="start one with: orch run WORKFLOW"
        )
    return found
