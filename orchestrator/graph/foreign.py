"""What an MCP server says of its tools, in the language's own types: which one is meant, what it takes and gives.

All of it is untrusted: what the language cannot say is Unknown, and whatever has no end is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import ToolError
from orchestrator.graph.kinds import BOOL, NUMBER, TEXT, UNKNOWN, bounded, nullable
from orchestrator.graph.say import choice, near
from orchestrator.spec.types import Date, Enum, Field, Int, ListOf, MapOf, Str, Type

DEEPEST = 12
MOST_PARTS = 10_000
"""Parts of one schema that are read, those that are referred to again counted again."""


def pick(name: str, names: list[str], *, alone: bool) -> str:
    """Which of a server's tools is meant: the one of the last part of a name, or of the whole.

    `alone`: a server with a single tool means that one, whatever it is called. Raises ToolError.
    """
    for wanted in (name.rpartition(".")[2], name):
        if wanted in names:
            return wanted
    alike = [one for one in names if _folded(one) in (_folded(name.rpartition(".")[2]), _folded(name))]
    if len(alike) == 1:
        return alike[0]
    if alone and len(names) == 1:
        return names[0]
    shown = choice(sorted(name[:64] for name in names)) or "none"
    last = name.rpartition(".")[2]
    raise ToolError(f"its server has no tool '{last}'", hint=near(last, names) or f"it has {shown}")


def _folded(name: str) -> str:
    return re.sub(r"[-./ ]", "_", name).casefold()


def arguments_of(schema: Any) -> MapOf:
    """What a tool takes, by its input schema."""
    wanted = type_of(schema, schema)
    return wanted if isinstance(wanted, MapOf) else MapOf(())


def result_of(schema: Any) -> Type:
    """What it gives, by its output schema; text without one."""
    return TEXT if schema is None else type_of(schema, schema)


def type_of(schema: Any, root: Any, depth: int = 0) -> Type:
    """A JSON Schema as a type; Unknown for what the language cannot say. The server checks again itself."""
    return bounded(_type_of(schema, _Root(root), depth))


@dataclass(slots=True)
class _Root:
    """A whole schema, and how many parts of it may still be read: one that refers to itself has no end."""

    schema: Any
    left: int = MOST_PARTS


def _type_of(schema: Any, root: _Root, depth: int) -> Type:
    root.left -= 1
    if not isinstance(schema, Mapping) or depth > DEEPEST or root.left < 0:
        return UNKNOWN
    if isinstance(schema.get("$ref"), str):
        return _type_of(_pointed(root.schema, schema["$ref"]), root, depth + 1)
    for key in ("anyOf", "oneOf"):
        if isinstance(schema.get(key), list):
            return _union(schema[key], root, depth)
    if any(key in schema for key in ("allOf", "not", "if", "$dynamicRef")):
        return UNKNOWN
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    if isinstance(values, list):
        return Enum(tuple(values)) if values and all(isinstance(one, str) for one in values) else UNKNOWN
    named = schema.get("type")
    if isinstance(named, list):
        return _union([{**schema, "type": one} for one in named], root, depth)
    match named:
        case "object":
            return _map(schema, root, depth)
        case "array":
            low, high = _count(schema.get("minItems")) or 0, _count(schema.get("maxItems"))
            return ListOf(_type_of(schema.get("items"), root, depth + 1), low, high)
        case "string":
            return Date() if schema.get("format") == "date" else Str(_count(schema.get("maxLength")))
        case "integer":
            return Int(_whole(schema.get("minimum")), _whole(schema.get("maximum")))
        case "number":
            return NUMBER
        case "boolean":
            return BOOL
        case _:
            return UNKNOWN


def _map(schema: Mapping[str, Any], root: _Root, depth: int) -> Type:
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping) or not properties:
        closed = depth == 0 or schema.get("additionalProperties") is False
        return MapOf(()) if closed else UNKNOWN
    needed = set(map(str, required)) if isinstance(required, list) else set()
    return MapOf(
        tuple(
            Field(str(name), _type_of(part, root, depth + 1), str(name) not in needed)
            for name, part in properties.items()
        )
    )


def _union(parts: list[Any], root: _Root, depth: int) -> Type:
    """`X or null`; other unions are no type of the language."""
    kinds = [_type_of(part, root, depth + 1) for part in parts if not _is_null(part)]
    kind = kinds[0] if kinds and all(one == kinds[0] for one in kinds) else UNKNOWN
    return nullable(kind) if any(_is_null(part) for part in parts) else kind


def _is_null(schema: Any) -> bool:
    return isinstance(schema, Mapping) and schema.get("type") == "null"


def _pointed(root: Any, pointer: str) -> Any:
    """What `#/$defs/Name` leads to, within the same schema."""
    if not pointer.startswith("#/"):
        return None
    found = root
    for part in pointer[2:].split("/"):
        found = found.get(part.replace("~1", "/").replace("~0", "~")) if isinstance(found, Mapping) else None
    return found


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _whole(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) and float(value).is_integer() else None
