"""Rows become strips of exact width, and nothing in them is obeyed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.style import Style

from orch_tui.text import Row, Styles, clean, cut, cut_left, highlighted, plain, strip, wrapped

ROWS = st.lists(st.tuples(st.text(max_size=30), st.sampled_from(["", "dim", "bad"])), max_size=5).map(tuple)
CONTROL = [chr(code) for code in (*range(32), *range(0x7F, 0xA0))]


@given(ROWS, st.integers(0, 60))
def test_a_strip_is_exactly_as_wide_as_asked(row: Row, width: int) -> None:
    """Whatever the text holds: wide characters, controls, nothing."""
    made = strip(row, width, Styles(), Style())

    assert cell_len(made.text) == width == made.cell_length


@given(ROWS, st.integers(0, 60))
def test_no_control_character_reaches_a_strip(row: Row, width: int) -> None:
    """Not one of C0 and C1, also where the row is cut."""
    made = strip(row, width, Styles(), Style())

    assert not [char for char in made.text if char in CONTROL]


@given(ROWS, st.integers(1, 60))
def test_what_is_cut_has_a_mark(row: Row, width: int) -> None:
    """A row that does not fit ends with an ellipsis, one that fits is whole."""
    shown = strip(row, width, Styles(), Style()).text.rstrip()

    if cell_len(plain(row)) <= width:
        assert shown == plain(row).rstrip()
    else:
        assert "…" in shown


def test_markup_is_text() -> None:
    """Brackets are what they are."""
    row: Row = (("[@click=app.quit]x[/] [red]y", ""),)

    assert strip(row, 40, Styles(), Style()).text.startswith("[@click=app.quit]x[/] [red]y")


@pytest.mark.parametrize(
    ("text", "width", "left", "right"),
    [
        ("answer.3.draft", 8, "answer.…", "…3.draft"),
        ("short", 8, "short", "short"),
        ("漢字漢字", 5, "漢字…", "…漢字"),
    ],
)
def test_text_is_cut_at_either_end(text: str, width: int, left: str, right: str) -> None:
    """Paths are cut at their beginning: their end says more."""
    assert cut(text, width) == left
    assert cut_left(text, width) == right


@given(st.text(alphabet="ab \n漢", max_size=80), st.integers(2, 20))
def test_wrapped_lines_fit_and_lose_only_blanks(text: str, width: int) -> None:
    """Nothing but spaces at the places where lines break is dropped."""
    lines = wrapped(text, width)

    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == text.replace("\n", "").replace(" ", "")


def test_every_occurrence_is_marked_in_any_case() -> None:
    """Also across what other roles begin and end, each piece for itself."""
    row: Row = (("Draft a draft", ""), ("drafted", "dim"))

    marked = highlighted(row, "draft")

    assert [text for text, role in marked if role == "match"] == ["Draft", "draft", "draft"]
    assert plain(marked) == plain(row)


def test_line_ends_and_tabs_stay_in_their_row() -> None:
    """A row is one line of the screen."""
    assert clean("a\nb\tc\r\n") == "a⏎b c⏎"
