"""How many tokens an answer may take when nobody says: from its type, pure arithmetic.

A bound of n characters is taken as n/2 tokens: English needs about n/4, other scripts more.
"""

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

PLAIN_TEXT = 1024
"""Tokens for an answer that is plain text."""
_OPAQUE = 1024


def answer_tokens(output: Type | None, context: int) -> int:
    """Upper bound of an answer's tokens, never more than half of the context."""
    return most_tokens(tokens_wanted(output), context)


def most_tokens(wanted: int, context: int) -> int:
    """The bound for a model with so much context."""
    return max(16, min(wanted, context // 2))


def tokens_wanted(output: Type | None) -> int:
    """The same for a model with room for any answer."""
    return PLAIN_TEXT if output is None else 16 + _tokens(output)


def _tokens(kind: Type) -> int:
    match kind:
        case Str(limit):
            return 4 + (_OPAQUE if limit is None else limit // 2)
        case Int() | Number():
            return 12
        case Bool():
            return 4
        case Date():
            return 14
        case Enum(values):
            return 4 + max(len(value) for value in values)
        case ListOf(item, _, high):
            return 4 + (_tokens(item) + 2) * (20 if high is None else high)
        case MapOf(fields):
            return 4 + sum(6 + len(f.name) + _tokens(f.type) for f in fields)
        case Nullable(inner):
            return _tokens(inner)
        case Schema() | Unknown() | ImageType():
            return _OPAQUE
        case _:
            assert_never(kind)
