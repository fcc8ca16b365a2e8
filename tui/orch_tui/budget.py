"""What a run may use, as its workflow file says it. Reads the file: call it in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import OrchError


@dataclass(frozen=True, slots=True)
class Budget:
    """None is without bound. `wall` in seconds."""

    tokens: int | None = None
    cloud_calls: int | None = None
    wall: float | None = None


def budget_of(file: str, source: str) -> Budget:
    """The budget in this file; an empty one when it has none, has changed since (`source` is its digest) or is gone."""
    from orchestrator.graph.open import open_workflow

    try:
        graph = open_workflow(Path(file))
    except (OrchError, OSError):
        return Budget()
    found = graph.workflow.budget
    if found is None or graph.digest != source:
        return Budget()
    return Budget(found.tokens, found.cloud_calls, found.wall)
