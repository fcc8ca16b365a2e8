"""Words of the checker's messages: the nearest valid name, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.spec.types import MapOf

SHOWN = 12


def near(name: str, names: Iterable[str]) -> str:
    """`did you mean 'x'?`, or nothing."""
    from difflib import get_close_matches

    found = get_close_matches(name, list(dict.fromkeys(names)), n=1, cutoff=0.6)
    return f"did you mean '{found[0]}'?" if found else ""


def listing(holder: MapOf) -> str:
    return choice(field.name for field in holder.fields)


def choice(names: Iterable[str]) -> str:
    """`a, b, c`, shortened when there are many."""
    every = list(dict.fromkeys(names))
    return ", ".join(every[:SHOWN]) + (", …" if len(every) > SHOWN else "")
