"""Worked examples: what a line of a file of cases has to be, and how a model reads it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from orchestrator.calling import Example
from orchestrator.policy.cases import LARGEST, as_answered, as_asked, misfits, read_cases, told
from orchestrator.spec.types import Enum, Field, Int, ListOf, MapOf, Nullable, Str, Type

PERSON = MapOf((Field("name", Str(20)), Field("age", Int(), optional=True)))


def test_every_line_is_an_example_with_its_number() -> None:
    """Blank lines count; keys for graders are let be; a mark of the byte order is no part of a line."""
    data = b'\xef\xbb\xbf{"input": "a", "output": "b", "contains": ["b"]}\n\n{"input": {"x": 1}, "output": false}\n'

    good, wrong = read_cases(data)

    assert good == (Example("a", "b", 1), Example({"x": 1}, False, 3))
    assert wrong == ()


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b"{input: a}", "it is no JSON"),
        (b'["a", "b"]', "it is not a map with `input` and `output`"),
        (b'{"input": "a", "ouput": "b"}', "it has no `output`"),
        (b'{"output": "b"}', "it has no `input`"),
        (b'{"input": "\xff", "output": "b"}', "it is not UTF-8"),
        (b'{"input": ' + b"[" * 200 + b"]" * 200 + b', "output": 1}', "it is nested too deeply"),
        (b"[" * 100_000, "it is no JSON"),
    ],
)
def test_a_line_that_is_none_is_named_with_its_number(line: bytes, problem: str) -> None:
    """The others are read all the same."""
    _, wrong = read_cases(b'{"input": 1, "output": 2}\n' + line + b"\n")

    assert [one.line for one in wrong] == [2]
    assert wrong[0].message.startswith(problem)


def test_a_file_without_measure_is_not_read() -> None:
    """Nobody chooses among so many."""
    good, wrong = read_cases(b" " * (LARGEST + 1))

    assert good == ()
    assert told(wrong, "cases.jsonl") == "cases.jsonl: it is larger than 16 MB"


def test_what_does_not_fit_the_output_is_told_with_its_line() -> None:
    """The first few of them."""
    bad = [Example("q", {"name": "x" * 30}, n) for n in range(1, 9)]

    wrong = tuple(misfits((Example("q", {"name": "Ann"}, 9), *bad), PERSON))

    assert [one.line for one in wrong] == list(range(1, 9))
    said = told(wrong, "c.jsonl")
    assert said.startswith(
        "c.jsonl:1: its output does not fit: name: 30 characters are more than 20; c.jsonl:2: "
    )
    assert said.endswith("; and 3 more lines")


@pytest.mark.parametrize(("value", "count"), [("text", 0), ({"a": 1}, 1), (3, 1)])
def test_a_step_without_output_learns_from_texts(value: Any, count: int) -> None:
    """It answers with text."""
    assert len(tuple(misfits((Example("q", value, 1),), None))) == count


@pytest.mark.parametrize(
    ("kind", "value", "written"),
    [
        (None, "  plain \n", "plain"),
        (Enum(("low", "high")), "low", '"low"'),
        (PERSON, {"age": 3, "name": "Zoë"}, '{"name": "Zoë", "age": 3}'),
        (PERSON, {"age": None, "name": "Zoë"}, '{"name": "Zoë"}'),
        (ListOf(PERSON, 0, 2), [{"age": 1, "name": "A"}], '[{"name": "A", "age": 1}]'),
        (Nullable(PERSON), None, "null"),
        (Str(None), 'say "hi"\n', '"say \\"hi\\"\\n"'),
    ],
)
def test_an_output_is_written_as_the_grammar_writes_it(kind: Type | None, value: Any, written: str) -> None:
    """A model copies what it sees: the same spaces, the same order."""
    assert as_answered(value, kind) == written


def test_what_the_grammar_forbids_is_in_no_example() -> None:
    """llama.cpp's grammar of the same type accepts it: one line, one space behind each colon and comma."""
    written = as_answered({"name": "A", "age": 1}, PERSON)

    assert json.loads(written) == {"name": "A", "age": 1}
    assert "\n" not in written
    assert written == '{"name": "A", "age": 1}'


def test_an_input_that_is_no_text_is_asked_as_json() -> None:
    """A text stands as it is."""
    assert as_asked(" Hi. ") == "Hi."
    assert as_asked({"b": 1, "a": "ü"}) == '{"b": 1, "a": "ü"}'
