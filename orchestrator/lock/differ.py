"""Two locks against each other: one line for each fact that is not the same. Values only; shown texts are still raw."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.light import light
from orchestrator.lock.text import flow, quoted

SHOWN = 60
DIGEST = "sha256"
_LONG = 19
"""Characters of a digest that are shown, with what it is: `sha256:` and twelve."""


@light(frozen=True, slots=True)
class Difference:
    """One fact. `was` and `now` are None where there was, or is, nothing."""

    path: tuple[str, ...]
    was: Any
    now: Any

    @property
    def line(self) -> str:
        """In words; what servers wrote in it is data."""
        what = ".".join(self.path)
        if self.was is None:
            return f"{what} is new"
        if self.now is None:
            return f"{what} is gone"
        return f"{what} was {_shown(self.was)}, now it is {_shown(self.now)}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple[Difference, ...]:
    """What is not the same, in order."""
    return tuple(_between(old, new, ()))


def _between(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Difference]:
    found: list[Difference] = []
    for key in sorted({*old, *new}):
        was, now = old.get(key), new.get(key)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            found += _between(was, now, (*path, key))
        elif was != now:
            found.append(Difference((*path, key), was, now))
    told = [one for one in found if one.path != (*path, DIGEST)]
    yield from told or found  # the digest of something of which it is said what changed says no more


def _shown(value: Any) -> str:
    if isinstance(value, str) and value.startswith(f"{DIGEST}:"):
        return f"{value[:_LONG]}…"
    text = quoted(value) if isinstance(value, str) else flow(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


__all__ = ["DIGEST", "Difference", "differences"]
