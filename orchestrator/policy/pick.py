"""Which of several answers is taken: the one most say, or the one a judge names by its number. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.spec.types import Field, Int, MapOf, Type

WARM = 0.7
"""The temperature of further samples of a step that has none: with 0 they would all be the same."""


def majority(texts: Sequence[str]) -> int:
    """The place of the first answer that is given most often."""
    counts = Counter(texts)
    most = max(counts.values())
    return next(place for place, text in enumerate(texts) if counts[text] == most)


def varied(params: Mapping[str, Any], number: int) -> dict[str, Any]:
    """Sampling parameters of sample `number`, from 1: the first as it is, each other with a seed of its own, and warm."""
    if number <= 1:
        return dict(params)
    warm = params.get("temperature") or WARM
    return {**params, "temperature": warm, "seed": int(params.get("seed") or 0) + number}


def best_type(count: int) -> Type:
    """What a judge answers that chooses among so many."""
    return MapOf((Field("best", Int(1, count)),))


def ballot(task: str, texts: Sequence[str]) -> str:
    """What a judge reads: the task, the answers by number, and the question."""
    answers = "\n\n".join(f"Answer {n}:\n{text}" for n, text in enumerate(texts, 1))
    return (
        f"Task:\n{task}\n\n{answers}\n\nWhich answer does the task best? Give its number, 1 to {len(texts)}."
    )


__all__ = ["WARM", "ballot", "best_type", "majority", "varied"]
