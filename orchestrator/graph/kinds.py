"""The algebra of types that inference needs: joining, widening, fitting, and what fields a type has. Pure functions.

Three kinds exist only while checking: `Row`, a list whose positions are known (an item of `zip`), `Lit`,
a text known to the letter, and `Perhaps`. They are ordinary types to everybody else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from orchestrator.spec.types import (
    Bool,
    Date,
    Enum,
    Field,
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

UNKNOWN = Unknown()
NULL = Nullable(UNKNOWN)
TEXT = Str(None)
BOOL = Bool()
INT = Int()
COUNT = Int(0, None)
NUMBER = Number()

_IMAGE = MapOf(
    (
        Field("name", TEXT),
        Field("path", TEXT),
        Field("media_type", TEXT),
        Field("sha256", TEXT),
        Field("size", COUNT),
    )
)


@dataclass(frozen=True, slots=True)
class Row(ListOf):
    """A list with one known type per position."""

    items: tuple[Type, ...] = ()


@dataclass(frozen=True, slots=True)
class Lit(Enum):
    """A constant text; an Enum of one value until it is named."""


@dataclass(frozen=True, slots=True)
class Perhaps(Nullable):
    """Null only for an empty list (`reduce`): passed on to readers like any null, but nobody must prepare for it."""


def row(items: Iterable[Type]) -> Row:
    parts = tuple(items)
    return Row(join_all(widen(part) for part in parts), len(parts), len(parts), parts)


def list_of(item: Type) -> ListOf:
    return ListOf(item, 0, None)


def literal(value: Any) -> Type:
    """The type of a constant."""
    match value:
        case None:
            return NULL
        case bool():
            return BOOL
        case int():
            return Int(value, value)
        case float():
            return NUMBER
        case str():
            return Lit((value,))
        case list() | tuple():
            return row(literal(part) for part in value)
        case Mapping():
            return MapOf(tuple(Field(str(key), literal(part)) for key, part in value.items()))
        case _:
            return UNKNOWN


def widen(kind: Type) -> Type:
    """What a named constant is to its readers: a text, a number; not that very one."""
    match kind:
        case Lit():
            return TEXT
        case Int(low, high) if low == high and low is not None:
            return INT
        case Perhaps(inner):
            return Perhaps(widen(inner))
        case Nullable(inner):
            return nullable(widen(inner))
        case Row():
            return row(widen(part) for part in kind.items)
        case ListOf(item, low, high):
            return ListOf(widen(item), low, high)
        case MapOf(fields):
            return MapOf(tuple(Field(f.name, widen(f.type), f.optional) for f in fields))
        case _:
            return kind


LARGEST = 2000
"""Parts a type may have. One that is made of itself twice, step by step, would double with each."""


def bounded(kind: Type) -> Type:
    """The type, or Unknown when it has more than LARGEST parts."""
    left, stack = LARGEST, [kind]
    while stack:
        left -= 1
        if left < 0:
            return UNKNOWN
        match stack.pop():
            case Nullable(inner):
                stack.append(inner)
            case Row(item, _, _, items):
                stack.append(item)
                stack.extend(items)
            case ListOf(item, _, _):
                stack.append(item)
            case MapOf(fields):
                stack.extend(field.type for field in fields)
            case _:
                pass
    return kind


def nullable(kind: Type) -> Type:
    if isinstance(kind, Perhaps):
        return Nullable(kind.type)
    return kind if isinstance(kind, Nullable) else Nullable(kind)


def present(kind: Type) -> Type:
    """The type when it is not null."""
    return kind.type if isinstance(kind, Nullable) else kind


def is_null(kind: Type) -> bool:
    return kind == NULL


def join(left: Type, right: Type) -> Type:
    """A type of which both are; Unknown where there is none."""
    if left == right:
        return left
    if isinstance(left, Perhaps) or isinstance(right, Perhaps):
        left, right = (kind.type if isinstance(kind, Perhaps) else kind for kind in (left, right))
        return join(left, right)
    if isinstance(left, Nullable) or isinstance(right, Nullable):
        if is_null(left):
            return nullable(right)
        if is_null(right):
            return nullable(left)
        return nullable(join(present(left), present(right)))
    match left, right:
        case Enum(), Enum():
            return Enum(tuple(dict.fromkeys((*left.values, *right.values))))
        case Str(a), Str(b):
            return Str(None if a is None or b is None else max(a, b))
        case (Str(), Enum() | Date()) | (Enum() | Date(), Str()):
            return TEXT
        case Int(), Int():
            return Int(_least(left.low, right.low), _most(left.high, right.high))
        case (Int(), Number()) | (Number(), Int()):
            return NUMBER
        case ListOf(), ListOf():
            return _joined_lists(left, right)
        case MapOf(), MapOf():
            return _joined_maps(left, right)
        case _:
            return UNKNOWN


def _joined_lists(left: ListOf, right: ListOf) -> Type:
    if left.high == 0:
        return right
    if right.high == 0:
        return left
    if isinstance(left, Row) and isinstance(right, Row) and len(left.items) == len(right.items):
        return row(join(a, b) for a, b in zip(left.items, right.items, strict=True))
    return list_of(join(left.item, right.item))


def _joined_maps(left: MapOf, right: MapOf) -> Type:
    if {f.name for f in left.fields} != {f.name for f in right.fields}:
        return UNKNOWN
    fields = []
    for field in left.fields:
        other = right.field(field.name)
        assert other is not None
        fields.append(Field(field.name, join(field.type, other.type), field.optional or other.optional))
    return MapOf(tuple(fields))


def _least(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else min(left, right)


def _most(left: int | None, right: int | None) -> int | None:
    return None if left is None or right is None else max(left, right)


def join_all(kinds: Iterable[Type]) -> Type:
    parts = list(kinds)
    return reduce(join, parts) if parts else UNKNOWN


def view(kind: Type) -> Type:
    """The type as far as its inside is known: an image as its map, a JSON Schema as what it spells out."""
    match kind:
        case ImageType():
            return _IMAGE
        case Schema(_, schema):
            return from_schema(schema)
        case _:
            return kind


def from_schema(schema: Any, depth: int = 0) -> Type:
    """A JSON Schema as a type, where it says exactly one; Unknown where it leaves anything open."""
    if not isinstance(schema, Mapping) or depth > 16 or any(key in schema for key in _OPEN):
        return UNKNOWN
    values = schema.get("enum")
    if isinstance(values, list):
        return Enum(tuple(values)) if values and all(isinstance(v, str) for v in values) else UNKNOWN
    match schema.get("type"):
        case "object":
            return _closed_map(schema, depth)
        case "array":
            return list_of(from_schema(schema.get("items"), depth + 1))
        case "string":
            return TEXT
        case "integer":
            return INT
        case "number":
            return NUMBER
        case "boolean":
            return BOOL
        case _:
            return UNKNOWN


_OPEN = ("$ref", "$dynamicRef", "anyOf", "oneOf", "allOf", "not", "if", "patternProperties")


def _closed_map(schema: Mapping[str, Any], depth: int) -> Type:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or schema.get("additionalProperties") is not False:
        return UNKNOWN
    required = schema.get("required") or ()
    fields = (
        Field(str(name), from_schema(part, depth + 1), name not in required)
        for name, part in properties.items()
    )
    return MapOf(tuple(fields))


def base(kind: Type) -> str:
    """The word for what a value is when it runs; empty where nobody knows."""
    match view(kind):
        case Str() | Enum() | Date():
            return "text"
        case Int() | Number():
            return "a number"
        case Bool():
            return "true or false"
        case ListOf():
            return "a list"
        case MapOf():
            return "a map"
        case _:
            return ""


def misfit(actual: Type, wanted: Type, where: str = "") -> str:
    """Why a value of one type can never be one of the other; empty where it can."""
    if isinstance(actual, Unknown) or isinstance(wanted, Unknown | Schema) or is_null(wanted):
        return ""
    if isinstance(wanted, Nullable):
        return "" if is_null(actual) else misfit(present(actual), wanted.type, where)
    if isinstance(actual, Perhaps):
        return misfit(actual.type, wanted, where)
    if isinstance(actual, Nullable):
        return f"{_of(where)} can be null"
    wanted, actual = view(wanted), view(actual)
    match actual, wanted:
        case (Unknown(), _) | (_, Unknown()):
            return ""
        case Enum(), Enum():
            wrong = [value for value in actual.values if value not in wanted.values]
            return (
                f"{_of(where)} can be '{wrong[0]}', which is none of {', '.join(wanted.values)}"
                if wrong
                else ""
            )
        case Lit(), Str(limit) if limit is not None and len(actual.values[0]) > limit:
            return f"{_of(where)} has {len(actual.values[0])} characters, more than {limit}"
        case Lit(), Date():
            return "" if _is_date(actual.values[0]) else f"{_of(where)} is no date like 2026-01-31"
        case Int(), Int():
            return _out_of_range(actual, wanted, where)
        case MapOf(), MapOf():
            return _map_misfit(actual, wanted, where)
        case ListOf(), ListOf():
            return "" if actual.high == 0 else misfit(actual.item, wanted.item, f"an item of {where or 'it'}")
        case _:
            found, needed = base(actual), base(wanted)
            return f"{_of(where)} is {found}, not {needed}" if found and needed and found != needed else ""


def _of(where: str) -> str:
    return where or "it"


def _is_date(text: str) -> bool:
    from datetime import date

    try:
        return bool(date.fromisoformat(text)) and len(text) == 10
    except ValueError:
        return False


def _out_of_range(actual: Int, wanted: Int, where: str) -> str:
    if actual.low is not None and wanted.high is not None and actual.low > wanted.high:
        return f"{_of(where)} is {actual.low}, more than {wanted.high}"
    if actual.high is not None and wanted.low is not None and actual.high < wanted.low:
        return f"{_of(where)} is {actual.high}, less than {wanted.low}"
    return ""


def _map_misfit(actual: MapOf, wanted: MapOf, where: str) -> str:
    prefix = f"{where}." if where else ""
    for field in wanted.fields:
        found = actual.field(field.name)
        if found is None:
            if not field.optional:
                return f"{prefix}{field.name} is missing"
            continue
        needed = nullable(field.type) if field.optional else field.type
        reason = misfit(found.type, needed, f"{prefix}{field.name}")
        if reason:
            return reason
    extra = next((f.name for f in actual.fields if wanted.field(f.name) is None), None)
    return f"{prefix}{extra} is not asked for" if extra is not None else ""
