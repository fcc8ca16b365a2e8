"""Texts taken apart at their headings, whatever format they are in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.knowledge.sections import CODE, sections_of
from orchestrator.knowledge.split import pieces, tokens


def parts(kind: str, text: str, size: int = 180) -> list[tuple[str, str, tuple[int, int]]]:
    """Heading, text and lines of every piece."""
    return [
        (piece.heading, piece.text, piece.lines)
        for section in sections_of(kind, text)
        for piece in pieces(section, size)
    ]


def test_markdown_is_cut_at_headings_and_says_the_way_to_each() -> None:
    """Both kinds of headings count; a `#` in a fence, a list or a rule is none."""
    text = (
        "intro\n# A\none\n## B ##\ntwo\n```sh\n# no heading\n```\n\nC\n=\nthree\n\n---\nfour\n- item\n---\n"
    )

    assert parts("md", text) == [
        ("", "intro", (1, 1)),
        ("A", "one", (3, 3)),
        ("A > B", "two\n```sh\n# no heading\n```", (5, 8)),
        ("C", "three\n\n---\nfour\n- item\n---", (12, 17)),
    ]


def test_code_is_cut_at_definitions() -> None:
    """What stands on top of a definition belongs to it, what is indented stays with it."""
    text = "import os\n\n\ndef one():\n    pass\n\n    def inner(): ...\n\n\n@wrap\nclass Two(Base):\n    x = 1\n"

    assert parts("py", text) == [
        ("", "import os", (1, 1)),
        ("def one()", "def one():\n    pass\n\n    def inner(): ...", (4, 7)),
        ("class Two(Base)", "@wrap\nclass Two(Base):\n    x = 1", (10, 12)),
    ]


def test_html_gives_what_a_reader_sees() -> None:
    """Scripts are left out, headings lead, blocks are lines, entities are characters."""
    text = (
        "<html><head><title>T</title><script>alert('x')</script></head><body>\n<h1>Top</h1>\n<p>One &amp;\n two</p>"
        "<table><tr><td>a</td><td>b</td></tr></table><style>p {}</style><h2>Sub</h2><p>unclosed"
    )

    assert parts("html", text) == [
        ("", "T", (1, 1)),
        ("Top", "One & two\na | b", (3, 4)),
        ("Top > Sub", "unclosed", (4, 4)),
    ]


@pytest.mark.parametrize("unit", ["<a ", "<!--", '<a b="', "</", "<"])
def test_a_page_of_tags_that_never_end_is_read_at_once(unit: str) -> None:
    """The parser alone would take minutes; what begins no tag is text."""
    text = f"<p>{unit * 100_000}</p>\n<!-- <b>not seen</b>\n--><p>a < b</p>"

    assert parts("html", text)[-1][1].endswith("a < b")


def test_a_row_says_its_columns() -> None:
    """Whatever the separator; a field may hold line ends, and rows may be too long or too short."""
    text = 'name;note\nAda;"two\nlines"\nBob\nEve;x;more\n'

    [(heading, found, lines)] = parts("csv", text)

    assert heading == ""
    assert found == "name: Ada; note: two\nlines\nname: Bob\nname: Eve; note: x; column 3: more"
    assert lines == (2, 5)


def test_each_line_of_jsonl_is_a_section() -> None:
    """Its title leads; a line that is no JSON is text."""
    text = '{"title": "T", "body": "first\\nsecond", "tags": ["a", "b"], "n": {"x": 1}}\n\nnot json\n'

    assert parts("jsonl", text) == [
        ("T", "title: T\nbody: first\nsecond\ntags: a\ntags: b\nn.x: 1", (1, 1)),
        ("", "not json", (3, 3)),
    ]


def test_long_sections_are_cut_at_blank_lines() -> None:
    """A paragraph stays whole where it can, and no word is lost."""
    paragraph = "word " * 20
    text = "\n\n".join([paragraph.strip()] * 5)

    found = parts("txt", text, 50)

    assert [lines for _, _, lines in found] == [(1, 3), (5, 7), (9, 9)]


def test_a_line_that_is_too_long_is_cut_between_words() -> None:
    """Also one without any blank in it."""
    found = parts("txt", f"{'alpha beta ' * 40}\n{'x' * 5000}", 30)

    assert all(tokens(text) <= 40 for _, text, _ in found)
    assert sum(text.count("alpha") for _, text, _ in found) == 40
    assert sum(text.count("x") for _, text, _ in found) == 5000


KINDS = sorted({"md", "html", "csv", "jsonl", "txt", "py", *list(CODE)[:2]})


@given(
    st.sampled_from(KINDS),
    st.text(alphabet=st.sampled_from('ab #=-`\n\t;,"{}[]<>/é中:.@\r\x85'), max_size=200),
)
def test_no_text_breaks_a_reader_and_lines_are_in_the_file(kind: str, text: str) -> None:
    """Lines ascend, begin at 1 and end within the file; no piece is empty."""
    count = text.replace("\r\n", "\n").replace("\r", "\n").count("\n") + 1

    for _, found, (first, last) in parts(kind, text, 20):
        assert found.strip()
        assert 1 <= first <= last <= count


@pytest.mark.parametrize("text", ["", "\n\n\n", "---\n***\n", "   \n\t\n"])
def test_what_says_nothing_is_no_passage(text: str) -> None:
    """Blank lines and rules alone are not indexed."""
    assert parts("md", text) == []
    assert parts("txt", text) == []
