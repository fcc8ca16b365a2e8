"""The cloud model that a run is compared with, found in a process of its own: the price list takes 30 MB of memory, which
a screen that stands open all day does not keep.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from orchestrator.money import Price

PATIENCE = 20.0
"""Seconds the other process has."""


class Bigger:
    """Asks once for each file and the models named in the place of its own. Called from any thread; blocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[str, Price] | None] = {}

    def __call__(self, file: str, models: Mapping[str, Any], /) -> tuple[str, Price] | None:
        question = file, json.dumps(models, sort_keys=True, default=str)
        with self._lock:
            if question not in self._known:
                self._known[question] = _ask(*question)
            return self._known[question]


def _ask(file: str, models: str) -> tuple[str, Price] | None:
    from orchestrator.money import Price

    command = [sys.executable, "-P", "-m", "orchestrator.cli.bigger", file, models]
    try:
        done = subprocess.run(  # noqa: S603 - this very program
            command, capture_output=True, timeout=PATIENCE, check=True
        )
        name, price = json.loads(done.stdout)
        return str(name), Price(**price)
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return None  # a comparison that is not there says it


def bigger(file: str, models: Mapping[str, str]) -> tuple[str, Price]:
    """The first cloud model with a price in that file; the usual one when there is none, or the file has gone."""
    from orchestrator.cli.comparing import bigger_of
    from orchestrator.cli.usual import usual
    from orchestrator.config import Config
    from orchestrator.errors import OrchError
    from orchestrator.graph.open import check_workflow

    try:
        graph = check_workflow(Path(file), models=models).graph
    except OrchError:
        graph = None
    cache = Config.from_environment(os.environ, Path.cwd()).cache
    return bigger_of(graph, cache) if graph is not None else usual(cache)


def main() -> int:
    file, models = sys.argv[1:]
    name, price = bigger(file, json.loads(models))
    sys.stdout.write(json.dumps([name, asdict(price)]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
