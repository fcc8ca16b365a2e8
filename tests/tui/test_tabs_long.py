"""Tables wider than the page, texts of several lines inside of values: all of their words are shown."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from orch_tui.tabs import markdown, pretty
from orch_tui.tabs.page import Page
from orch_tui.text import plain


def rows_of(source: str, width: int) -> list[str]:
    page = Page(width)
    markdown.put(page, source)
    return [plain(row).rstrip() for row in page.rows]


LONG = "a lamp that came with a broken shade and was sent back the same day"


@pytest.mark.parametrize("width", [12, 24, 40, 78, 200])
def test_a_table_shows_all_of_its_words_at_any_width(width: int) -> None:
    """Cells are wrapped beside each other, or stand one below the other where they would be too narrow."""
    rows = rows_of(
        f"| order | what happened | who |\n|--:|---|---|\n| 17 | {LONG} | Ms Grey |\n| 4 | no | me |", width
    )

    words = " ".join(rows).split()
    assert all(words.count(word) >= LONG.split().count(word) for word in LONG.split())
    assert {"17", "4", "Grey", "no", "me"} <= set(words)
    assert max(map(cell_len, rows)) <= width
    assert "…" not in "".join(rows)


def test_cells_are_wrapped_beneath_themselves() -> None:
    """A long cell takes lines of its own column; numbers stand to the right where the table says so."""
    rows = rows_of("| n | text |\n|--:|---|\n| 5 | one two three four |\n| 12 | x |", 14)

    assert rows == [" n  text", "──────────────", " 5  one two", "    three four", "12  x"]


def test_a_table_of_very_many_columns_becomes_entries() -> None:
    """Each row is a list of names with their values."""
    columns = [f"c{number}" for number in range(20)]
    table = "\n".join(
        "|".join(row) for row in (columns, ["---"] * 20, [f"v{number}" for number in range(20)])
    )

    rows = rows_of(table, 30)

    assert rows == [f"c{number}: v{number}" for number in range(20)]


@pytest.mark.parametrize(
    "prose",
    [
        "Say yes | no | later, please\n---|---",
        "Either this|or that\n|---|",
        "a | b\n---",
    ],
)
def test_prose_with_bars_is_no_table(prose: str) -> None:
    """The line of dashes must have as many cells as the one above it: else it stands as it was written."""
    rows = rows_of(prose, 60)

    assert rows[0] == prose.split("\n")[0]


def test_cells_too_many_and_bars_in_cells_are_kept() -> None:
    """Nothing is lost: what is too much stands with the last cell, and an escaped bar is a bar."""
    rows = rows_of("| a | b |\n|---|---|\n| 1 | 2 | 3 |\n| x \\| y | z |\n|| second |", 40)

    assert [row.split() for row in rows[2:]] == [["1", "2", "|", "3"], ["x", "|", "y", "z"], ["second"]]


def test_a_text_of_several_lines_in_a_value_is_shown_as_lines() -> None:
    """Not with its line ends spelled out: beneath its name, wrapped, with a bar before each line."""
    page = Page(24)

    pretty.put(page, {"letter": "Dear people,\n\nthe lamp of order 7 is broken", "n": 1})

    assert [plain(row).rstrip() for row in page.rows] == [
        "{",
        '  "letter": ¶,',
        "    │ Dear people,",
        "    │",
        "    │ the lamp of order",
        "      7 is broken",
        '  "n": 1',
        "}",
    ]


def test_a_value_of_endless_lines_is_bounded() -> None:
    """The rest is counted as lines of the value are."""
    page = Page(40)

    pretty.put(page, ["x\n" * 100_000], "orch show r")

    assert len(page.rows) == pretty.LINES + 1
    assert plain(page.rows[-1]) == "… more lines: orch show r"
