"""The scalar kinds of the language: names, durations, templates and type expressions, as pydantic fields.

`parse_type` turns what the YAML says (`"int(1..5)"`, `a | b`, nested maps) into the values of `types`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainSerializer,
    PlainValidator,
    Strict,
    Tag,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from orchestrator.spec.types import (
    Bool,
    Date,
    Enum,
    ImageType,
    Int,
    ListOf,
    MapOf,
    Number,
    Schema,
    Str,
    Type,
    Unknown,
)
from orchestrator.spec.types import Field as TypeField

NAME_PATTERN = r"^[a-z_][a-z0-9_]*$"
SCALARS = ("string", "text", "int", "number", "bool", "date")
TEXT_LIMIT = 2000
LIST_LIMIT = 20

_BOUNDED = re.compile(r"^(?P<name>[a-z]+)\s*\(\s*(?P<args>[^()]*)\)$")
_RANGE = re.compile(r"^(-?\d+)?\s*\.\.\s*(-?\d+)?$")
_LIST = re.compile(r"^\[(?P<item>.*)\]\s*(?:\((?P<range>[^()]*)\))?$", re.DOTALL)
_FIELD_NAME = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)$")


def parse_duration(value: Any) -> float:
    """Seconds of `500ms`, `30s`, `5m`, `2h`, `1d`. Raises PydanticCustomError of type `duration`."""
    if isinstance(value, str) and (found := _DURATION.match(value.strip())):
        return float(found[1]) * _UNITS[found[2]]
    message = "a duration is a number with a unit, like 30s or 5m, not {value}"
    raise PydanticCustomError("duration", message, {"value": repr(value)})


def parse_type(raw: Any, at: tuple[str | int, ...] = ()) -> Type:
    """The type a YAML value describes. `at` is the path inside it, for the error's place.

    Raises PydanticCustomError of type `type_syntax`; its context holds `at` (a tuple) and `hint`.
    """
    match raw:
        case Unknown():  # stands where the loader has already reported a mistake
            return raw
        case str():
            return _parse_text(raw.strip(), at)
        case [item]:
            return ListOf(parse_type(item, (*at, 0)), 0, LIST_LIMIT)
        case list():
            raise _wrong("a list type has exactly one item type, like [string]", at)
        case {"schema": str(path), **rest} if not rest and path.endswith(".json"):
            return Schema(path)
        case Mapping():
            return _parse_map(raw, at)
        case _:
            raise _wrong(
                f"{raw!r} is no type", at, f"types are {', '.join(SCALARS)}, a | b | c, [type] or a map"
            )


def _parse_map(raw: Mapping[Any, Any], at: tuple[str | int, ...]) -> MapOf:
    if not raw:
        raise _wrong("a map type needs at least one field", at)
    fields = []
    for key, value in raw.items():
        name = str(key)
        optional = name.endswith("?")
        name = name.removesuffix("?")
        if not _FIELD_NAME.match(name):
            raise _wrong(f"{name!r} is no field name", (*at, str(key)), "use letters, digits and _")
        fields.append(TypeField(name, parse_type(value, (*at, str(key))), optional))
    return MapOf(tuple(fields))


def _parse_text(text: str, at: tuple[str | int, ...]) -> Type:
    if text.endswith("?"):
        raise _wrong(f"{text!r} is no type", at, "an optional field has the ? behind its name: `name?: type`")
    if "|" in text:
        values = tuple(part.strip() for part in text.split("|"))
        if "" in values or len(set(values)) != len(values):
            raise _wrong(f"{text!r} has an empty or repeated choice", at)
        return Enum(values)
    match text:
        case "string":
            return Str()
        case "text":
            return Str(TEXT_LIMIT)
        case "int":
            return Int()
        case "number":
            return Number()
        case "bool":
            return Bool()
        case "date":
            return Date()
        case "image":
            return ImageType()
    if found := _LIST.match(text):
        low, high = _range(found["range"], text, at) if found["range"] else (0, LIST_LIMIT)
        return ListOf(
            parse_type(found["item"].strip(), at), low or 0, high if high is not None else LIST_LIMIT
        )
    if found := _BOUNDED.match(text):
        return _bounded(found["name"], found["args"].strip(), text, at)
    raise _wrong(f"{text!r} is no type", at, _nearest(text))


def _bounded(name: str, args: str, text: str, at: tuple[str | int, ...]) -> Type:
    if name in ("string", "text"):
        if not args.isdigit() or int(args) < 1:
            raise _wrong(f"{text!r}: the bound is a number of characters, like {name}(160)", at)
        return Str(int(args))
    if name == "int":
        return Int(*_range(args, text, at))
    raise _wrong(f"{text!r} is no type", at, _nearest(name))


def _range(args: str, text: str, at: tuple[str | int, ...]) -> tuple[int | None, int | None]:
    found = _RANGE.match(args.strip())
    if not found:
        raise _wrong(f"{text!r}: a range is written low..high, like 1..5", at)
    low, high = (int(part) if part is not None else None for part in found.groups())
    if low is not None and high is not None and low > high:
        raise _wrong(f"{text!r}: the range is empty", at)
    return low, high


_ALIASES = {
    "str": "string", "integer": "int", "float": "number", "boolean": "bool", "double": "number",
    "list": "[type]", "array": "[type]", "object": "a map of fields", "dict": "a map of fields", "enum": "a | b | c",
}  # fmt: skip


def _nearest(text: str) -> str:
    from difflib import get_close_matches

    if text in _ALIASES:
        return f"write {_ALIASES[text]}"
    near = get_close_matches(text, SCALARS, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"types are {', '.join(SCALARS)}, a | b | c, [type] or a map"


def _wrong(message: str, at: tuple[str | int, ...], hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("type_syntax", "{message}", {"message": message, "at": at, "hint": hint})


def _input_type(raw: Any) -> Type | str:
    if raw in ("file", "files", "image"):
        return str(raw)
    return parse_type(raw)


def _type_map(raw: Any) -> MapOf:
    if not isinstance(raw, Mapping):
        raise _wrong("expected a map of field: type", ())
    return _parse_map(raw, ())


def shape(value: Any) -> str:
    """Tells the forms of a key apart that may be written in more than one. Tags never look like a key."""
    if isinstance(value, list | tuple):
        return "<list>"
    return "<map>" if isinstance(value, Mapping) or hasattr(value, "model_fields_set") else "<one>"


def parse_parallel(value: Any) -> int | Literal["auto"]:
    """`auto` or how many at once. Raises PydanticCustomError of type `parallel`."""
    if value == "auto":
        return "auto"
    if isinstance(value, int) and not isinstance(value, bool) and value >= 1:
        return value
    raise PydanticCustomError(
        "parallel", "parallel is auto or a number of 1 or more, not {value}", {"value": repr(value)}
    )


def _bare(value: Any) -> Any:
    """Expressions may be written as YAML booleans and numbers too (`when: true`)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return value


_TYPE_JSON: dict[str, Any] = {
    "anyOf": [{"type": "string"}, {"type": "array", "minItems": 1, "maxItems": 1}, {"type": "object"}],
    "description": "string, string(160), text, int, int(1..5), number, bool, date, a | b | c, [type], a map of "
    "fields, or {schema: path.json}",
}


def _typed(parser: Any, schema: dict[str, Any]) -> Any:
    return [PlainValidator(parser), WithJsonSchema(schema), PlainSerializer(repr)]


Name: TypeAlias = Annotated[str, Field(pattern=NAME_PATTERN)]
Flag: TypeAlias = Annotated[bool, Strict()]
Whole: TypeAlias = Annotated[int, Strict(), Field(ge=0)]
Count: TypeAlias = Annotated[int, Strict(), Field(ge=1)]
Real: TypeAlias = Annotated[float, Strict()]
Texts: TypeAlias = Annotated[
    Annotated[str, Tag("<one>")] | Annotated[tuple[str, ...], Tag("<list>")], Discriminator(shape)
]
Names: TypeAlias = Annotated[
    Annotated[Name, Tag("<one>")] | Annotated[tuple[Name, ...], Tag("<list>")], Discriminator(shape)
]
Parallel: TypeAlias = Annotated[
    int | Literal["auto"],
    PlainValidator(parse_parallel),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1}]}),
]
Template: TypeAlias = Annotated[str, Field(description="Text with {{ expressions }} (Jinja).")]
Bare: TypeAlias = Annotated[
    str, BeforeValidator(_bare), Field(description="An expression, without {{ }}.", min_length=1)
]
Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(parse_duration),
    WithJsonSchema(
        {"type": "string", "pattern": r"^\d+(\.\d+)?\s*(ms|s|m|h|d)$", "description": "30s, 5m, 2h"}
    ),
]
OutputType: TypeAlias = Annotated[Type, *_typed(parse_type, _TYPE_JSON)]
InputType: TypeAlias = Annotated[Type | str, *_typed(_input_type, _TYPE_JSON)]
RowTypes: TypeAlias = Annotated[MapOf, *_typed(_type_map, {"type": "object"})]
TypeMap: TypeAlias = Annotated[MapOf, *_typed(_type_map, {"type": "object"})]

__all__ = ["Unknown", "parse_duration", "parse_type"]
