"""The examples that are most like a question, and their vectors on disk."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy
import pytest

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.examples import Cases, Without
from orchestrator.knowledge.vectors import MOST, pieces, vectors_of
from tests.engine.looking import Hashing

LINES = [
    ("where is my parcel", "parcel"),
    ("my parcel is late", "parcel"),
    ("pay the bill", "bill"),
    ("the bill is wrong", "bill"),
    ("reset the password", "account"),
]


def written(root: Path, lines: list[tuple[Any, Any]]) -> Path:
    file = root / "cases.jsonl"
    file.write_text("".join(json.dumps({"input": i, "output": o}) + "\n" for i, o in lines), encoding="utf-8")
    return file


def lines_of(found: Any) -> list[int]:
    return [example.line for example, _ in found]


def ask(cases: Any, query: str, k: int = 2) -> list[int]:
    return lines_of(asyncio.run(cases.nearest(query, k)))


def test_the_most_similar_come_first(tmp_path: Path) -> None:
    """With their similarity."""
    cases = Cases(written(tmp_path, LINES), Hashing(), tmp_path / "kept")

    found = asyncio.run(cases.nearest("the bill is high", 3))

    assert lines_of(found)[:2] == [4, 3]
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[0] < 1


def test_of_equals_the_earlier_line_comes_first_and_more_than_all_are_all(tmp_path: Path) -> None:
    """The order never depends on anything else."""
    cases = Cases(written(tmp_path, [("same", n) for n in range(5)]), Hashing(), tmp_path / "kept")

    assert ask(cases, "same", 9) == [1, 2, 3, 4, 5]


def test_an_input_is_embedded_once_for_all_runs(tmp_path: Path) -> None:
    """Only what is new is embedded when the file changes; what is gone is forgotten."""
    first, second, third = Hashing(), Hashing(), Hashing()
    file = written(tmp_path, LINES)
    ask(Cases(file, first, tmp_path / "kept"), "q")
    ask(Cases(file, second, tmp_path / "kept"), "q")
    written(tmp_path, [*LINES[1:], ("a new one", "x")])
    ask(Cases(file, third, tmp_path / "kept"), "q")

    assert len(first.embedded) == len(LINES) + 1
    assert second.embedded == ["q"]
    assert third.embedded == ["a new one", "q"]
    [kept] = (tmp_path / "kept").iterdir()
    with numpy.load(kept) as found:
        assert len(found["vectors"]) == len(LINES)


def test_vectors_of_another_embedder_are_not_used(tmp_path: Path) -> None:
    """They mean something else."""
    file = written(tmp_path, LINES)
    ask(Cases(file, Hashing(), tmp_path / "kept"), "q")
    other = Hashing(dimensions=128)

    ask(Cases(file, other, tmp_path / "kept"), "q")

    assert len(other.embedded) == len(LINES) + 1


@pytest.mark.parametrize("damage", [b"", b"PK no zip", b"\x93NUMPY"])
def test_a_damaged_file_of_vectors_is_made_again(damage: bytes, tmp_path: Path) -> None:
    """Nothing in it is believed."""
    file = written(tmp_path, LINES)
    before = ask(Cases(file, Hashing(), tmp_path / "kept"), "pay the bill")
    [kept] = (tmp_path / "kept").iterdir()
    kept.write_bytes(damage)
    again = Hashing()

    assert ask(Cases(file, again, tmp_path / "kept"), "pay the bill") == before
    assert len(again.embedded) == len(LINES) + 1


def test_where_nothing_can_be_kept_it_works_all_the_same(tmp_path: Path) -> None:
    """A file stands where the folder should be."""
    (tmp_path / "kept").write_text("", encoding="utf-8")

    assert ask(Cases(written(tmp_path, LINES), Hashing(), tmp_path / "kept"), "pay the bill", 1) == [3]


@pytest.mark.parametrize(
    ("content", "problem"),
    [("", "there is no example in it"), ("{}\n", "cases.jsonl:1: it has no `input`"), (None, "No such file")],
)
def test_a_file_that_is_no_file_of_cases_is_refused(
    content: str | None, problem: str, tmp_path: Path
) -> None:
    """It says which line."""
    file = tmp_path / "cases.jsonl"
    if content is not None:
        file.write_text(content, encoding="utf-8")

    with pytest.raises(KnowledgeError, match=problem):
        ask(Cases(file, Hashing(), tmp_path / "kept"), "q")


def test_many_questions_at_once_read_the_file_once(tmp_path: Path) -> None:
    """And embed it once."""
    embedder = Hashing()
    cases = Cases(written(tmp_path, LINES), embedder, tmp_path / "kept")

    async def many() -> list[list[int]]:
        return [lines_of(one) for one in await asyncio.gather(*(cases.nearest(i, 1) for i, _ in LINES))]

    assert asyncio.run(many()) == [[1], [2], [3], [4], [5]]
    assert len(embedder.embedded) == 2 * len(LINES)


def test_lines_can_be_left_out(tmp_path: Path) -> None:
    """Whoever measures a step does not show it the answer."""
    cases = Cases(written(tmp_path, LINES), Hashing(), tmp_path / "kept")

    left = Without(cases, frozenset({4}))

    assert ask(left, "the bill is wrong", 2)[0] == 3
    assert 4 not in ask(left, "the bill is wrong", 5)


# ------------------------------------------------------------------------------------------------- vectors


@pytest.mark.parametrize("text", ["word " * 3000, "x" * 5000, "ü" * 3000, "𝄞" * 900, " \n" * 4000 + "end"])
def test_pieces_are_as_small_as_asked(text: str) -> None:
    """Whatever the text is made of; of a very long one the beginning and the end count."""
    found = pieces(text, 100)

    assert all(len(piece.encode()) <= 100 for piece in found)
    assert len(found) <= MOST
    assert text.startswith(found[0])
    assert text.endswith(found[-1])


def test_what_is_cut_is_lost_nowhere() -> None:
    """Up to the most pieces there are."""
    text = "one two three four " * 30

    assert "".join(pieces(text, 64)) == text


class Small(Hashing):
    """Takes only so many bytes, as an embedder whose tokens are single characters."""

    async def embed(self, texts: Any) -> Any:
        from orchestrator.errors import ProviderError

        if any(len(text.encode()) + 2 > self.info.context for text in texts):
            raise ProviderError("overflow", "too long")
        return await super().embed(texts)


def test_a_long_text_has_the_mean_of_its_pieces() -> None:
    """A unit vector, like that of a short one; the short ones beside it stay what they are."""
    long = "bill " * 100

    async def both() -> Any:
        return await vectors_of(Small(context=64), ["short bill", long, "parcel"])

    vectors = asyncio.run(both())

    assert vectors.shape == (3, 256)
    assert vectors.dtype == numpy.float32
    assert numpy.allclose(numpy.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    [alone] = asyncio.run(vectors_of(Hashing(), ["bill"]))
    assert vectors[1] @ alone > 0.99
