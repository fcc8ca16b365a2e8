"""Texts become rows: never wider than the page, never endless, never with a control character, nothing lost."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_tui.tabs import diff, markdown, pretty
from orch_tui.tabs.live import Growing
from orch_tui.tabs.page import CHARACTERS, ROWS, Page, lines, table
from orch_tui.text import Row, plain, width_of
from tests.tui.host import harmless
from tests.tui.recorded import HOSTILE

FLOODS = {
    "one line": "a" * 1_000_000,
    "words": "word " * 200_000,
    "lines": "ab c\n" * 100_000,
    "no width": "\u200b" * 200_000,
    "marks on marks": "e" + "\u0301" * 200_000,
    "escapes": "\x1b[31m" * 20_000,
    "wide": "漢字" * 50_000,
    "blanks": " " * 100_000,
}


def shown(page: Page) -> str:
    return "\n".join(plain(row) for row in page.rows)


def fits(rows: list[Row], width: int) -> bool:
    """Each in the width, and of a length that a terminal can take."""
    return all(width_of(row) <= width and sum(len(text) for text, _ in row) <= 40 * width for row in rows)


PIECES = st.lists(
    st.sampled_from([*HOSTILE, "word", " ", "\n", "漢字", "\t", "\r", "longer-than-the-page" * 3])
)


@given(PIECES, st.integers(8, 60), st.sampled_from(["", "– ", "a label: "]))
def test_every_row_fits_and_is_harmless(pieces: list[str], width: int, label: str) -> None:
    """Whatever the text holds, in whatever pieces it comes, behind whatever label."""
    page = Page(width)

    page.add(((label, "dim"),) if label else (), [(piece, "") for piece in pieces] or [("", "")])
    page.say("".join(pieces))

    assert fits(page.rows, width)
    assert harmless(
        "\n".join(text for row in page.rows for text, _ in row).replace("\u200b", "").replace("\u200d", "")
    )


@given(PIECES, st.integers(8, 60))
def test_pieces_keep_their_roles_and_lose_only_blanks(pieces: list[str], width: int) -> None:
    """Wrapped as one text: what was bold stays bold, and every sign is there."""
    page = Page(width)

    page.add((), [(piece, "bold" if number % 2 else "") for number, piece in enumerate(pieces)] or [("", "")])

    for role in ("", "bold"):
        wanted = Page(10_000)
        wanted.say("".join(piece for number, piece in enumerate(pieces) if bool(number % 2) == bool(role)))
        kept = "".join(text for row in page.rows for text, found in row if found == role)
        if "\r" not in pieces:  # a carriage return may join the line end of the next piece
            assert "".join(kept.split()) == "".join(shown(wanted).split())


@pytest.mark.parametrize("name", FLOODS)
def test_a_flood_is_shown_in_bounded_rows(name: str) -> None:
    """A megabyte in one line, a hundred thousand lines, text without width."""
    page = Page(60)

    page.say(FLOODS[name])

    assert 0 < len(page) <= ROWS + 1
    assert fits(page.rows[:2000], 60)


def test_what_is_too_long_says_how_much_is_missing() -> None:
    """Characters of a text and rows of a page are bounded, and it is said."""
    text, rows = Page(60), Page(60)

    text.say("a" * (CHARACTERS + 1234))
    rows.say("\n" * (ROWS + 500))

    assert plain(text.rows[-1]) == "… 1,234 more characters"
    assert "more lines" in plain(rows.rows[-1])
    assert len(text.text) <= CHARACTERS


def test_a_label_stands_in_front_and_the_rest_beneath_its_text() -> None:
    """Wrapped rows hang."""
    page = Page(20)

    page.add((("why: ", "dim"),), (("one two three four five", ""),))

    assert shown(page).split("\n") == ["why: one two three", "     four five"]


def test_a_table_fits_and_marks_what_it_cuts() -> None:
    """Long entries end with an ellipsis, numbers stand to the right."""
    page = Page(40)

    table(page, ("part", "n", ""), [[("x" * 50, ""), ("7", ""), ("rest", "")]], right={1})

    assert shown(page).split("\n")[1].startswith("x" * 12 + "…")


@pytest.mark.parametrize(
    "source", [*HOSTILE, "\n".join(HOSTILE), *FLOODS.values()], ids=lambda text: repr(text[:12])
)
def test_markdown_of_hostile_text_is_harmless(source: str) -> None:
    """Every row is only text: no control character reaches a row, whatever the marks around it."""
    page = Page(60)

    markdown.put(
        page,
        f"# {source[:5000]}\n- {source[:5000]}\n|{source[:500]}|b|\n|--|--|\n|c|{source[:500]}|\n```\n{source[:5000]}",
    )

    assert fits(page.rows, 200)
    assert harmless(shown(page).replace("\u200b", "").replace("\u200d", ""))


def test_markdown_has_headings_lists_code_tables_and_bold() -> None:
    """What small models write is laid out; the words all stay."""
    page = Page(40)

    markdown.put(
        page,
        "# Title\nSome **bold** and `code`.\n\n- one\n  - two\n1. first\n> said\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n[a link](http://evil)\n---",
    )

    rows = shown(page).split("\n")
    assert rows[0] == "# Title"
    assert rows[1] == "Some bold and code."
    assert {"• one", "  • two", "1. first", "▎ said", "│ x = 1", "[a link](http://evil)"} <= set(rows)
    assert [row.split() for row in rows if row.startswith(("a ", "1  "))] == [["a", "b"], ["1", "2"]]
    assert ("bold", "bold") in page.rows[1]
    assert ("code", "code") in page.rows[1]


def test_json_is_laid_out_in_the_order_in_which_it_came() -> None:
    """Names, strings and numbers in their roles; empty groups on one line."""
    page = Page(60)

    pretty.put(page, {"z": "text\x1b[31m", "a": [1, True, None], "empty": {}})

    assert shown(page).split("\n") == [
        "{",
        '  "z": "text\\u001b[31m",',
        '  "a": [',
        "    1,",
        "    true,",
        "    null",
        "  ],",
        '  "empty": {}',
        "}",
    ]
    assert ('"z"', "key") in page.rows[1]


def test_deep_and_long_json_is_bounded() -> None:
    """A hundred thousand levels, a hundred thousand items."""
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    down, along = Page(60), Page(60)

    pretty.put(down, deep)
    pretty.put(along, list(range(100_000)), "orch show r s")

    assert "[…]" in shown(down)
    assert fits(down.rows, 60)
    assert plain(along.rows[-1]) == "… more lines: orch show r s"


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ('{"a": "hel', ["{", '  "a": "hel▌', "}"]),
        ('{"a": 1, "b', ["{", '  "a": 1,', '  "b▌', "}"]),
        ('{"a": [1, {"b": tr', ["{", '  "a": [', "    1,", "    {", '      "b": tr▌', "    }", "  ]", "}"]),
        ('{"a": "x\\', ["{", '  "a": "x\\▌', "}"]),
        ("{}}}", None),
        ('{"a" "b", ,,: ]', None),
        ("[" * 5000, None),
    ],
)
def test_json_that_is_still_written_is_laid_out_as_far_as_it_goes(text: str, rows: list[str] | None) -> None:
    """The end is marked, what is open is closed; nonsense is shown too."""
    page = Page(60)

    pretty.put_partial(page, text)

    assert "▌" in shown(page)
    assert fits(page.rows, 60)
    if rows is not None:
        assert shown(page).split("\n") == rows


def test_the_difference_of_short_texts_is_told_word_by_word_with_signs() -> None:
    """Also without colour it is plain what went and what came."""
    page = Page(60)

    diff.put(page, "we are very sorry", "we are sorry indeed")

    assert shown(page) == "we are [-very -]sorry{+ indeed+}"


def test_the_difference_of_long_texts_is_told_line_by_line() -> None:
    """With some lines around, and how many were left out."""
    same = [f"line {number}" for number in range(20)]
    page = Page(60)

    diff.put(page, "\n".join([*same, "old"]), "\n".join([*same, "new"]))

    assert shown(page).split("\n") == [
        "  line 0",
        "  line 1",
        "… 16 lines the same",
        "  line 18",
        "  line 19",
        "- old",
        "+ new",
    ]


def test_a_difference_of_floods_is_bounded_and_says_so() -> None:
    """Only the first lines are compared."""
    page = Page(60)

    diff.put(page, "a\n" * 50_000, "b\n" * 50_000)

    assert plain(page.rows[-1]) == "… compared up to the 2,000th line"


@given(PIECES, st.integers(8, 40))
def test_a_growing_text_ends_up_as_if_it_had_come_at_once(pieces: list[str], width: int) -> None:
    """Only the last paragraph is wrapped anew, and it makes no difference but for blanks at the end of a row."""
    grown, whole = Growing(width), Growing(width)
    text = "x"

    for piece in pieces:
        text += piece
        grown.show(text)
    whole.show(text)
    grown.show(text)

    if "\r" not in text:
        assert told(grown) == told(whole)


def told(growing: Growing) -> list[str]:
    rows = [growing.row(number, growing.width) for number in range(len(growing))]
    return ["".join(text for text, _ in row).replace("▌", "").rstrip() for row in rows]


def test_what_has_lost_its_beginning_says_so_and_is_not_laid_out_as_json() -> None:
    growing = Growing(60, headless=True)

    growing.show('{"a": 1, "b": [1')
    growing.show('{"a": 1, "b": [1, 2')
    shown = [plain(growing.row(n, 60)) for n in range(len(growing))]

    assert "it began before this screen was opened" in shown[0]
    assert shown[1:] == ['{"a": 1, "b": [1, 2▌']


def test_an_endless_paragraph_grows_without_being_wrapped_again_from_its_beginning() -> None:
    """Rows that are final stay the same objects while more comes."""
    growing = Growing(40)
    text = "word and word " * 2000
    growing.show(text)
    first = growing.row(0, 40)

    for _ in range(50):
        text += "more of it "
        growing.show(text)

    assert growing.row(0, 40) is first
    assert (
        "".join(plain(growing.row(n, 40)) for n in range(len(growing))).replace(" ", "")
        == text.replace(" ", "") + "▌"
    )


SHORT_WORDS = st.lists(st.sampled_from(["a ", "bab ", "漢字 ", "abaab "]), min_size=200, max_size=300)
ONE_WORD = st.lists(st.text("ab漢", min_size=1, max_size=90), min_size=20, max_size=40)


@given(SHORT_WORDS | ONE_WORD, st.integers(8, 60))
def test_rows_of_an_endless_paragraph_are_final_when_they_are_said_to_be(
    pieces: list[str], width: int
) -> None:
    """Wrapped piece by piece it breaks where it would break as a whole, also where a word never ends."""
    growing = Growing(width)
    text = "x"
    growing.show(text)

    for piece in pieces:
        text += piece
        growing.show(text)

    rows = [plain(growing.row(n, width)).rstrip() for n in range(len(growing))]
    assert rows[:-1] == lines(text, width)[:-1]


def test_json_that_grows_becomes_plain_text_when_it_is_too_long_to_lay_out() -> None:
    """Laying it out anew ten times a second has to stay cheap."""
    growing = Growing(40)
    growing.show('{"a": "b')
    laid_out = [plain(growing.row(n, 40)) for n in range(len(growing))]

    growing.show("[" * 3000)

    assert laid_out == ["{", '  "a": "b▌', "}"]
    assert plain(growing.row(0, 40)) == "[" * 40


def test_a_text_whose_beginning_is_dropped_is_wrapped_again_only_now_and_then() -> None:
    """Above what is kept of a text its beginning goes with every piece."""
    now = [0.0]
    growing = Growing(40, lambda: now[0])
    growing.show("a" * 30_000)

    growing.show("a" * 29_000 + "b" * 1000)
    early = plain(growing.row(len(growing) - 1, 40))
    now[0] = 2.0
    growing.show("a" * 29_000 + "b" * 1000)

    assert "b" not in early
    assert "b" in plain(growing.row(len(growing) - 1, 40))
