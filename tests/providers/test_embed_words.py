"""Text into the model's vocabulary: the same numbers as its own tokenizer gives."""

from __future__ import annotations

import pytest

from orchestrator.providers.embed_words import BEGIN, END, UNKNOWN, Words, load_words, words_of


@pytest.fixture(scope="module")
def words() -> Words:
    return load_words()


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("Hello, world!", [7592, 1010, 2088, 999]),
        ("unaffable Größe", [14477, 20961, 3468, 24665, 2080, 17499]),
        ("", []),
        (" \t\n ", []),
        ("a" * 101, [UNKNOWN]),
        ("中文", [1746, 1861]),
        ("don't stop", [2123, 1005, 1056, 2644]),
    ],
)
def test_numbers_are_those_of_the_models_own_tokenizer(words: Words, text: str, numbers: list[int]) -> None:
    """Reference values come from the tokenizer the model was published with."""
    assert words.encode(text) == [BEGIN, *numbers, END]


def test_a_document_cannot_forge_the_marks_of_the_model(words: Words) -> None:
    """`[SEP]` in a text is a word in brackets, not the end of the text."""
    numbers = words.encode("a [SEP] b [CLS]")

    assert numbers.count(END) == 1
    assert numbers.count(BEGIN) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café a\u0301", ["cafe", "a"]),
        ("x\x00y\x1cz", ["xyz"]),
        ("x\u2028y\xa0z", ["x", "y", "z"]),
        ("ΑΣ", ["ασ"]),
        ("a\u200bb", ["ab"]),
        ("v1.2-rc", ["v1", ".", "2", "-", "rc"]),
    ],
)
def test_words_lose_case_accents_and_controls(text: str, expected: list[str]) -> None:
    """Blanks of any kind separate, punctuation stands alone."""
    assert list(words_of(text)) == expected
