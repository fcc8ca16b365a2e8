"""Types as JSON Schema, and the way around servers that take only objects. Pure functions.

What a type means for a value stands in `values`, how a person writes it in `words`; both are at hand here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never

from orchestrator.spec.types import (
    Bool,
    Date,
    Enum,
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
)
from orchestrator.spec.values import check_value, coerce, complete, quoted
from orchestrator.spec.words import describe, same

__all__ = [
    "check_value", "coerce", "complete", "describe", "is_object", "json_schema", "quoted", "same", "strict", "unwrap", "wrap",
]  # fmt: skip

WRAPPER = "answer"
"""The field that holds an answer where a server takes only objects."""


def json_schema(kind: Type) -> dict[str, Any]:
    """The JSON Schema of a type, bounds included; fields keep their order."""
    match kind:
        case Str(limit):
            return {"type": "string"} if limit is None else {"type": "string", "maxLength": limit}
        case Int(low, high):
            bounds = {"minimum": low, "maximum": high}
            return {"type": "integer"} | {key: value for key, value in bounds.items() if value is not None}
        case Number():
            return {"type": "number"}
        case Bool():
            return {"type": "boolean"}
        case Date():
            return {"type": "string", "format": "date"}
        case Enum(values):
            return {"type": "string", "enum": list(values)}
        case ListOf(item, low, high):
            schema: dict[str, Any] = {"type": "array", "items": json_schema(item), "minItems": low}
            return schema if high is None else {**schema, "maxItems": high}
        case MapOf(fields):
            return {
                "type": "object",
                "properties": {field.name: json_schema(field.type) for field in fields},
                "required": [field.name for field in fields if not field.optional],
                "additionalProperties": False,
            }
        case Schema(_, schema):
            return dict(schema) if isinstance(schema, Mapping) else {}
        case Nullable(inner):
            return {"anyOf": [json_schema(inner), {"type": "null"}]}
        case ImageType() | Unknown():
            return {}
        case _:
            assert_never(kind)


def is_object(schema: Mapping[str, Any]) -> bool:
    return schema.get("type") == "object"


def wrap(schema: Mapping[str, Any]) -> dict[str, Any]:
    """An object schema with the answer in one field, for servers that take only objects; objects stay."""
    if is_object(schema):
        return dict(schema)
    return {
        "type": "object",
        "properties": {WRAPPER: dict(schema)},
        "required": [WRAPPER],
        "additionalProperties": False,
    }


def unwrap(value: Any) -> Any:
    """The answer out of the field `wrap` put it into; anything else as it is."""
    return value[WRAPPER] if isinstance(value, Mapping) and value.keys() == {WRAPPER} else value


def strict(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema as OpenAI's strict mode wants it: every property required, optional ones may be null.

    `check_value` and `complete` take such a null for a field that was left out.
    """
    return {key: _strict_value(key, value, schema) for key, value in schema.items()} | (
        {"required": list(schema["properties"])} if isinstance(schema.get("properties"), Mapping) else {}
    )


def _strict_value(key: str, value: Any, holder: Mapping[str, Any]) -> Any:
    if key == "properties" and isinstance(value, Mapping):
        required = set(holder.get("required", ()))
        return {name: _strict_property(part, name in required) for name, part in value.items()}
    if key == "items" and isinstance(value, Mapping):
        return strict(value)
    if key in ("anyOf", "allOf") and isinstance(value, list):
        return [strict(part) if isinstance(part, Mapping) else part for part in value]
    return value


def _strict_property(schema: Any, required: bool) -> Any:
    inner = strict(schema) if isinstance(schema, Mapping) else schema
    return inner if required else {"anyOf": [inner, {"type": "null"}]}
