"""What a run may use, as it was recorded when the run began and raised when it was taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.money import DOLLAR, Nano, nano


@dataclass(frozen=True, slots=True)
class Budget:
    """None is without bound. `wall` in seconds, `usd` in nano-dollars."""

    tokens: int | None = None
    cloud_calls: int | None = None
    wall: float | None = None
    usd: Nano | None = None


def budget_of(options: Mapping[str, Any], raised: Mapping[str, int] | None = None) -> Budget:
    """The budget among the options of a run; an empty one where it has none or none that can be read.

    `raised` are limits of a resumed run, `usd` in nano-dollars.
    """
    found = options.get("budget")
    stated = found if isinstance(found, Mapping) else {}
    now: Mapping[str, Any] = raised or {}
    tokens, calls = (now.get(name, stated.get(name)) for name in ("tokens", "cloud_calls"))
    wall, usd = stated.get("wall"), now.get("usd", _nano(stated.get("usd")))
    return Budget(
        tokens if isinstance(tokens, int) else None,
        calls if isinstance(calls, int) else None,
        float(wall) if isinstance(wall, int | float) else None,
        usd if isinstance(usd, int) else None,
    )


def _nano(usd: object) -> Nano | None:
    if not isinstance(usd, int | float) or not 0 <= usd <= 2**63 // DOLLAR:
        return None
    return nano(float(usd))
