"""The grammar for typed answers: what it covers, what it leaves alone, and what a real model writes under it."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from orchestrator.messages import Message, Request
from orchestrator.policy.validate import Valid, read_answer
from orchestrator.providers.gbnf import grammar
from orchestrator.spec.fields import parse_type
from orchestrator.spec.schema import json_schema
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

TYPES: list[Any] = [
    "low | normal | high",
    "bool",
    "int(1..5)",
    "string(40)",
    "date",
    "[string(12)](1..3)",
    {"team": "support | code", "why": "string(60)"},
    {"note?": "string(20)", "count": "int", "ratio": "number", "tags?": "[a | b](0..2)"},
    {"person": {"name": "string(30)", "of_age": "bool"}, "since": "date"},
    {"quote": 'say "hi" | back\\slash'},
]


def test_objects_are_written_on_one_line() -> None:
    """Fields in their order, one space behind comma and colon."""
    text = grammar(json_schema(parse_type({"ok": "bool", "why": "string(9)"})))

    assert text is not None
    assert text.splitlines()[0] == (
        r'root ::= "{" "\"ok\"" ": " boolean ", " "\"why\"" ": " "\"" char{0,9} "\"" "}"'
    )


def test_an_optional_field_takes_its_comma_with_it() -> None:
    """Before the first required field the comma stands behind, later before."""
    text = grammar(json_schema(parse_type({"a?": "bool", "b": "bool", "c?": "bool"})))

    assert text is not None
    first = text.splitlines()[0]
    assert r'("\"a\"" ": " boolean ", ")?' in first
    assert r'(", " "\"c\"" ": " boolean)?' in first


def test_one_of_several_kinds_is_a_choice() -> None:
    """As tools with arguments of their own are."""
    found = grammar({"anyOf": [{"type": "boolean"}, {"type": "null"}]})

    assert found is not None
    assert found.startswith('root ::= (boolean | "null")')


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"anyOf": [{"type": "boolean"}, {"type": "string", "pattern": "^a"}]},
        {"type": "string", "pattern": "^a"},
        {"type": "object", "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False},
        {"type": "array", "items": {"type": "string"}},
    ],
)
def test_what_it_does_not_know_is_left_to_the_server(schema: dict[str, Any]) -> None:
    """No grammar is better than a wrong one."""
    assert grammar(schema) is None


@pytest.mark.real_model
def test_a_real_model_answers_every_type_on_one_line(embedded: Embedded) -> None:
    """Valid by the same check that the engine makes, and without white space between the tokens.

    That the model repeats itself in a text is its own doing, and no fault of the grammar.
    """

    async def act() -> None:
        model = embedded.model()
        for raw in TYPES:
            output = parse_type(raw)
            schema = json_schema(output)
            assert grammar(schema) is not None
            ask = Message("user", "Invent something that fits. Answer with JSON.")
            done = await model.generate(Request((ask,), 200, schema, {"temperature": 0.0}), lambda _: None)
            read = read_answer(done.text, output, schema, done.finish)
            assert isinstance(read, Valid) or read.kind == "repeated", (raw, done.text)
            assert "\n" not in done.text
            assert json.loads(done.text) is not None
        await model.close()

    asyncio.run(act())
