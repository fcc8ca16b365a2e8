"""Paths in the words of the tree."""

from __future__ import annotations

import pytest

from orch_tui.naming import called, readable


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("draft", "draft"),
        ("answer.3.draft", "answer.3.draft"),
        ("loop~2", "loop › pass 2"),
        ("answer.3.polish~12.draft", "answer › 3 › polish › pass 12 › draft"),
        ("summary^2.0", "summary › merge 2.0"),
        ("all.4.sum^0.13", "all › 4 › sum › merge 0.13"),
        ("loop~1.compare@tiny", "loop › pass 1 › compare › @tiny"),
    ],
)
def test_passes_and_merges_are_told_in_words_and_plain_paths_stay(path: str, words: str) -> None:
    assert readable(path) == words


def test_each_part_is_called_as_in_the_tree() -> None:
    assert [called(name) for name in ("a", ".a", ".3", "~2", "^1.0", "@m")] == [
        "a", "a", "3", "pass 2", "merge 1.0", "@m",
    ]  # fmt: skip
