"""Texts that go round in circles, and texts that only look alike."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.library import shipped_agents
from orchestrator.policy.repeated import (
    _NUMBERED,
    LONGEST,
    SHORTEST,
    _circling,
    _coming_back,
    _words,
    repeats,
)

SENTENCE = "You can cancel a payment within seventeen minutes of its submission."
CIRCLES = {
    "a sentence": f"{SENTENCE} " * 4,
    "a sentence that breaks off": f"A payment takes a day. {SENTENCE} {SENTENCE} {SENTENCE} {SENTENCE} {SENTENCE} You can",
    "half a sentence": "A cat is a creature of the night, " + "a creature of the night, " * 8,
    "two sentences in turn": f"{SENTENCE} It is free of charge for all our customers here.\n" * 4,
    "lines with numbers": "\n".join(f"{n}. Use a strong password for your account." for n in range(1, 9)),
    "lines with dashes": "Tips:\n" + "- Travel by train and not by car\n" * 6,
    "one sentence between others": "".join(f"{SENTENCE}\nQuestion {n}?\n" for n in "abcde"),
    "a word": "This is " + "very " * 40 + "good.",
    "a word in a list": "The countries are: " + "China, " * 60,
    "a phrase in a list": "der Himmel ist der Himmel, " * 20,
    "a word that does not end": "The song goes: " + "ha" * 100,
    "a text without spaces": "我是一个人工智能助手，我可以帮助你。" * 6,
    "other capitals and quotes": f'{SENTENCE} "{SENTENCE.upper()}" **{SENTENCE}** {SENTENCE}',
    "one sign": "!" * 64,
    "the end of a long text": "A long and varied beginning. " + f"{SENTENCE} " * 2000,
}
STRAIGHT = {
    "nothing": "",
    "a short text": "no no no no no no no no no",
    "three times": f"{SENTENCE} {SENTENCE} {SENTENCE}",
    "less than half": f"{SENTENCE} {SENTENCE} {SENTENCE} {SENTENCE} "
    + " ".join(f"The rule of clause {n} speaks of matter {n * 7} alone and needs form {n + 31}." for n in range(6)),
    "sentences of one pattern": " ".join(
        f"The store in {town} is open from 9 to 5 and closed on Sunday."
        for town in ("Rome", "Oslo", "Paris", "Bonn", "Lima", "Kyiv", "Bern", "Cork")
    ),
    "labels": "\n".join(["low", "low", "high", "low"] * 8),
    "numbered labels": "\n".join(f"{n}. not found" for n in range(1, 30)),
    "a row of labels": ", ".join(["true"] * 30),
    "numbers": " ".join(["0 1 0 0"] * 40),
    "a table": "| name | open | free |\n| --- | --- | --- |\n" + "".join(f"| {x} | yes | no |\n" for x in "abcdefghij"),
    "cells without content": "<tr><td></td><td></td><td></td><td></td></tr>\n" * 3 + "<tr><td>x</td></tr>",
    "a form": "Name: ____________________________________________________________\nDate: ____________",
    "a rule": "# Title\n" + "-" * 80 + "\nText",
    "lines of a program": "\n".join(f'parser.add_argument("--{x}", type=int, default=0)' for x in "abcdefghijkl"),
    "cases of a test": "\n".join(f"    assert not candidate({'<' * n!r})" for n in range(1, 12)),
    "a song": "Row the boat with me\nDown the stream we go\nSing a song with me\nMerrily we row\n"
    "Life is but a dream\nUp the hill we climb\nRow the boat with me\nAll the way in time\n",
}  # fmt: skip


@pytest.mark.parametrize("text", CIRCLES.values(), ids=CIRCLES)
def test_a_text_that_is_mostly_the_same_again_goes_round_in_circles(text: str) -> None:
    """A stretch that follows itself, or a sentence that keeps coming back."""
    assert repeats(text)


@pytest.mark.parametrize("text", STRAIGHT.values(), ids=STRAIGHT)
def test_what_people_write_does_not(text: str) -> None:
    """Patterns, tables, labels, numbers, programs and choruses."""
    assert not repeats(text)


def test_no_good_answer_of_a_specialist_does() -> None:
    """The cases by which the shipped specialists are measured."""
    for file in sorted(shipped_agents().glob("*/cases.jsonl")):
        assert [text for text in _answers(file) if repeats(text)] == []


def _answers(file: Path) -> list[str]:
    answers = [json.loads(line)["output"] for line in file.read_text(encoding="utf-8").splitlines()]
    return [
        str(text)
        for answer in answers
        for text in (answer.values() if isinstance(answer, dict) else [answer])
    ]


WORD = st.text("abcdefghij", min_size=2, max_size=8)


@settings(max_examples=60)
@given(st.lists(WORD, min_size=5, max_size=40, unique=True), st.integers(5, 12))
def test_any_stretch_of_words_five_times_over_is_seen(words: list[str], times: int) -> None:
    """Whatever the words, and wherever the last time ends."""
    text = " ".join(words * times)
    assert repeats(text[: -len(words[-1])])


@settings(max_examples=60)
@given(st.lists(WORD, max_size=300, unique=True))
def test_different_words_are_never_a_circle(words: list[str]) -> None:
    """No text of words that each stand there once is called one."""
    assert not repeats(" ".join(words))


@settings(max_examples=60)
@given(st.text(max_size=400))
def test_any_text_is_read(text: str) -> None:
    """Whatever signs, spaces and halves there are."""
    assert repeats(text) in (True, False)


def test_a_flood_is_looked_at_from_its_end_only() -> None:
    """So that the time is bounded."""
    flood = " ".join(str(n) + "x" for n in range(100_000))

    assert not repeats(flood)
    assert repeats(flood + f" {SENTENCE}" * (LONGEST // len(SENTENCE)))


PIECES = st.lists(
    st.tuples(
        st.sampled_from(
            (
                "one two three four five. ",
                "one two three four five。",
                "six seven, ",
                "eight ",
                "是的",
                "- a\n",
                "9 10 ",
                "x" * 45,
            )
        ),
        st.integers(1, 14),
    ),
    max_size=6,
).map(lambda parts: "".join(piece * times for piece, times in parts))


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_the_short_look_rules_nothing_out_that_the_long_one_finds(text: str) -> None:
    """Counting the places that are known again only saves the work for texts that do not repeat themselves."""
    plain = _NUMBERED.sub("", text).casefold()
    closely = _circling(_words(plain), plain) or _coming_back(plain) or len(set(plain)) == 1

    assert len(text) < SHORTEST or repeats(text) == closely
