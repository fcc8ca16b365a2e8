"""Places of keys, of values, and inside texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.spec.marks import Marks
from orchestrator.spec.yaml import parse

TEXT = """\
orch: 1
steps:
  draft:
    agent: writer
    needs: [a, b]
    prompt: |
      First line.
        Second {{ name }}.

      Third.
    when:
"""


def marks(text: str = TEXT) -> Marks:
    return parse(text, "w.yaml").marks


def test_a_value_and_its_key_have_their_own_places() -> None:
    """`at` is the value, `key` the key with its width."""
    value = marks().at("steps", "draft", "agent")
    key = marks().key("steps", "draft", "agent")

    assert (value.file, value.line, value.column, value.width) == ("w.yaml", 4, 12, 6)
    assert (key.line, key.column, key.width) == (4, 5, 5)


def test_an_entry_of_a_list_is_found_by_its_number() -> None:
    """Paths hold indexes for lists."""
    assert marks().at("steps", "draft", "needs", 1).column == 16


def test_a_path_that_is_not_there_leads_to_its_nearest_ancestor() -> None:
    """A missing key is reported at the map that lacks it."""
    assert marks().at("steps", "draft", "agent", "x", 3).line == 4
    assert marks().key("steps", "draft", "nothing").line == 3
    assert marks().at("nowhere").line == 1


def test_an_empty_value_is_shown_at_its_key() -> None:
    """There is nothing else to point at."""
    mark = marks().at("steps", "draft", "when")

    assert (mark.line, mark.column, mark.width) == (11, 5, 4)


def test_a_block_is_shown_at_its_key_and_in_a_list_at_its_start() -> None:
    """A step that is wrong as a whole is shown by its name."""
    assert marks().at("steps", "draft").line == 3
    assert marks("a:\n  - b: 1\n  - c: 2\n").at("a", 1).line == 3


@pytest.mark.parametrize(
    ("source", "word"),
    [
        ("a: some {{ name }} here", "name"),
        ("a: 'it''s {{ name }}'", "name"),
        ('a: "tab\\t \\u00e4 \\"{{ name }}\\""', "name"),
        ("a: |\n  one\n\n    two {{ name }}\n", "name"),
        ("a: |2-\n   one\n  {{ name }}\n", "name"),
        ("a: >\n  one\n  two\n\n  {{ name }} four\n", "name"),
        ("a: plain\n  goes on\n  to {{ name }}\n", "name"),
        ("a: &anchor some {{ name }}", "name"),
        ('a: "folded\n\n  {{ name }}"', "name"),
        ('a: "escaped \\\n  {{ name }}"', "name"),
        ("b: 1\na: x {{{{ name\n", "name"),
    ],
)
def test_a_place_inside_a_text_is_right_in_every_style(source: str, word: str) -> None:
    """The caret stands under the very word, whatever the quoting."""
    parsed = parse(source, "w.yaml")
    value = parsed.value["a"]

    mark = parsed.marks.inside(("a",), value.index(word), len(word))

    line = source.splitlines()[mark.line - 1]
    assert line[mark.column - 1 : mark.column - 1 + mark.width] == word


@given(
    st.lists(
        st.text("ab {}'\"#:ä\t", min_size=1, max_size=12).map(str.strip).filter(bool), min_size=1, max_size=5
    ),
    st.sampled_from(["|", ">", '"']),
    st.data(),
)
def test_every_visible_character_is_found_again(lines: list[str], style: str, data: st.DataObject) -> None:
    """For any text in any style, the place of a character shows that character."""
    escaped = [line.replace("\\", "\\\\").replace('"', '\\"') for line in lines]
    body = "\n".join(f"  {line}" for line in (escaped if style == '"' else lines))
    source = f'a: "\n{body}"\n' if style == '"' else f"a: {style}\n{body}\n"
    parsed = parse(source, "w.yaml")
    value = parsed.value["a"]
    visible = [index for index, char in enumerate(value) if not char.isspace()]
    offset = data.draw(st.sampled_from(visible))

    mark = parsed.marks.inside(("a",), offset)

    shown = source.split("\n")[mark.line - 1][mark.column - 1 :]
    assert shown.startswith((value[offset], "\\" + value[offset]))


def test_places_of_a_plain_text_are_its_characters() -> None:
    """A file that is no YAML (a prompt) has places too."""
    mark = Marks("prompt.j2", "one\ntwo {{ x }}\n").inside((), 11, 1)

    assert (mark.line, mark.column) == (2, 8)


@given(st.text(max_size=30), st.integers(-5, 50), st.integers(-5, 50))
def test_a_mark_is_always_inside_the_file(text: str, start: int, end: int) -> None:
    """Whatever is asked for."""
    places = Marks("x", text)

    mark = places.span(start, end)

    assert 1 <= mark.line <= len(places.lines)
    assert 1 <= mark.column <= len(places.line(mark.line)) + 1
    assert mark.width >= 1
