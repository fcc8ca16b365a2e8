"""The scalar kinds of the language: names, durations, templates and type expressions, as pydantic fields.

`parse_type` turns what the YAML says (`"int(1..5)"`, `a | b`, nested maps) into the values of `types`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from operator import methodcaller
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BaseModel,
    BeforeValidator,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

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
TYPE_LENGTH = 500
LIST_DEPTH = 8

_BOUNDED = re.compile(r"^(?P<name>[a-z]+)\s*\(\s*(?P<args>[^()]*)\)$")
_RANGE = re.compile(r"(-?[0-9]{1,18})?\s*\.\.\s*(-?[0-9]{1,18})?")
_LIST = re.compile(r"^\[(?P<item>.*)\]\s*(?:\((?P<range>[^()]*)\))?$", re.DOTALL)
_FIELD_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SIZE = re.compile(r"[1-9][0-9]{0,8}")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*(ms|s|m|h|d)")


def parse_duration(value: Any) -> float:
    """Seconds of `500ms`, `30s`, `5m`, `2h`, `1d`. Raises PydanticCustomError of type `duration`."""
    if isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        return float(found[1]) * _UNITS[found[2]]
    message = "a duration is a number with a unit, like 30s or 5m, not {value}"
    raise PydanticCustomError("duration", message, {"value": repr(value)})


def parse_type(raw: Any, at: tuple[str | int, ...] = (), *, capped: bool = True) -> Type:
    """The type a YAML value describes. `at` is the path inside it, for the error's place.

    `capped` bounds texts and lists that state no bound, as what a model writes must be; what people give need not.

    Raises PydanticCustomError of type `type_syntax`; its context holds `at` (a tuple) and `hint`.
    """
    match raw:
        case Unknown():  # stands where the loader has already reported a mistake
            return raw
        case str():
            return _parse_text(raw.strip(), at, capped)
        case [item]:
            return ListOf(parse_type(item, (*at, 0), capped=capped), 0, LIST_LIMIT if capped else None)
        case list():
            raise _wrong("a list type has exactly one item type, like [string]", at)
        case {"schema": str(path), **rest} if not rest and path.endswith(".json"):
            return Schema(path)
        case Mapping():
            return _parse_map(raw, at, capped)
        case _:
            hint = f"types are {', '.join(SCALARS)}, a | b | c, [type] or a map"
            raise _wrong(f"{str(raw)[:40] or 'nothing'} is no type", at, hint)


def _parse_map(raw: Mapping[Any, Any], at: tuple[str | int, ...], capped: bool) -> MapOf:
    if not raw:
        raise _wrong("a map type needs at least one field", at)
    fields: list[TypeField] = []
    for key, value in raw.items():
        name = str(key)
        optional = name.endswith("?")
        name = name.removesuffix("?")
        if not _FIELD_NAME.fullmatch(name):
            raise _wrong(f"{name!r} is no field name", (*at, str(key)), "use letters, digits and _")
        if any(field.name == name for field in fields):
            raise _wrong(f"the field {name!r} stands here twice", (*at, str(key)), "remove one of them")
        fields.append(TypeField(name, parse_type(value, (*at, str(key)), capped=capped), optional))
    return MapOf(tuple(fields))


def _parse_text(text: str, at: tuple[str | int, ...], capped: bool) -> Type:
    if len(text) > TYPE_LENGTH:
        raise _wrong(f"a type of {len(text)} characters is none", at, "write it as a map of fields")
    if text.endswith("?"):
        raise _wrong(f"{text!r} is no type", at, "an optional field has the ? behind its name: `name?: type`")
    match text:
        case "string":
            return Str() if capped else Str(None)
        case "text":
            return Str(TEXT_LIMIT if capped else None)
        case "int":
            return Int()
        case "number":
            return Number()
        case "bool":
            return Bool()
        case "date":
            return Date()
        case "image" if not capped:
            return ImageType()
    if found := _LIST.match(text):
        if text.count("[") > LIST_DEPTH:
            raise _wrong("lists of lists deeper than anybody needs", at, "write it as a map of fields")
        item = parse_type(found["item"].strip(), at, capped=capped)
        low, high = _range(found["range"], text, at) if found["range"] is not None else (None, None)
        if (low or 0) < 0 or (high is not None and high < 0):
            raise _wrong(f"{text!r}: a list has no negative length", at)
        if high is None and capped:
            high = max(LIST_LIMIT, low or 0)
        return ListOf(item, low or 0, high)
    if "|" in text:
        return _enum(text, at)
    if found := _BOUNDED.match(text):
        return _bounded(found["name"], found["args"].strip(), text, at)
    raise _wrong(f"{text!r} is no type", at, _nearest(text))


def _enum(text: str, at: tuple[str | int, ...]) -> Enum:
    values = tuple(part.strip() for part in text.split("|"))
    if "" in values or len(set(values)) != len(values):
        raise _wrong(f"{text!r} has an empty or repeated choice", at)
    if any(sign in text for sign in "[]{}"):
        hint = _UNQUOTE if text[0] in "[{" else "choices are plain words: a | b | c"
        raise _wrong(f"{text!r} is no list of choices", at, hint)
    return Enum(values)


def _bounded(name: str, args: str, text: str, at: tuple[str | int, ...]) -> Type:
    if name in ("string", "text"):
        if not _SIZE.fullmatch(args):
            raise _wrong(f"{text!r}: the bound is a number of characters, like {name}(160)", at)
        return Str(int(args))
    if name == "int":
        return Int(*_range(args, text, at))
    raise _wrong(f"{text!r} is no type", at, _nearest(name))


def _range(args: str, text: str, at: tuple[str | int, ...]) -> tuple[int | None, int | None]:
    found = _RANGE.fullmatch(args.strip())
    if not found:
        raise _wrong(f"{text!r}: a range is written low..high, like 1..5", at)
    low, high = (int(part) if part is not None else None for part in found.groups())
    if low is not None and high is not None and low > high:
        raise _wrong(f"{text!r}: the range is empty", at)
    return low, high


_UNQUOTE = "write it without quotes, as YAML: [{name: type}], {name: type}"
_ALIASES = {
    "str": "string", "integer": "int", "float": "number", "boolean": "bool", "double": "number",
    "list": "[type]", "array": "[type]", "object": "a map of fields", "dict": "a map of fields", "enum": "a | b | c",
}  # fmt: skip


def _nearest(text: str) -> str:
    from difflib import get_close_matches

    if text in _ALIASES:
        return f"write {_ALIASES[text]}"
    if text.startswith("{"):
        return _UNQUOTE
    near = get_close_matches(text, SCALARS, n=1)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"types are {', '.join(SCALARS)}, a | b | c, [type] or a map"


def _wrong(message: str, at: tuple[str | int, ...], hint: str = "") -> PydanticCustomError:
    return PydanticCustomError("type_syntax", "{message}", {"message": message, "at": at, "hint": hint})


def _input_type(raw: Any) -> Type | str:
    if raw in ("file", "files", "image"):
        return str(raw)
    return parse_type(raw, capped=False)


def _type_map(raw: Any, *, capped: bool = True) -> MapOf:
    if not isinstance(raw, Mapping):
        raise _wrong("expected a map of field: type", ())
    return _parse_map(raw, (), capped)


def _rows(raw: Any) -> MapOf:
    return _type_map(raw, capped=False)


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


class AsMap:
    """Reads a map by a model, and keeps what was written of it as a map."""

    def __init__(self, model: type[BaseModel]) -> None:
        self._model = model

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        dump = methodcaller("model_dump", exclude_none=True)
        return no_info_after_validator_function(dump, handler.generate_schema(self._model))


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
RowTypes: TypeAlias = Annotated[MapOf, *_typed(_rows, {"type": "object"})]
TypeMap: TypeAlias = Annotated[MapOf, *_typed(_type_map, {"type": "object"})]

__all__ = ["Unknown", "parse_duration", "parse_type"]
