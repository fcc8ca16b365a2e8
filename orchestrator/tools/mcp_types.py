"""What an MCP server says of its tools and answers, in the language's own types and plain data. All of it is untrusted.

Knows the shapes of the protocol, no connection.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.calling import Artifact, Effects, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.graph.kinds import BOOL, NUMBER, TEXT, UNKNOWN, bounded, nullable
from orchestrator.graph.say import choice, near
from orchestrator.spec.types import Date, Enum, Field, Int, ListOf, MapOf, Nullable, Str, Type
from orchestrator.spec.values import check_value, too_deep

DEEPEST = 12
MOST_PARTS = 10_000
"""Parts of one schema that are read, those that are referred to again counted again."""
PURPOSE = 500
"""Characters of a tool's description that a model gets to read."""
MOST_TEXT = 1_000_000
"""Characters of one answer, at most."""
MOST_BYTES = 16_000_000
"""Bytes of the images and other files of one answer, at most."""
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg", "audio/wav": ".wav"}


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


def signature_of(name: str, tool: Any, effects: Effects) -> Signature:
    """The tool as a workflow calls it. What it says of its own effects is not believed."""
    wanted = type_of(tool.input_schema, tool.input_schema)
    arguments = wanted if isinstance(wanted, MapOf) else MapOf(())
    result = TEXT if tool.output_schema is None else type_of(tool.output_schema, tool.output_schema)
    purpose = " ".join((tool.description or tool.title or "").split())
    if len(purpose) > PURPOSE:
        purpose = purpose[: PURPOSE - 1] + "…"
    return Signature(name, purpose, arguments, result, effects, network=True)


# --------------------------------------------------------------------------------------------------- types


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


# ------------------------------------------------------------------------------------------------- answers


def given(wanted: MapOf, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments without those that are null where that is no value: they were left out."""
    optional = {field.name for field in wanted.fields if field.optional and check_value(field.type, None)}
    return {name: value for name, value in arguments.items() if value is not None or name not in optional}


def result_of(signature: Signature, result: Any, scratch: Path) -> ToolResult:
    """The value of an answer, and its images as files. Raises ToolError for what the server itself calls an error."""
    name = signature.name
    parts = list(_parts(result.content, scratch))
    text = "\n".join(part for part in parts if isinstance(part, str))
    artifacts = tuple(part for part in parts if isinstance(part, Artifact))
    if result.is_error:
        raise ToolError(f"{name}: {' '.join(text.split())[:1000] or 'the server says that it failed'}")
    if len(text) > MOST_TEXT:
        raise ToolError(
            f"{name} answered with {len(text):,} characters, more than {MOST_TEXT:,}", unsure=True
        )
    if too_deep(result.structured_content):
        raise ToolError(f"{name} answered with data that is nested too deep", unsure=True)
    if not _is_finite(result.structured_content):
        raise ToolError(f"{name}: its answer holds NaN or an infinite number, which is no data", unsure=True)
    if signature.result == TEXT:
        return ToolResult(text, artifacts)
    if result.structured_content is None:
        raise ToolError(f"{name} promises data, and the server sent none", unsure=True)
    value = _known(signature.result, result.structured_content)
    problems = check_value(signature.result, value)
    if problems:
        raise ToolError(f"{name} answered with what it does not promise: {'; '.join(problems)}", unsure=True)
    return ToolResult(value, artifacts)


def _is_finite(value: Any) -> bool:
    """Whether every number in it is one that JSON has."""
    if isinstance(value, dict | list):
        return all(map(_is_finite, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _known(kind: Type, value: Any) -> Any:
    """A value without the fields that its type does not name; a server may add some."""
    match kind:
        case MapOf(fields) if isinstance(value, Mapping):
            return {one.name: _known(one.type, value[one.name]) for one in fields if one.name in value}
        case ListOf(item) if isinstance(value, list):
            return [_known(item, one) for one in value]
        case Nullable(inner) if value is not None:
            return _known(inner, value)
        case _:
            return value


def _parts(content: Any, scratch: Path) -> Iterator[str | Artifact]:
    left = MOST_BYTES
    for number, block in enumerate(content, 1):
        resource = getattr(block, "resource", block)
        data = getattr(resource, "data", None) or getattr(resource, "blob", None)
        if data is not None:
            artifact = _file(number, data, getattr(resource, "mime_type", None) or "", scratch)
            left -= artifact.path.stat().st_size
            if left < 0:
                raise ToolError(
                    f"the files of its answer have more than {MOST_BYTES // 1_000_000} MB", unsure=True
                )
            yield artifact
            yield f"[{artifact.name}]"
        else:
            yield str(getattr(resource, "text", None) or getattr(resource, "uri", ""))


def _file(number: int, data: str, kind: str, scratch: Path) -> Artifact:
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ToolError("a file of its answer cannot be read", unsure=True) from None
    path = scratch / f"answer-{number}{SUFFIXES.get(kind, '.bin')}"
    path.write_bytes(content)
    return Artifact(path.name, kind if kind in SUFFIXES else "application/octet-stream", path)
