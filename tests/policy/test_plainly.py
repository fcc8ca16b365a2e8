"""The short way to the value of an answer, held to the long one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.policy.plainly import DOUBTFUL, reader_of
from orchestrator.policy.validate import Valid, read_answer
from orchestrator.spec.types import (
    Bool,
    Date,
    Enum,
    Field,
    Int,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Schema,
    Str,
    Type,
    Unknown,
)

SCALARS: st.SearchStrategy[Type] = st.one_of(
    st.builds(Str, st.sampled_from((None, 3, 40, 200))),
    st.builds(Int, st.sampled_from((None, 0)), st.sampled_from((None, 5))),
    st.sampled_from((Number(), Bool(), Date(), Enum(("a", "bc")), Unknown(), Schema("s.json"))),
)


def _maps(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    names = st.lists(st.sampled_from(("x", "y", "z")), min_size=1, unique=True)
    return names.flatmap(
        lambda found: st.tuples(*(st.builds(Field, st.just(name), inner, st.booleans()) for name in found))
    ).map(MapOf)


TYPES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        _maps(inner),
        st.builds(ListOf, inner, st.just(0), st.sampled_from((None, 2))),
        st.builds(Nullable, inner),
    ),
    max_leaves=5,
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        ("a", "bc", "2026-01-31", "2026-02-31", "I cannot help with that.", "ha " * 40, "ü\ud800")
    ),
)
DATA = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.just(2**70), st.floats(allow_nan=True), TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(("x", "y", "z", "w")), inner, max_size=3)
    ),
    max_leaves=6,
)


def _fitting(kind: Type) -> st.SearchStrategy[Any]:
    """Values of which many have this type."""
    match kind:
        case MapOf(fields):
            return st.fixed_dictionaries({field.name: _fitting(field.type) for field in fields}) | DATA
        case ListOf(item):
            return st.lists(_fitting(item), max_size=3)
        case Nullable(inner):
            return st.none() | _fitting(inner)
        case Str():
            return TEXTS
        case Enum(values):
            return st.sampled_from(values)
        case Int():
            return st.integers(-1, 6)
        case _:
            return DATA


WRITTEN = TYPES.flatmap(
    lambda kind: st.tuples(
        st.just(kind), _fitting(kind).map(lambda value: json.dumps(value, ensure_ascii=False))
    )
)


@settings(max_examples=300, deadline=None)
@given(WRITTEN, st.sampled_from(("{}", " {}\n", "```{}```", "{} {}", "Here: {}")))
def test_what_is_read_plainly_is_what_the_long_way_reads(written: tuple[Type, str], form: str) -> None:
    """A reader of a type gives the value that `read_answer` gives, or says that it is in doubt."""
    kind, text = written
    answer = form.replace("{}", text)

    value = reader_of(kind)(answer)

    assert value is DOUBTFUL or _same(Valid(value), read_answer(answer, kind))


@settings(max_examples=200, deadline=None)
@given(st.one_of(st.text(max_size=80), TEXTS))
def test_a_text_is_read_as_the_long_way_reads_it(text: str) -> None:
    """The same law for answers that are plain text."""
    value = reader_of(None)(text)

    assert value is DOUBTFUL or Valid(value) == read_answer(text, None)


def _same(left: Any, right: Any) -> bool:
    """Equal with the same kinds of numbers and the same order of fields."""
    return repr(left) == repr(right)


PLAIN = MapOf((Field("line", Str(80)), Field("n", Int(0, 5), optional=True), Field("kind", Enum(("a", "b")))))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"line":"and so on","n":3,"kind":"a"}', {"line": "and so on", "n": 3, "kind": "a"}),
        ('{"kind":"a", "line":"and so on"}\n', {"line": "and so on", "n": None, "kind": "a"}),
        ('{"line":"Grüße","n":null,"kind":"b"}', {"line": "Grüße", "n": None, "kind": "b"}),
    ],
)
def test_answers_of_the_usual_form_are_not_in_doubt(text: str, value: Any) -> None:
    """The way is short for what models write most: one JSON object of the declared type."""
    assert reader_of(PLAIN)(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"line":"x"}',
        '{"line":"x","kind":"c"}',
        '{"line":"x","kind":"a","more":1}',
        '{"line":"x","line":"x","kind":"a"}',
        '{"line":"x","n":6,"kind":"a"}',
        '{"line":"x","n":true,"kind":"a"}',
        '{"line":"I cannot help with that.","kind":"a"}',
        '{"line":"\\ud800","kind":"a"}',
        "[" * 300 + "]" * 300,
    ],
)
def test_anything_that_may_be_wrong_is_in_doubt(text: str) -> None:
    """What is wrong is said by the long way only."""
    assert reader_of(PLAIN)(text) is DOUBTFUL
