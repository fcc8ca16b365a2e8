"""Types in words: as a person writes them in a workflow, and whether two are the same kind. Pure functions."""

from __future__ import annotations

from typing import assert_never

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

_STRING_LIMIT = 200
_TEXT_LIMIT = 2000
_LIST_LIMIT = 20


def describe(kind: Type) -> str:
    """The type on one line, as a person writes it in a workflow."""
    match kind:
        case Str(limit):
            known = {_STRING_LIMIT: "string", _TEXT_LIMIT: "text", None: "text"}
            return known.get(limit, f"string({limit})")
        case Int(low, high):
            bounds = "" if low is None and high is None else f"({_side(low)}..{_side(high)})"
            return f"int{bounds}"
        case Number():
            return "number"
        case Bool():
            return "bool"
        case Date():
            return "date"
        case Enum(values):
            return " | ".join(values)
        case ListOf(item, low, high):
            usual = low == 0 and high in (_LIST_LIMIT, None)
            return f"[{describe(item)}]" + ("" if usual else f"({low}..{_side(high)})")
        case MapOf(fields):
            parts = (f"{f.name}{'?' if f.optional else ''}: {describe(f.type)}" for f in fields)
            return "{" + ", ".join(parts) + "}"
        case Schema(path):
            return f"{{schema: {path}}}"
        case ImageType():
            return "image"
        case Nullable(inner):
            return f"{describe(inner)} or null"
        case Unknown():
            return "anything"
        case _:
            assert_never(kind)


def _side(bound: int | None) -> str:
    return "" if bound is None else str(bound)


def same(left: Type, right: Type) -> bool:
    """Whether both are the same kind of value, whatever their bounds; what is unknown is the same as anything."""
    match left, right:
        case (Unknown() | Schema(), _) | (_, Unknown() | Schema()):
            return True
        case Nullable(a), Nullable(b):
            return same(a, b)
        case ListOf(a), ListOf(b):
            return same(a, b)
        case Enum(a), Enum(b):
            return set(a) == set(b)
        case MapOf(), MapOf():
            return [f.name for f in left.fields] == [f.name for f in right.fields] and all(
                a.optional == b.optional and same(a.type, b.type)
                for a, b in zip(left.fields, right.fields, strict=True)
            )
        case _:
            return left.__class__ is right.__class__
