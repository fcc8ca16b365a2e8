"""Whether a value has a type, and the value that a text stands for. Pure functions.

Problems are sentences for a person (and for a small model that has to repair its answer).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import date
from itertools import islice
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

SHOWN = 10
"""Problems reported of one value; more would not help anybody repair it."""
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def check_value(kind: Type, value: Any, where: str = "") -> list[str]:
    """What keeps the value from having the type, each problem a sentence; empty when it has it.

    `where` names the value in the sentences (`urgency`, `items[3].name`).
    """
    return list(islice(_problems(kind, value, where), SHOWN))


def _problems(kind: Type, value: Any, where: str) -> Iterable[str]:
    match kind:
        case Unknown():
            return ()
        case Nullable(inner):
            return () if value is None else _problems(inner, value, where)
        case MapOf():
            return _map_problems(kind, value, where)
        case ListOf():
            return _list_problems(kind, value, where)
        case Schema():
            return _schema_problems(kind, value, where)
        case Str() | Int() | Number() | Bool() | Date() | Enum() | ImageType():
            problem = _scalar_problem(kind, value)
            return (f"{where or 'the value'}: {problem}",) if problem else ()
        case _:
            assert_never(kind)


def _scalar_problem(kind: Type, value: Any) -> str:
    match kind:
        case Str(limit):
            if not isinstance(value, str):
                return f"{quoted(value)} is no text"
            over = limit is not None and len(value) > limit
            return f"{len(value)} characters are more than {limit}" if over else ""
        case Int():
            if isinstance(value, bool) or not isinstance(value, int):
                return f"{quoted(value)} is no whole number"
            return _range_problem(kind, value)
        case Number():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            return "" if number else f"{quoted(value)} is no number"
        case Bool():
            return "" if isinstance(value, bool) else f"{quoted(value)} is neither true nor false"
        case Date():
            return "" if is_date(value) else f"{quoted(value)} is no date like 2026-01-31"
        case Enum(values):
            return "" if value in values else f"{quoted(value)} is none of {', '.join(values)}"
        case _:
            image = isinstance(value, Mapping) and "sha256" in value
            return "" if image else f"{quoted(value)} is no image"


def _range_problem(kind: Int, value: int) -> str:
    if (kind.low is None or value >= kind.low) and (kind.high is None or value <= kind.high):
        return ""
    if kind.low is not None and kind.high is not None:
        return f"{quoted(value)} is not between {kind.low} and {kind.high}"
    return f"{quoted(value)} is " + (
        f"less than {kind.low}" if kind.high is None else f"more than {kind.high}"
    )


def is_date(value: Any) -> bool:
    """Whether it is a text like 2026-01-31, and there is such a day."""
    if not isinstance(value, str) or not _ISO_DATE.fullmatch(value):
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _list_problems(kind: ListOf, value: Any, where: str) -> Iterable[str]:
    if not isinstance(value, list | tuple):
        yield f"{where or 'the value'}: {quoted(value)} is no list"
        return
    if len(value) < kind.low:
        yield f"{where or 'the list'}: {len(value)} items, at least {kind.low} are needed"
    if kind.high is not None and len(value) > kind.high:
        yield f"{where or 'the list'}: {len(value)} items are more than {kind.high}"
    for index, item in enumerate(value):
        yield from _problems(kind.item, item, f"{where}[{index}]" if where else f"item {index}")


def _map_problems(kind: MapOf, value: Any, where: str) -> Iterable[str]:
    if not isinstance(value, (dict, Mapping)):  # what is no dict is asked slowly
        names = ", ".join(field.name for field in kind.fields)
        yield f"{where or 'the value'}: {quoted(value)} is no map with the fields {names}"
        return
    prefix = f"{where}." if where else ""
    strange = len(value)
    for field in kind.fields:
        if field.name in value:
            strange -= 1
            if not (field.optional and value[field.name] is None):
                yield from _problems(field.type, value[field.name], f"{prefix}{field.name}")
        elif not field.optional:
            yield f"{prefix}{field.name} is missing"
    if strange:
        known = {field.name for field in kind.fields}
        yield from (f"{prefix}{str(key)[:40]} is not asked for" for key in value if str(key) not in known)


def _schema_problems(kind: Schema, value: Any, where: str) -> Iterable[str]:
    from orchestrator.spec.external import problems

    return problems(kind.schema, value, where) if isinstance(kind.schema, Mapping | bool) else ()


def complete(kind: Type, value: Any) -> Any:
    """A valid value with its fields in the declared order and null for optional ones that were left out."""
    match kind:
        case MapOf(fields) if isinstance(value, (dict, Mapping)):
            return {field.name: complete(field.type, value.get(field.name)) for field in fields}
        case ListOf(item) if isinstance(value, list | tuple):
            return [complete(item, part) for part in value]
        case Nullable(inner) if value is not None:
            return complete(inner, value)
        case _:
            return value


def quoted(value: Any) -> str:
    """The value as a short JSON text, for a message."""
    if value is None:
        return "null"
    try:
        text = json.dumps(value, ensure_ascii=False) if not isinstance(value, str) else f"'{value[:80]}'"
    except (TypeError, ValueError, RecursionError):
        text = f"<{value.__class__.__name__}>"
    return text if len(text) <= 60 else f"{text[:59]}…"


# ---------------------------------------------------------------------------------------- from text


def coerce(kind: Type, text: str) -> Any:
    """The value a command line or a table cell writes as text. Raises ValueError with the problem in words."""
    match kind:
        case Str() | Enum():
            return _checked(kind, text)
        case Int():
            return _checked(kind, _parsed(int, text, "whole number"))
        case Number():
            return _checked(kind, _parsed(float, text, "number"))
        case Bool():
            return _boolean(text)
        case Date():
            return _checked(kind, text.strip())
        case Nullable(inner):
            return None if text.strip() in ("", "null") else coerce(inner, text)
        case ListOf() | MapOf() | Schema() | Unknown():
            return _checked(kind, _json_or_text(kind, text))
        case ImageType():
            raise ValueError("an image is read from a file")
        case _:
            assert_never(kind)


def _checked(kind: Type, value: Any) -> Any:
    problems = check_value(kind, value)
    if problems:
        raise ValueError("; ".join(problem.removeprefix("the value: ") for problem in problems))
    return complete(kind, value)


def _parsed(read: Any, text: str, what: str) -> Any:
    # int() and float() also take `1_000` and digits of other scripts; a person means neither.
    if not re.fullmatch(r"\s*[-+]?[0-9.eE+-]+\s*", text, re.ASCII):
        raise ValueError(f"{quoted(text)} is no {what}")
    try:
        return read(text)
    except ValueError:
        raise ValueError(f"{quoted(text)} is no {what}") from None


def _boolean(text: str) -> bool:
    match text.strip().lower():
        case "true" | "yes" | "1":
            return True
        case "false" | "no" | "0":
            return False
        case _:
            raise ValueError(f"{quoted(text)} is neither true nor false")


def _json_or_text(kind: Type, text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        if isinstance(kind, Unknown):
            return text
        raise ValueError(f"{quoted(text)} is no JSON; write it like {_sample(kind)}") from None
    if too_deep(value):
        raise ValueError(f"lists and maps are nested more than {DEPTH} levels deep")
    return value


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _sample(kind: Type) -> str:
    if isinstance(kind, ListOf):
        return '["a", "b"]' if isinstance(kind.item, Str | Enum) else "[1, 2]"
    return '{"name": "value"}'


DEPTH = 100
"""Levels of lists and maps in one value; every reader of the record can follow that many."""


def too_deep(value: Any) -> bool:
    """Whether lists and maps in a value are nested more than `DEPTH` levels deep."""
    level = [value]
    for _ in range(DEPTH):
        level = [child for node in level if isinstance(node, dict | list) for child in _children(node)]
        if not level:
            return False
    return any(isinstance(node, dict | list) for node in level)


def _children(node: dict[str, Any] | list[Any]) -> list[Any]:
    """Only what can be nested itself."""
    found = node.values() if isinstance(node, dict) else node
    return [child for child in found if isinstance(child, dict | list)]
