"""Text that several steps write at once, as lines."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli.writing import Writing


def written(columns: int = 80) -> tuple[Writing, list[str]]:
    pieces: list[str] = []
    return Writing(pieces.append, lambda: columns), pieces


def lines(pieces: list[str]) -> list[str]:
    return [line.strip() for line in "".join(pieces).splitlines()]


def test_a_single_step_is_seen_piece_by_piece() -> None:
    """Nobody waits for the end of a line."""
    writing, pieces = written()

    writing.piece("a", "Once")
    writing.piece("a", " upon\na")

    assert "".join(pieces) == "          a │ Once upon\n          │ a"


def test_steps_that_write_at_once_get_whole_lines() -> None:
    """Token by token from eight items would be a line per token."""
    writing, pieces = written()

    for word in ("one ", "two ", "three"):
        for path in ("f.0", "f.1"):
            writing.piece(path, word)
    writing.ended("f.1")
    writing.ended("f.0")

    assert lines(pieces) == ["f.0 │ one", "f.1 │ one two three", "f.0 │ two three"]


def test_a_line_that_is_finished_goes_out_at_once() -> None:
    """The rest waits for its end."""
    writing, pieces = written()
    writing.piece("a", "x")
    writing.piece("b", "first\nsec")

    assert lines(pieces) == ["a │ x", "b │ first"]


def test_the_last_that_writes_is_seen_piece_by_piece_again() -> None:
    """With what it had held back."""
    writing, pieces = written()
    writing.piece("a", "x")
    writing.piece("b", "held ")
    writing.ended("a")

    writing.piece("b", "back")

    assert lines(pieces) == ["a │ x", "b │ held back"]


def test_long_lines_break_at_a_blank() -> None:
    """Within the terminal's width, alone or not."""
    writing, pieces = written(columns=40)
    for word in ("a bird in the hand ", "is worth two ", "in the bush"):
        writing.piece("a", word)
    writing.end()

    assert lines(pieces) == ["a │ a bird in the hand is", "│ worth two in the bush"]


def test_an_event_closes_the_open_line() -> None:
    """The step goes on with a line of its own."""
    writing, pieces = written()
    writing.piece("a", "one")
    writing.close()
    writing.piece("a", " two")

    assert "".join(pieces) == "          a │ one\n          a │  two"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.text("xyz \n", max_size=50)), max_size=20))
def test_no_character_is_lost_or_doubled(pieces: list[tuple[str, str]]) -> None:
    """Whatever comes in whatever order; only blanks and line ends may change."""
    writing, shown = written(columns=40)

    for path, text in pieces:
        writing.piece(path, text)
    writing.end()

    letters = [c for c in "".join(shown) if c in "xyz"]
    assert sorted(letters) == sorted(c for _, text in pieces for c in text if c in "xyz")
    assert all(len(line) <= 40 for line in "".join(shown).splitlines())
