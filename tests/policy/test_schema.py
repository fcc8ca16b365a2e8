"""Types as JSON Schema, in words, as values out of text; and values against types."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.spec.external import schema_problems
from orchestrator.spec.fields import parse_type
from orchestrator.spec.schema import (
    check_value,
    coerce,
    complete,
    describe,
    json_schema,
    same,
    strict,
    unwrap,
    wrap,
)
from orchestrator.spec.types import (
    Bool,
    Date,
    Enum,
    Field,
    ImageType,
    Int,
    ListOf,
    MapOf,
    Nullable,
    Number,
    Schema,
    Str,
    Type,
    Unknown,
)  # fmt: skip

SCALARS: st.SearchStrategy[Type] = st.one_of(
    st.integers(1, 50).map(Str),
    st.just(Str(None)),
    st.tuples(st.integers(-5, 5) | st.none(), st.integers(6, 9) | st.none()).map(lambda t: Int(*t)),
    st.sampled_from([Number(), Bool(), Date(), Enum(("low", "high"))]),
)


def _maps(inner: st.SearchStrategy[Type]) -> st.SearchStrategy[Type]:
    fields = st.lists(
        st.tuples(st.sampled_from("pqrst"), inner, st.booleans()),
        min_size=1,
        max_size=3,
        unique_by=lambda t: t[0],
    )
    return fields.map(lambda parts: MapOf(tuple(Field(*part) for part in parts)))


TYPES: st.SearchStrategy[Type] = st.recursive(
    SCALARS, lambda inner: _maps(inner) | st.tuples(inner, st.integers(0, 1), st.integers(2, 3)).map(lambda t: ListOf(*t)), max_leaves=6
)  # fmt: skip


def values(kind: Type) -> st.SearchStrategy[Any]:
    """Values of a type."""
    match kind:
        case Str(limit):
            return st.text(max_size=10 if limit is None else min(limit, 10), alphabet="abcé 中")
        case Int(low, high):
            return st.integers(low, high)
        case Number():
            return st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
        case Bool():
            return st.booleans()
        case Date():
            return st.dates().map(lambda day: day.isoformat())
        case Enum(choices):
            return st.sampled_from(choices)
        case ListOf(item, low, high):
            return st.lists(values(item), min_size=low, max_size=high)
        case MapOf(fields):
            required = {f.name: values(f.type) for f in fields if not f.optional}
            return st.fixed_dictionaries(
                required, optional={f.name: values(f.type) for f in fields if f.optional}
            )
        case _:
            return st.none()


@given(st.data(), TYPES)
@settings(deadline=None)
def test_the_schema_means_what_the_type_means(data: st.DataObject, kind: Type) -> None:
    """A value of the type satisfies both; a stranger satisfies neither or both."""
    schema = json_schema(kind)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker(["date"]))
    jsonschema.Draft202012Validator.check_schema(schema)
    good = data.draw(values(kind))
    stranger = data.draw(values(data.draw(TYPES)))

    assert check_value(kind, good) == []
    assert validator.is_valid(good)
    if not _told_apart_by_words_only(stranger):
        assert validator.is_valid(stranger) == (check_value(kind, stranger) == [])


def _told_apart_by_words_only(value: Any) -> bool:
    # JSON Schema calls 3.0 an integer; and only our own check takes null for an optional field.
    return ".0" in json.dumps(value) or "e+" in json.dumps(value)


@given(st.data(), TYPES)
@settings(deadline=None)
def test_a_completed_value_has_every_field_and_still_its_type(data: st.DataObject, kind: Type) -> None:
    """Completing twice changes nothing."""
    value = data.draw(values(kind))

    whole = complete(kind, value)

    assert check_value(kind, whole) == []
    assert complete(kind, whole) == whole


@given(TYPES)
@settings(deadline=None)
def test_a_type_in_words_is_read_back_as_itself(kind: Type) -> None:
    """`describe` writes what the workflow could have said."""
    match kind:
        case MapOf():
            return
        case ListOf() if "{" in describe(kind):
            return
        case _:
            text = describe(kind)
    if "text" not in text:
        assert parse_type(text) == kind


def test_bounds_and_order_reach_the_grammar() -> None:
    """Everything a model could ramble with is bounded; fields come in the order of the file."""
    kind = parse_type(
        {"z": "string(160)", "a": "int(1..5)", "l": "[low | high](0..3)", "d?": "date", "t": "text"}
    )

    assert json_schema(kind) == {
        "type": "object",
        "properties": {
            "z": {"type": "string", "maxLength": 160},
            "a": {"type": "integer", "minimum": 1, "maximum": 5},
            "l": {
                "type": "array",
                "items": {"type": "string", "enum": ["low", "high"]},
                "minItems": 0,
                "maxItems": 3,
            },
            "d": {"type": "string", "format": "date"},
            "t": {"type": "string", "maxLength": 2000},
        },
        "required": ["z", "a", "l", "t"],
        "additionalProperties": False,
    }
    assert list(json_schema(kind)["properties"]) == ["z", "a", "l", "d", "t"]
    assert json_schema(Nullable(Bool())) == {"anyOf": [{"type": "boolean"}, {"type": "null"}]}
    assert json_schema(Unknown()) == json_schema(ImageType()) == {}
    assert json_schema(Schema("x.json", {"type": "null"})) == {"type": "null"}


def test_servers_that_take_only_objects_get_one() -> None:
    """The answer comes back out of its field; objects are left alone."""
    wrapped = wrap(json_schema(Enum(("a", "b"))))

    assert wrapped["required"] == ["answer"]
    assert unwrap({"answer": "a"}) == "a"
    assert unwrap({"answer": 1, "b": 2}) == {"answer": 1, "b": 2}
    objects = json_schema(parse_type({"answer": "bool"}))
    assert wrap(objects) == objects


def test_strict_mode_requires_every_field() -> None:
    """Optional ones may be null there, at any depth."""
    kind = parse_type({"a?": "int", "l": [{"b?": "bool"}]})

    schema = strict(json_schema(kind))

    assert schema["required"] == ["a", "l"]
    assert schema["properties"]["a"] == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert schema["properties"]["l"]["items"]["required"] == ["b"]
    assert check_value(kind, {"a": None, "l": [{"b": None}]}) == []


@pytest.mark.parametrize(
    ("kind", "value", "problem"),
    [
        ("string(3)", "abcd", "x: 4 characters are more than 3"),
        ("string", 3, "x: 3 is no text"),
        ("int(1..5)", 9, "x: 9 is not between 1 and 5"),
        ("int(1..)", 0, "x: 0 is less than 1"),
        ("int(..5)", 9, "x: 9 is more than 5"),
        ("int", True, "x: true is no whole number"),
        ("number", "1", "x: '1' is no number"),
        ("number", float("nan"), "x: NaN is no number"),
        ("bool", 1, "x: 1 is neither true nor false"),
        ("date", "2026-02-30", "x: '2026-02-30' is no date like 2026-01-31"),
        ("date", 20260131, "x: 20260131 is no date like 2026-01-31"),
        ("low | high", "hi", "x: 'hi' is none of low, high"),
        ("low | high", ["low"], 'x: ["low"] is none of low, high'),
        ("[int]", {"a": 1}, 'x: {"a": 1} is no list'),
        ("[int]", [1, "2"], "x[1]: '2' is no whole number"),
        ({"a": {"b": "int"}}, {"a": {"b": None}}, "x.a.b: null is no whole number"),
        ({"a": "int"}, {}, "x.a is missing"),
        ({"a": "int"}, {"a": 1, "b": 2}, "x.b is not asked for"),
        ({"a": "int"}, "text", "x: 'text' is no map with the fields a"),
    ],
)
def test_a_problem_is_a_sentence_with_its_place(kind: Any, value: Any, problem: str) -> None:
    """The path, what stands there, what should."""
    assert check_value(parse_type(kind), value, "x") == [problem]


def test_problems_without_a_name_still_read_well() -> None:
    """At the top there is no field to name."""
    assert check_value(Int(), "a") == ["the value: 'a' is no whole number"]
    assert check_value(ListOf(Int()), ["a"]) == ["item 0: 'a' is no whole number"]
    assert check_value(Nullable(Int()), None) == []
    assert check_value(ImageType(), 3) == ["the value: 3 is no image"]
    assert check_value(Unknown(), object()) == []


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("string", "yes", "yes"),
        ("int", " 12 ", 12),
        ("int", "-3", -3),
        ("number", "2.5e3", 2500.0),
        ("bool", "yes", True),
        ("bool", "FALSE", False),
        ("bool", "0", False),
        ("date", "2026-01-31", "2026-01-31"),
        ("a | b", "b", "b"),
        ("[string]", '["a", "b"]', ["a", "b"]),
        ({"a": "int", "b?": "int"}, '{"a": 1}', {"a": 1, "b": None}),
    ],
)
def test_text_becomes_the_value_a_person_means(kind: Any, text: str, value: Any) -> None:
    """What stands on a command line or in a table cell."""
    assert coerce(parse_type(kind), text) == value


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("int", "1_000", "no whole number"),
        ("int", "1.5", "no whole number"),
        ("int", "٣", "no whole number"),
        ("int(1..5)", "9", "not between 1 and 5"),
        ("number", "nan", "no number"),
        ("number", "inf", "no number"),
        ("number", "1e999", "no number"),
        ("bool", "maybe", "neither true nor false"),
        ("date", "tomorrow", "no date"),
        ("a | b", "c", "none of a, b"),
        ("[string]", "a, b", 'write it like ["a", "b"]'),
        ("[int]", "[NaN]", "no JSON"),
        ({"a": "int"}, "{", "no JSON"),
        ("[int]", "[" * 100_000, "no JSON"),
    ],
)
def test_text_that_means_nothing_is_refused(kind: Any, text: str, words: str) -> None:
    """With the problem in words."""
    with pytest.raises(ValueError, match=None) as caught:
        coerce(parse_type(kind), text)

    assert words in str(caught.value)


def test_unknown_takes_json_or_text() -> None:
    """Where nothing is declared, JSON is data and anything else is text."""
    assert coerce(Unknown(), "[1]") == [1]
    assert coerce(Unknown(), "hello") == "hello"
    assert coerce(Nullable(Int()), "") is None
    with pytest.raises(ValueError, match="read from a file"):
        coerce(ImageType(), "x")


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("string(3)", "text", True),
        ("int(1..5)", "int", True),
        ("int", "number", False),
        ("a | b", "b | a", True),
        ("a | b", "a | c", False),
        ("[string](1..2)", "[text]", True),
        ("[string]", "[int]", False),
        ({"a": "int"}, {"a": "int(1..2)"}, True),
        ({"a": "int"}, {"a?": "int"}, False),
        ({"a": "int"}, {"b": "int"}, False),
        ("a | b", "string", False),
    ],
)
def test_sameness_is_about_kinds_not_bounds(left: Any, right: Any, equal: bool) -> None:
    """Two lists of text are the same kind of thing, whatever their lengths."""
    assert same(parse_type(left), parse_type(right)) is equal
    assert same(Unknown(), parse_type(right))
    assert same(Nullable(Int()), Nullable(Int()))
    assert not same(Nullable(Int()), Int())


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "object"}, ""),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, ""),
        ([], "a JSON Schema is a map"),
        ({"type": "objekt"}, "type: 'objekt' is not valid"),
        ({"properties": {"a": {"minLength": "x"}}}, "properties.a.minLength: 'x' is not of type"),
        ({"items": {"$ref": "https://example.org/x.json"}}, "points outside the file"),
        ({"items": {"$ref": "other.json"}}, "points outside the file"),
    ],
)
def test_a_schema_from_a_file_is_checked_when_it_is_read(schema: Any, words: str) -> None:
    """A broken schema is the author's mistake and found before the run; nothing is ever fetched."""
    assert words in " ".join(schema_problems(schema))
    assert bool(schema_problems(schema)) == bool(words)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"$ref": "http://127.0.0.1:9/x"},
        {"type": "string", "format": "date"},
    ],
)
def test_a_strange_schema_refuses_with_a_sentence(schema: Any) -> None:
    """Dangling, endless and foreign references included."""
    if schema == {"$ref": "#"}:
        assert len(check_value(Schema("s.json", schema), 1)) == 1
    else:
        assert check_value(Schema("s.json", schema), "no date")
