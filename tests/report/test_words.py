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
