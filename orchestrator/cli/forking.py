"""Runs out of other runs, for the screen: what one would be, and starting it as a process of its own."""

from __future__ import annotations

import io
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.cli.again import Wish, copy_of, data
from orchestrator.cli.console import Console
from orchestrator.cli.fork import arguments
from orchestrator.cli.rest import rest_of
from orchestrator.cli.starting import Child, start_run

if TYPE_CHECKING:
    from orchestrator.config import Config
    from orchestrator.store.store import Store


class Forking:
    """Implements `orch_tui.ports.Forks`. Both methods block: call them from a thread."""

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config
        self._children: list[Child] = []

    def plan(self, run: str, step: str, /) -> Mapping[str, Any]:
        """What `orch fork RUN --at STEP --plan --json` prints. Raises OrchError."""
        nobody = Console(io.StringIO(), io.StringIO())
        copy = copy_of(self._store, run, Wish(step), self._config, nobody, fresh=False)
        return data(copy, rest_of(copy))

    def start(self, run: str, step: str, /, *, fresh: bool = False) -> str:
        """The id of the new run, once it is recorded. Calls with an effect are made a second time: the plan said so.

        Raises OrchError.
        """
        new = self._store.fresh_id(time.time())
        words = [*arguments(run, Wish(step), no_cache=fresh, local_only=self._config.offline), "--yes"]
        self._children = [*self.running, start_run(self._store, new, words, self._config.cwd, "fork")]
        return new

    @property
    def running(self) -> list[Child]:
        """What it started and what has not ended yet; those that ended are not left as zombies."""
        return [child for child in self._children if child.code is None]


__all__ = ["Forking"]
