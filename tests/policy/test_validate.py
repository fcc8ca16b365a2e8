"""Answers of models: what is taken, what is refused, and the words a model can repair by."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.policy.validate import Invalid, Valid, read_answer, repair_message
from orchestrator.spec.fields import parse_type
from orchestrator.spec.types import Schema, Type

TICKET = parse_type(
    {
        "urgency": "low | normal | high",
        "score": "int(1..5)",
        "tags": "[string(5)](1..2)",
        "note?": "string(20)",
    }
)
GOOD = {"urgency": "low", "score": 3, "tags": ["a"]}
GOOD_TEXT = json.dumps(GOOD)


def read(text: str, output: Type | None = TICKET, **more: Any) -> Valid | Invalid:
    return read_answer(text, output, **more)


@pytest.mark.parametrize(
    "text",
    [
        GOOD_TEXT,
        f"  {GOOD_TEXT}\n",
        f"```json\n{GOOD_TEXT}\n```",
        f"```\n{GOOD_TEXT}\n```\n",
        f"Here is the answer: {GOOD_TEXT} I hope it helps.",
        f"<think>hm {{ not json }}</think> {GOOD_TEXT}",
        json.dumps(GOOD, indent=2),
        json.dumps({"note": None, **GOOD}),
    ],
)
def test_one_complete_value_is_taken(text: str) -> None:
    """A fence or prose around one JSON value is forgiven; optional fields are there as null, in order."""
    assert read(text) == Valid({"urgency": "low", "score": 3, "tags": ["a"], "note": None})
    found = read(text)
    assert isinstance(found, Valid)
    assert list(found.value) == ["urgency", "score", "tags", "note"]


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"urgency": "hi"}, "`urgency` must be one of: low, normal, high; you wrote 'hi'"),
        ({"score": 9}, "`score` must be int(1..5); 9 is not between 1 and 5"),
        ({"score": "3"}, "`score` must be int(1..5); '3' is no whole number"),
        ({"score": 3.0}, "3.0 is no whole number"),
        ({"score": True}, "true is no whole number"),
        ({"tags": []}, "tags: 0 items, at least 1 are needed"),
        ({"tags": ["a", "b", "c"]}, "tags: 3 items are more than 2"),
        ({"tags": ["abcdef"]}, "tags[0]: 6 characters are more than 5"),
        ({"tags": "a"}, "tags: 'a' is no list"),
        ({"note": "x" * 21}, "`note` must be string(20); 21 characters are more than 20"),
        ({"extra": 1}, "extra is not asked for"),
    ],
)
def test_a_wrong_value_is_told_so_that_it_can_be_repaired(answer: dict[str, Any], words: str) -> None:
    """The field, what must stand there, what stood there."""
    found = read(json.dumps(GOOD | answer))

    assert isinstance(found, Invalid)
    assert found.kind == "invalid"
    assert words in found.message


def test_all_that_is_wrong_is_said_at_once() -> None:
    """One repair is all a model gets; but never more than ten things."""
    found = read('{"urgency": "x", "score": 0}')
    many = read(json.dumps([1] * 50), parse_type("[string](0..50)"))

    assert isinstance(found, Invalid)
    assert "urgency" in found.message
    assert "score" in found.message
    assert "tags is missing" in found.message
    assert isinstance(many, Invalid)
    assert many.message.count("is no text") == 10


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json at all", "this is no JSON"),
        ('{"urgency": "low", "urgency": "high"}', "the field 'urgency' is written more than once"),
        ('{"score": NaN}', "NaN is no JSON number"),
        ('{"score": -Infinity}', "-Infinity is no JSON number"),
        ('{"score": 1e999}', "too large a number"),
        ('{"score": ' + "9" * 5000 + "}", "a number that is too long"),
        (f"{GOOD_TEXT} or {GOOD_TEXT}", "there are 2 JSON values"),
        ("[" * 100_000, "nested too deeply"),
        ("[" * 300 + "]" * 300, "nested too deeply"),
        ('{"a":' * 50_000, "nested too deeply"),
        ('prose {"a":' + '{"a":' * 300 + "1" + "}" * 301, "nested too deeply"),
        ('{"urgency": "\\ud800"}', "half a character"),
        ('{"urgency": "lo', "this is no JSON"),
        ("[]", "is no map with the fields urgency, score, tags, note"),
        ("null", "null is no map"),
        ("{" * 1_900_000, "this is no JSON"),
        ("x" * 10_000_000, "10,000,000 characters"),
        ("[1] " * 400_000, "JSON values, but one was asked for"),
    ],
    ids=range(18),
)
def test_what_is_no_single_json_value_is_refused(text: str, words: str) -> None:
    """However long, deep or strange: a short sentence that names the wanted form, no crash."""
    found = read(text)

    assert isinstance(found, Invalid)
    assert words in found.message
    assert len(found.message) < 600


@pytest.mark.parametrize(
    "text",
    [f"[{GOOD_TEXT}, ", f'{{"wrapper": {GOOD_TEXT}', f'{{"a": {GOOD_TEXT} oops}}', f'["a", {GOOD_TEXT},]'],
)
def test_a_part_of_a_broken_value_is_never_the_answer(text: str) -> None:
    """What stands inside something unfinished was not meant as the whole."""
    assert isinstance(read(text), Invalid)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("low | high", '"low"', "low"),
        ("low | high", "low", "low"),
        ("low | high", "`high`", "high"),
        ("bool", "true", True),
        ("bool", "False", False),
        ("int", "42", 42),
        ("number", "2.5", 2.5),
        ("[string]", '["a", "b"]', ["a", "b"]),
        ("date", '"2026-01-31"', "2026-01-31"),
        ("date", "2026-01-31", "2026-01-31"),
        ("string(10)", '"short"', "short"),
        ("string(10)", "short", "short"),
    ],
)
def test_answers_need_not_be_objects(kind: str, text: str, value: Any) -> None:
    """A closed choice is plain JSON of that type; without its quotes it is still clear what is meant."""
    assert read(text, parse_type(kind)) == Valid(value)


@pytest.mark.parametrize(
    ("kind", "text"),
    [("low | high", "lowest"), ("low | high", '"LOW"'), ("bool", "yes!"), ("int", "forty"), ("date", "2026-02-30"), ("date", '"31.1.2026"'), ("string(3)", "long text"), ("string(9)", '"open')],
)  # fmt: skip
def test_what_is_meant_is_never_guessed(kind: str, text: str) -> None:
    """Near is not equal."""
    assert isinstance(read(text, parse_type(kind)), Invalid)


def test_text_is_its_own_answer() -> None:
    """Stripped, nothing else; halves of characters are replaced, because no file can hold them."""
    assert read("  Hello.\n", None) == Valid("Hello.")
    assert read("{not json", None) == Valid("{not json")
    assert read("a\ud800b", None) == Valid("a�b")


@pytest.mark.parametrize(
    ("output", "text"),
    [
        (None, "half a sen"),
        (TICKET, '{"urgency": "lo'),
        (TICKET, "{}"),
        (TICKET, f"[{GOOD_TEXT}, {GOOD_TEXT}, {{"),
    ],
)
def test_an_answer_that_ran_out_of_tokens_is_cut(output: Type | None, text: str) -> None:
    """Another fault than a wrong one: the remedy is brevity."""
    found = read(text, output, finish="length")

    assert isinstance(found, Invalid)
    assert found.kind == "cut"
    assert "cut off at the token limit" in found.message


def test_a_complete_answer_at_the_limit_is_good() -> None:
    """The last token may be the closing brace."""
    assert isinstance(read(GOOD_TEXT, finish="length"), Valid)


@pytest.mark.parametrize(("finish", "kind"), [("stop", "empty"), ("length", "cut")])
def test_nothing_is_no_answer(finish: Any, kind: str) -> None:
    """White space alone is nothing; a model that thought until its tokens ended was cut."""
    for output in (None, TICKET):
        found = read(" \n", output, finish=finish)
        assert isinstance(found, Invalid)
        assert found.kind == kind


def test_a_schema_from_a_file_is_checked_too() -> None:
    """With the place of each problem."""
    schema = {"type": "object", "properties": {"a": {"type": "integer", "maximum": 3}, "b": {"$ref": "#/$defs/t"}}, "required": ["a"], "$defs": {"t": {"type": "string"}}}  # fmt: skip

    assert read('{"a": 1, "b": "x"}', Schema("s.json", schema)) == Valid({"a": 1, "b": "x"})
    assert read('{"a": 1}', Schema("s.json"), schema=schema) == Valid({"a": 1})
    found = read('{"a": 7, "b": 3}', Schema("s.json", schema))
    assert isinstance(found, Invalid)
    assert found.message == "a: 7 is greater than the maximum of 3; b: 3 is not of type 'string'"


def test_the_repair_message_is_short_and_ends_with_the_problem() -> None:
    """Small models read the end best."""
    assert repair_message("`a` must be int; 'x' is no whole number").endswith(
        "`a` must be int; 'x' is no whole number"
    )
    assert len(repair_message("")) < 120


@given(st.text(max_size=200) | st.text(alphabet=st.sampled_from('{}[]",:0123eE.-\\utrfn \n`'), max_size=80))
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_no_text_makes_reading_fail(text: str) -> None:
    """Whatever a model writes is valid or a sentence, and what is valid can be stored."""
    for output in (
        None,
        TICKET,
        parse_type("[int]"),
        parse_type("a | b"),
        parse_type("text"),
        Schema("s.json", {}),
    ):
        found = read_answer(text, output)
        if isinstance(found, Valid):
            json.dumps(found.value, ensure_ascii=False, allow_nan=False).encode()
        else:
            assert found.message


CIRCLING = "The answer lies in the light, and it is for you to find. " * 8
DECLINED = "I'm sorry, but I can't assist with that."


@pytest.mark.parametrize(("text", "kind"), [(CIRCLING, "repeated"), (DECLINED, "refused")])
@pytest.mark.parametrize(
    ("output", "where"),
    [
        (None, "the answer"),
        ("text", "the answer"),
        ({"topic": "string(20)", "body": "string(1000)"}, "`body`"),
        ({"body?": "text"}, "`body`"),
        ({"parts": "[string(1000)]"}, "`parts`"),
        (Schema("answer.json", {"type": "object"}), "`body`"),
    ],
    ids=["plain", "text", "field", "optional", "list", "schema"],
)
def test_a_text_that_is_none_is_no_answer(text: str, kind: str, output: Any, where: str) -> None:
    """Wherever prose may stand; what is wrong names the field."""
    answer = {"topic": "x", "body": text, "parts": ["fine", text]}
    free = output is None or output == "text"
    names = [name.rstrip("?") for name in output] if isinstance(output, dict) else ["body"]
    type_ = output if output is None or isinstance(output, Schema) else parse_type(output)
    written = text if free else json.dumps({name: answer[name] for name in names})

    found = read_answer(written, type_)

    assert isinstance(found, Invalid)
    assert (found.kind, found.message.split(" declines")[0].split(" repeats")[0]) == (kind, where)


def test_short_texts_choices_and_numbers_are_never_judged_as_prose() -> None:
    """`string(39)` is a name or a code; a missing text is none."""
    output = parse_type({"said": "string(39)", "kind": "refused | answered", "note?": "text"})
    answer = {"said": "I can't help with that.", "kind": "refused"}

    assert read_answer(json.dumps(answer), output) == Valid({**answer, "note": None})


def test_what_the_request_does_the_answer_may_do() -> None:
    """A text to be tidied up may repeat itself, and so may the tidied one; one that is cut off stays cut off."""
    assert read_answer(CIRCLING, None, asked=[f"Correct: {CIRCLING}"]) == Valid(CIRCLING.strip())
    assert read_answer(DECLINED, None, asked=["Translate: I cannot help with that."]) == Valid(DECLINED)
    cut = read_answer(CIRCLING, None, finish="length", asked=[f"Correct: {CIRCLING}"])
    assert isinstance(cut, Invalid)
    assert cut.kind == "cut"


def test_a_circle_is_named_before_the_bound_that_ended_it() -> None:
    """Otherwise somebody would raise the bound."""
    for text, output in ((CIRCLING, None), (f'{{"body": "{CIRCLING}', parse_type({"body": "text"}))):
        found = read_answer(text, output, finish="length")

        assert isinstance(found, Invalid)
        assert found.kind == "repeated"
