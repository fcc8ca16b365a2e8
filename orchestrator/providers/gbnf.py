"""JSON Schema as a llama.cpp grammar that writes JSON on one line, `{"a": 1, "b": [2, 3]}`.

The server's own conversion lets a model choose white space anywhere; small models spend a third of a typed answer on
it. Knows the schemas that output types become; anything else is left to the server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_BASE = r"""
char ::= [^"\\\x00-\x1f\x7f] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4})
integer ::= "-"? ("0" | [1-9] [0-9]{0,14})
number ::= integer ("." [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?
boolean ::= "true" | "false"
date ::= "\"" [0-9]{4} "-" ("0" [1-9] | "1" [0-2]) "-" ("0" [1-9] | [12] [0-9] | "3" [01]) "\""
"""
_ANNOTATIONS = frozenset({"title", "description", "default", "examples", "$schema"})
_FEW = 200
"""An integer range of at most so many values is written out."""


class _Unknown(Exception):
    """A schema this module leaves to the server."""


def grammar(schema: Mapping[str, Any]) -> str | None:
    """The grammar, or None for a schema that is not of the known kind."""
    return _grammar(json.dumps(schema))


@lru_cache(maxsize=256)
def _grammar(schema: str) -> str | None:
    try:
        return f"root ::= {_rule(json.loads(schema))}\n{_BASE.lstrip()}"
    except _Unknown:
        return None


def _rule(schema: Mapping[str, Any]) -> str:
    keys = {key: value for key, value in schema.items() if key not in _ANNOTATIONS}
    if "enum" in keys and set(keys) <= {"enum", "type"}:
        return _either(_literal(value) for value in keys["enum"])
    if set(keys) == {"anyOf"}:
        return _either(_rule(one) for one in keys["anyOf"])
    match keys.pop("type", None):
        case "string":
            return _string(keys)
        case "integer":
            return _integer(keys)
        case "number" if not keys:
            return "number"
        case "boolean" if not keys:
            return "boolean"
        case "null" if not keys:
            return '"null"'
        case "array":
            return _array(keys)
        case "object":
            return _object(keys)
    raise _Unknown


def _string(keys: dict[str, Any]) -> str:
    if keys.pop("format", None) == "date":
        return "date"
    low, high = keys.pop("minLength", 0), keys.pop("maxLength", None)
    if keys:
        raise _Unknown
    return f'"\\"" char{{{low},{"" if high is None else high}}} "\\""'


def _integer(keys: dict[str, Any]) -> str:
    low, high = keys.pop("minimum", None), keys.pop("maximum", None)
    if keys:
        raise _Unknown
    if low is not None and high is not None and high - low < _FEW:
        return _either(_literal(n) for n in range(low, high + 1))
    return "integer"


def _array(keys: dict[str, Any]) -> str:
    item = _rule(keys.pop("items", {}))
    low, high = keys.pop("minItems", 0), keys.pop("maxItems", None)
    if keys or high is None:
        raise _Unknown
    if high == 0:
        return '"[]"'
    more = f'(", " {item}){{{max(0, low - 1)},{high - 1}}}'
    some = f"{item} {more}" if high > 1 else item
    return f'"[" {some} "]"' if low else f'"[" ({some})? "]"'


def _object(keys: dict[str, Any]) -> str:
    """All fields in their order. The first required one needs no comma, so that the others know theirs."""
    fields: dict[str, Any] = keys.pop("properties", {})
    required = set(keys.pop("required", ()))
    if keys.pop("additionalProperties", None) is not False or keys:
        raise _Unknown
    if not fields:
        return '"{}"'
    if not required & fields.keys():
        raise _Unknown
    parts: list[str] = []
    first = next(name for name in fields if name in required)
    before = True
    for name, schema in fields.items():
        part = f'{_literal(name)} ": " {_rule(schema)}'
        if name == first:
            before = False
            parts.append(part)
        elif before:
            parts.append(f'({part} ", ")?')
        else:
            parts.append(f'", " {part}' if name in required else f'(", " {part})?')
    return f'"{{" {" ".join(parts)} "}}"'


def _either(choices: Any) -> str:
    return f"({' | '.join(choices)})"


def _literal(value: Any) -> str:
    """A grammar terminal for the JSON of a value."""
    text = json.dumps(value, ensure_ascii=False)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
