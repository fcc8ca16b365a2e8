"""Output types: the small algebra behind `output:`, `inputs:`, `takes:` and `rows:`. Pure values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Str:
    """Text of at most `limit` characters; None means unbounded (inputs and values, never model output)."""

    limit: int | None = 200


@dataclass(frozen=True, slots=True)
class Int:
    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Number:
    pass


@dataclass(frozen=True, slots=True)
class Bool:
    pass


@dataclass(frozen=True, slots=True)
class Date:
    """An ISO date, `2026-01-31`."""


@dataclass(frozen=True, slots=True)
class Enum:
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ListOf:
    item: Type
    low: int = 0
    high: int | None = 20


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    type: Type
    optional: bool = False


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map with exactly these fields."""

    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        return next((f for f in self.fields if f.name == name), None)


@dataclass(frozen=True, slots=True)
class Schema:
    """A JSON Schema from a file (`output: {schema: path.json}`); opaque to the checker beyond its top properties."""

    path: str
    schema: Any = field(default=None, hash=False)


@dataclass(frozen=True, slots=True)
class ImageType:
    """An image input."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything: the checker does not look inside."""


@dataclass(frozen=True, slots=True)
class Nullable:
    """A value that may be null (a step that can be skipped, an item that may fail, an optional field)."""

    type: Type


Type: TypeAlias = (
    Str | Int | Number | Bool | Date | Enum | ListOf | MapOf | Schema | ImageType | Unknown | Nullable
)
