"""Inputs given as text, by an input file or by their defaults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import UsageError
from orchestrator.inputs import Raw
from tests.inputs.conftest import Read


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        ("string", "hello", "hello"),
        ("string", "", ""),
        ("string", "x" * 5000, "x" * 5000),
        ("string", "@@home", "@home"),
        ("int(1..5)", "3", 3),
        ("number", "2.5", 2.5),
        ("bool", "yes", True),
        ("date", "2026-02-01", "2026-02-01"),
        ("warm | formal", "warm", "warm"),
        ("[string]", '["a"]', ["a"]),
        ({"type": {"a": "int", "b?": "string"}}, '{"a": 1}', {"a": 1, "b": None}),
    ],
)
def test_text_becomes_the_declared_type(read: Read, spec: Any, text: str, value: Any) -> None:
    """`-i name=value` for every type."""
    assert read({"x": spec}, x=text) == {"x": value}


def test_inputs_come_in_the_order_of_the_file(read: Read) -> None:
    """Whatever the order on the command line."""
    assert list(read({"a": "int", "b": {"type": "int", "default": 2}, "c": "int"}, c="3", a="1")) == [
        "a",
        "b",
        "c",
    ]


def test_an_at_sign_reads_the_value_from_a_file(read: Read, here: Path) -> None:
    """Text as it stands there, other types without the white space around."""
    (here / "brief.txt").write_text("two\nlines\n", encoding="utf-8")
    (here / "n.txt").write_text(" 4\n", encoding="utf-8")

    found = read({"brief": "text", "n": "int"}, brief="@brief.txt", n="@n.txt")

    assert found == {"brief": "two\nlines\n", "n": 4}


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        ({"type": "warm | formal", "default": "warm"}, "warm"),
        ({"type": "date", "default": "today"}, "2026-01-31"),
        ({"type": "int", "default": None}, None),
        ({"type": "[int]", "default": [1, 2]}, [1, 2]),
        ({"type": "string", "default": "today"}, "today"),
    ],
)
def test_a_default_serves_when_nothing_is_given(read: Read, spec: Any, value: Any) -> None:
    """Today is the day the run was started, not the day the file was written."""
    assert read({"x": spec}) == {"x": value}


def test_a_default_of_the_wrong_type_is_named(read: Read) -> None:
    """The author's mistake, in the same words."""
    with pytest.raises(UsageError, match=r"input 'x': 'hot' is none of warm, formal"):
        read({"x": {"type": "warm | formal", "default": "hot"}})


def test_an_input_file_gives_many_at_once(read: Read, here: Path) -> None:
    """Its paths are relative to itself; the command line wins over it."""
    folder = here.parent / "elsewhere"
    folder.mkdir()
    (folder / "letter.txt").write_text("Dear", encoding="utf-8")
    (folder / "in.yaml").write_text(
        "n: 3\nday: 2026-02-01\nletter: letter.txt\nlist: [1, 2]\n", encoding="utf-8"
    )
    specs = {"n": "int", "day": "date", "letter": "file", "list": "[int]"}

    found = read(specs, input_file=folder / "in.yaml", n="4")

    assert found == {"n": 4, "day": "2026-02-01", "letter": "Dear", "list": [1, 2]}


def test_an_input_file_may_be_json(read: Read, here: Path) -> None:
    """By its name."""
    (here / "in.json").write_text('{"n": 3, "s": "a"}', encoding="utf-8")

    assert read({"n": "int", "s": "string"}, input_file=here / "in.json") == {"n": 3, "s": "a"}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("in.yaml", "- a\n", "holds no map of inputs"),
        ("in.yaml", "n: [1\n", "in.yaml:"),
        ("in.yaml", "n: 1\nn: 2\n", "in.yaml:2:1"),
        ("in.json", '{"n": 1,}', "in.json:1:9: no JSON"),
        ("in.json", '{"n": 1, "n": 2}', "the key 'n' stands there more than once"),
        ("in.yaml", "n: text\n", "input 'n': 'text' is no whole number"),
        ("in.yaml", "n: 1\ns: 5\n", "input 's': 5 is no text"),
        ("in.yaml", "n: 1\nnn: 1\n", "the workflow has no input 'nn'"),
    ],
)
def test_a_wrong_input_file_is_named_with_its_place(
    read: Read, here: Path, name: str, text: str, words: str
) -> None:
    """File, line and column where the syntax is wrong; the input where its value is."""
    (here / name).write_text(text, encoding="utf-8")

    with pytest.raises(UsageError) as caught:
        read({"n": "int", "s": {"type": "string", "default": ""}}, input_file=here / name)

    assert words in caught.value.message


def test_a_value_that_is_data_already_is_checked_as_it_is(read: Read) -> None:
    """A caller inside the program hands over data, not text."""
    assert read({"x": "[int]"}, x=Raw([1])) == {"x": [1]}
    with pytest.raises(UsageError, match="no list"):
        read({"x": "[int]"}, x=Raw("[1]"))


def test_an_unknown_input_is_told_the_nearest(read: Read) -> None:
    """And what there is, when nothing is near."""
    with pytest.raises(UsageError) as near:
        read({"tickets": {"type": "int", "default": 1}}, tikets="1")
    with pytest.raises(UsageError) as far:
        read({"tickets": {"type": "int", "default": 1}}, zzz="1")
    with pytest.raises(UsageError) as none:
        read({}, zzz="1")

    assert near.value.message == "the workflow has no input 'tikets'"
    assert near.value.hint == "did you mean 'tickets'?"
    assert far.value.hint == "its inputs are: tickets"
    assert none.value.hint == "it takes none"


def test_a_missing_input_comes_with_what_to_type(read: Read) -> None:
    """All of them at once, with their types and descriptions."""
    specs = {
        "tickets": {"type": "file", "format": "jsonl", "description": "one ticket per line"},
        "tone": "warm | formal",
        "since": "date",
        "n": "int(1..5)",
    }

    with pytest.raises(UsageError) as caught:
        read(specs)

    assert caught.value.message == (
        "the inputs 'tickets' (file, jsonl: one ticket per line), 'tone' (warm | formal), 'since' (date), "
        "'n' (int(1..5)) must be given"
    )
    assert caught.value.hint == "add -i tickets=FILE.jsonl -i tone=warm -i since=2026-01-31 -i n=VALUE"


def test_everything_wrong_is_said_at_once(read: Read) -> None:
    """A mistake costs one second, three mistakes too."""
    with pytest.raises(UsageError) as caught:
        read({"a": "int", "b": "bool", "c": "string"}, a="x", b="maybe", d="1")

    for words in ("4 inputs are wrong", "no input 'd'", "'c' (text) must be given", "input 'a'", "input 'b'"):
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("spec", "text", "words", "hint"),
    [
        ("int(1..5)", "9", "input 'x': 9 is not between 1 and 5", "it is declared as int(1..5): -i x=…"),
        ("warm | formal", "hot", "input 'x': 'hot' is none of warm, formal", "warm | formal"),
        ("[string]", "a,b", "'a,b' is no JSON", "[text]"),
        ("string", "\udcff", "the text is no UTF-8", ""),
        ("string", "@nofile.txt", "there is no file nofile.txt", "check the path"),
        ("string(3)", "abcd", "4 characters are more than 3", ""),
    ],
)
def test_a_wrong_value_names_the_input_and_its_type(
    read: Read, spec: str, text: str, words: str, hint: str
) -> None:
    """What was written, and what was declared."""
    with pytest.raises(UsageError) as caught:
        read({"x": spec}, x=text)

    assert words in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2
