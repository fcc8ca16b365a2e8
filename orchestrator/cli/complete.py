"""What the shell offers while a person types: workflow files and names, runs. Never fails, never slow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.errors import OrchError

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem

T = TypeVar("T")


def workflows(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of workflows, and files and directories as the shell knows them."""
    from click.shell_completion import CompletionItem

    found = [CompletionItem(name) for name in _quietly(_workflow_names) if name.startswith(incomplete)]
    return [*found, *(_files(incomplete) if not found or incomplete else [])]


def runs(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the latest runs, with what they ran."""
    from click.shell_completion import CompletionItem

    latest = [*_quietly(_run_ids), ("last", "the latest run")]
    return [CompletionItem(name, help=text) for name, text in latest if name.startswith(incomplete)]


def _files(incomplete: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]


def _quietly(source: Callable[[], Iterable[T]]) -> list[T]:
    """What the source gives, or nothing: a broken project must not break the prompt."""
    try:
        return list(source())
    except (OrchError, OSError, ImportError):
        return []


def _workflow_names() -> Iterable[str]:
    from orchestrator.library import named_workflows

    return sorted(named_workflows(Path.cwd()))


def _run_ids() -> Iterable[tuple[str, str]]:
    """Read past the store: SQLAlchemy takes longer to import than a person waits for a completion."""
    import os
    import sqlite3
    from contextlib import closing

    from orchestrator.config import Config

    config = Config.from_environment(os.environ, Path.cwd())
    if config.database_url:
        return []
    try:
        with closing(sqlite3.connect(f"file:{config.store_path}?mode=ro", uri=True, timeout=0.2)) as store:
            rows = store.execute(
                "SELECT id, workflow, status FROM runs ORDER BY started DESC LIMIT 20"
            ).fetchall()
    except sqlite3.Error:
        return []
    return [(str(run), f"{workflow} {status}") for run, workflow, status in rows]
