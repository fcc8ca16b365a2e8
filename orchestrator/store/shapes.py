"""What rows know of the kinds of events: the letter of each, its fields by position, and what may stand in them.

Letters and positions are the format of the record: a letter is never given anew, a field is appended and never moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import cache
from operator import attrgetter
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from orchestrator.events import Event

LETTERS: Mapping[str, str] = {
    "run.started": "R",
    "run.resumed": "U",
    "run.waiting": "W",
    "run.interrupted": "I",
    "run.failed": "X",
    "run.finished": "Z",
    "model.ready": "m",
    "step.started": "s",
    "step.finished": "f",
    "step.skipped": "k",
    "step.failed": "x",
    "attempt.started": "a",
    "attempt.finished": "e",
    "decided": "d",
    "call.started": "c",
    "call.finished": "g",
    "retrieved": "l",
    "ask.opened": "q",
    "ask.answered": "y",
    "warned": "w",
}
_COLUMNS = frozenset({"at", "kind", "path"})


class Shape(NamedTuple):
    """One kind. `names` are the fields without a column of their own, in order; `values` reads time, path and them."""

    cls: Callable[..., Event]
    kind: str
    letter: str
    names: tuple[str, ...]
    size: int
    values: Callable[[Event], tuple[Any, ...]]
    first: int
    """Where the fields begin in what `values` gives, behind the time and the path."""
    bare: int
    """Where those begin that mostly hold what is left out."""
    ending: tuple[Any, ...]
    tail: tuple[Any, ...]
    """By position: the value that is left out where nothing else follows."""
    required: int
    """So many fields have no default; None is put where a row leaves one of them out."""
    has_path: bool
    path_second: bool
    allowed: tuple[frozenset[type], ...]
    """By position: the types of JSON values that stand there; empty for any."""
    inner: tuple[tuple[int, Callable[[Any], bool]], ...]
    """What else must be true of a value there."""
    tuples: tuple[int, ...]
    facts: int | None
    messages: int | None


@cache
def by_class() -> Mapping[type, Shape]:
    return {cls: _shape(cls) for cls in get_args(Event)}


@cache
def by_letter() -> Mapping[str, Shape]:
    return {shape.letter: shape for shape in by_class().values()}


@cache
def by_kind() -> Mapping[str, Shape]:
    return {shape.kind: shape for shape in by_class().values()}


def kind_of(stored: str) -> str:
    """The kind behind what stands in a row; what is none stays as it is."""
    found = by_letter().get(stored)
    return found.kind if found else stored


def stored(kinds: Iterable[str]) -> list[str]:
    """What stands in the rows of events of these kinds, of today's stores and of older ones."""
    return [form for kind in kinds for form in (LETTERS[kind], kind)]


def _shape(cls: type[Any]) -> Shape:
    known = fields(cls)
    mine = tuple(f for f in known if f.name not in _COLUMNS)
    names = tuple(f.name for f in mine)
    kind = next(str(f.default) for f in known if f.name == "kind")
    hints = get_type_hints(cls)
    inner = ((index, _inner(hints[name])) for index, name in enumerate(names))
    has_path = "path" in hints
    first = 2 if has_path else 1
    tail = tuple(None if f.default is MISSING else f.default for f in mine)
    bare = _bare(mine, [hints[name] for name in names])
    return Shape(
        cls=cls,
        kind=kind,
        letter=LETTERS[kind],
        names=names,
        size=len(names),
        values=attrgetter("at", *(("path",) if has_path else ()), *names),
        first=first,
        bare=first + bare,
        ending=tail[bare:],
        tail=tail,
        required=sum(f.default is MISSING and f.default_factory is MISSING for f in mine),
        has_path=has_path,
        path_second=known[1].name == "path",
        allowed=tuple(_types(hints[name]) for name in names),
        inner=tuple((index, check) for index, check in inner if check is not None),
        tuples=tuple(index for index, name in enumerate(names) if get_origin(hints[name]) is tuple),
        facts=names.index("facts") if "facts" in names else None,
        messages=names.index("messages") if "messages" in names else None,
    )


def _bare(mine: Sequence[Field[Any]], hints: Sequence[Any]) -> int:
    """So many fields come before the ending of those that have a default or may be None."""
    count = len(mine)
    while count and (mine[count - 1].default is not MISSING or NoneType in get_args(hints[count - 1])):
        count -= 1
    return count


def _types(hint: Any) -> frozenset[type]:
    """The JSON types of a field, empty for any."""
    origin = get_origin(hint)
    if hint is Any:
        return frozenset()
    if origin is Literal:
        return frozenset({str})
    if origin is tuple:
        return frozenset({list})
    if origin is not None and issubclass(origin, Mapping):
        return frozenset({dict})
    if origin is UnionType:
        return frozenset().union(*map(_types, get_args(hint)))
    return frozenset({hint})


def _inner(hint: Any) -> Callable[[Any], bool] | None:
    """What the type of the value does not say yet: which words, and what the elements are."""
    origin, inside = get_origin(hint), get_args(hint)
    if origin is Literal:
        return frozenset(inside).__contains__
    if origin is tuple:
        return _each(_types(inside[0]))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        return None if inside[1] is Any else _each_value(_types(inside[1]))
    if origin is UnionType and NoneType in inside:
        (other,) = (one for one in inside if one is not NoneType)
        check = _inner(other)
        return None if check is None else lambda value: value is None or check(value)
    return None


def _each(allowed: frozenset[type]) -> Callable[[Any], bool]:
    return lambda values: all(type(value) in allowed for value in values)


def _each_value(allowed: frozenset[type]) -> Callable[[Any], bool]:
    return lambda values: all(type(value) in allowed for value in values.values())
