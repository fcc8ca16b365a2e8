"""Heads: trained on cases, calibrated on what was held out, kept on disk."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

import numpy
import pytest

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.heads import LEAST, NEVER, Head, train
from tests.embedding import WordEmbedder

WORDS = {
    "card": ("lost", "card", "stolen", "plastic", "pin"),
    "loan": ("loan", "mortgage", "borrow", "interest", "house"),
    "travel": ("flight", "hotel", "luggage", "visa", "airport"),
}


def write(path: Path, each: int = 20) -> Path:
    """Cases of three topics, each text of two or three words of its topic."""
    lines = []
    for topic, words in WORDS.items():
        for n in range(each):
            text = f"my {words[n % 5]} and {words[(n // 5 + n + 1) % 5]} please {n}"
            lines.append(json.dumps({"input": text, "output": {"topic": topic}}))
    path.write_text("\n".join(lines) + "\n")
    return path


def ask(head: Head, *texts: str) -> list[object]:
    async def all_of_them() -> list[object]:
        return [await head.classify(text) for text in texts]

    return asyncio.run(all_of_them())


def test_it_learns_the_cases_and_answers_others_of_their_kind(tmp_path: Path) -> None:
    """The answer is data as the cases have it."""
    head = Head(write(tmp_path / "cases.jsonl"), WordEmbedder(), tmp_path / "heads")

    card, loan = asyncio.run(_both(head))

    assert card.value == {"topic": "card"}
    assert loan.value == {"topic": "loan"}
    assert LEAST <= card.bar <= card.confidence <= 1


async def _both(head: Head):  # type: ignore[no-untyped-def]
    return await head.classify("stolen card"), await head.classify("a loan for a house")


def test_what_is_like_nothing_it_knows_has_little_confidence(tmp_path: Path) -> None:
    """So the model is asked."""
    head = Head(write(tmp_path / "cases.jsonl"), WordEmbedder(), tmp_path / "heads")

    async def sure(text: str) -> float:
        return (await head.classify(text)).confidence

    assert asyncio.run(sure("qwertz")) < asyncio.run(sure("stolen card"))


def test_a_second_process_reads_what_the_first_one_learned(tmp_path: Path) -> None:
    """Only the question is embedded then."""
    cases, folder = write(tmp_path / "cases.jsonl"), tmp_path / "heads"
    [first] = ask(Head(cases, WordEmbedder(), folder), "stolen card")
    embedder = WordEmbedder()

    [second] = ask(Head(cases, embedder, folder), "stolen card")

    assert second == first
    assert embedder.asked == [["stolen card"]]


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 no archive", b"\x00" * 200])
def test_a_damaged_file_is_trained_anew(tmp_path: Path, damage: bytes) -> None:
    """Nobody has to clean up."""
    cases, folder = write(tmp_path / "cases.jsonl"), tmp_path / "heads"
    [first] = ask(Head(cases, WordEmbedder(), folder), "stolen card")
    [file] = folder.iterdir()
    file.write_bytes(damage)

    assert ask(Head(cases, WordEmbedder(), folder), "stolen card") == [first]


def test_other_cases_or_another_embedder_are_another_head(tmp_path: Path) -> None:
    """What was learned is kept by content."""
    cases, folder = write(tmp_path / "cases.jsonl"), tmp_path / "heads"
    ask(Head(cases, WordEmbedder(), folder), "x")
    ask(Head(cases, WordEmbedder(digest="other"), folder), "x")
    write(cases, each=19)
    ask(Head(cases, WordEmbedder(), folder), "x")

    assert len(list(folder.iterdir())) == 3


def test_a_few_cases_never_answer_by_themselves(tmp_path: Path) -> None:
    """Two right ones of two prove nothing."""
    head = Head(write(tmp_path / "cases.jsonl", each=2), WordEmbedder(), tmp_path / "heads")

    assert asyncio.run(head.trained()).bar == NEVER


def test_cases_that_say_nothing_never_answer_by_themselves() -> None:
    """Random vectors with random answers."""
    rng = numpy.random.default_rng(7)
    vectors = rng.normal(size=(120, 32)).astype("float32")
    vectors /= numpy.linalg.norm(vectors, axis=1, keepdims=True)

    head = train(vectors, [str(n) for n in rng.integers(0, 3, 120)])

    assert head.bar == NEVER
    assert head.held_out < 0.6


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ([], "two different answers"),
        (['{"input": "a", "output": "x"}'] * 3, "two different answers"),
        (['{"input": "a", "output": "x"}', "{"], "cases.jsonl:2"),
    ],
)
def test_cases_nobody_can_learn_from_are_named(tmp_path: Path, lines: Sequence[str], told: str) -> None:
    """With file and line."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text("\n".join(lines))

    with pytest.raises(KnowledgeError, match=told):
        ask(Head(cases, WordEmbedder(), tmp_path / "heads"), "x")


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    """The head answers all the same."""
    blocked = tmp_path / "heads"
    blocked.write_text("a file where the folder should be")

    assert ask(Head(write(tmp_path / "cases.jsonl"), WordEmbedder(), blocked), "stolen card")
