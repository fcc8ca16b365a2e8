"""What an MCP server says of its tools and answers, in the language's own types and plain data. All of it is untrusted.

Knows the shapes of the protocol, no connection.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from orchestrator.calling import Artifact, Effects, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.graph import foreign
from orchestrator.graph.foreign import arguments_of
from orchestrator.graph.kinds import TEXT
from orchestrator.spec.types import ListOf, MapOf, Nullable, Type
from orchestrator.spec.values import check_value, too_deep

PURPOSE = 500
"""Characters of a tool's description that a model gets to read."""
MOST_TEXT = 1_000_000
"""Characters of one answer, at most."""
MOST_BYTES = 16_000_000
"""Bytes of the images and other files of one answer, at most."""
SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpg", "image/svg+xml": ".svg", "audio/wav": ".wav"}


def signature_of(name: str, tool: Any, effects: Effects) -> Signature:
    """The tool as a workflow calls it. What it says of its own effects is not believed."""
    said = tool.description or tool.title or ""
    return described(name, said, tool.input_schema, tool.output_schema, effects=effects)


def described(name: str, said: str, arguments: Any, result: Any, *, effects: Effects) -> Signature:
    """The same of a tool by its description and the schemas of what it takes and gives."""
    purpose = " ".join(said.split())
    if len(purpose) > PURPOSE:
        purpose = purpose[: PURPOSE - 1] + "…"
    return Signature(name, purpose, arguments_of(arguments), foreign.result_of(result), effects, network=True)


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
