"""Quantities in words."""

from __future__ import annotations

import pytest

from orchestrator.report import words


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(0, 3, "0 %"), (29, 100, "29 %"), (999, 1000, "99 %"), (4, 4, "100 %"), (0, 0, "")],
)
def test_a_share_is_rounded_down(part: int, whole: int, text: str) -> None:
    """Who reads 100 % may rely on it."""
    assert words.share(part, whole) == text


@pytest.mark.parametrize(
    ("tokens", "busy", "text"),
    [(90, 3.0, "30 tok/s"), (90, 0.0, ""), (0, 3.0, ""), (92_370, 1.0, ""), (4_000, 1.0, "4,000 tok/s")],
)
def test_a_rate_is_told_where_a_model_was_at_work(tokens: int, busy: float, text: str) -> None:
    """Not of a script, which answers at once: that is no speed of anything."""
    assert words.rate(tokens, busy) == text
