"""What a run may use, as it was recorded when the run began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Budget:
    """None is without bound. `wall` in seconds."""

    tokens: int | None = None
    cloud_calls: int | None = None
    wall: float | None = None


def budget_of(options: Mapping[str, Any]) -> Budget:
    """The budget among the options of a run; an empty one where it has none or none that can be read."""
    found = options.get("budget")
    if not isinstance(found, Mapping):
        return Budget()
    tokens, calls, wall = (found.get(name) for name in ("tokens", "cloud_calls", "wall"))
    return Budget(
        tokens if isinstance(tokens, int) else None,
        calls if isinstance(calls, int) else None,
        float(wall) if isinstance(wall, int | float) else None,
    )
