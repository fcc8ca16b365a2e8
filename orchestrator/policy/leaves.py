"""Where the values of a JSON answer stand: every leaf with its schema and the bytes that spell it. Pure.

Answers come here after they were validated. The text is the answer's bytes read as Latin-1, so that places are bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

FEW = 20
"""An integer range of at most so many values is a closed set; on a longer scale neighbours mean nearly the same."""
_SPACE = " \t\n\r"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class Leaf:
    """One value that is neither a map nor a list, at `start` to `end` of the text. An empty schema allows anything."""

    schema: Mapping[str, Any]
    start: int
    end: int


def leaves(text: str, start: int, schema: Mapping[str, Any]) -> list[Leaf]:
    """The leaves of the JSON value at `start`, in their order. Raises ValueError where there is none."""
    found: list[Leaf] = []
    _walk(text, start, schema, found)
    return found


def closed(schema: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The values a schema allows, when they can be counted."""
    if "const" in schema:
        return (schema["const"],)
    if isinstance(values := schema.get("enum"), list):
        return tuple(values)
    if isinstance(choices := schema.get("anyOf"), list):
        sets = [closed(choice) if isinstance(choice, Mapping) else None for choice in choices]
        return None if None in sets else tuple(value for some in sets if some is not None for value in some)
    match schema.get("type"):
        case "boolean":
            return True, False
        case "null":
            return (None,)
        case "integer":
            low, high = schema.get("minimum"), schema.get("maximum")
            few = isinstance(low, int) and isinstance(high, int) and high - low < FEW
            return tuple(range(low, high + 1)) if few and low is not None and high is not None else None
        case _:
            return None


# ----------------------------------------------------------------------------------------------- walking


def _walk(text: str, at: int, schema: Mapping[str, Any], found: list[Leaf]) -> int:
    """The place behind the value at `at`."""
    at = _skip(text, at)
    match text[at : at + 1]:
        case "{":
            return _map(text, at + 1, _branch(schema, "properties"), found)
        case "[":
            return _list(text, at + 1, _branch(schema, "items"), found)
        case _:
            _, end = _DECODER.raw_decode(text, at)
            found.append(Leaf(schema, at, end))
            return end


def _map(text: str, at: int, properties: Mapping[str, Any], found: list[Leaf]) -> int:
    at = _skip(text, at)
    while text[at : at + 1] != "}":
        key, at = _DECODER.raw_decode(text, _expect(text, at, '"') - 1)
        at = _expect(text, at, ":")
        at = _skip(text, _walk(text, at, _schema(properties.get(_plain(key))), found))
        if text[at : at + 1] != "}":
            at = _skip(text, _expect(text, at, ","))
    return at + 1


def _list(text: str, at: int, items: Mapping[str, Any], found: list[Leaf]) -> int:
    at = _skip(text, at)
    while text[at : at + 1] != "]":
        at = _skip(text, _walk(text, at, items, found))
        if text[at : at + 1] != "]":
            at = _skip(text, _expect(text, at, ","))
    return at + 1


def _skip(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _expect(text: str, at: int, sign: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"no {sign} at {at}")
    return at + 1


def _branch(schema: Mapping[str, Any], keyword: str) -> Mapping[str, Any]:
    """The schemas inside a map or a list, also where it may be null."""
    for choice in (schema, *_choices(schema)):
        if isinstance(inner := choice.get(keyword), Mapping):
            return inner
    return {}


def _choices(schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    choices = schema.get("anyOf")
    yield from (c for c in (choices if isinstance(choices, list) else ()) if isinstance(c, Mapping))


def _schema(found: Any) -> Mapping[str, Any]:
    return found if isinstance(found, Mapping) else {}


def _plain(key: str) -> str:
    """A key as the schema spells it; one with escapes is plain already."""
    try:
        return key.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return key


__all__ = ["FEW", "Leaf", "closed", "leaves"]
