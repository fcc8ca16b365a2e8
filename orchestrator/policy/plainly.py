"""The short way of most answers: what is plainly as it was asked for is read at once, and nothing is said of the rest.

`validate.read_answer` knows everything that can be wrong with an answer, and takes four times as long. A reader here
is made once per type and gives `DOUBTFUL` for whatever is not plain; that is then read there. Where it gives a value,
`read_answer` would give the same one: a law that the tests hold.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

from orchestrator.policy.refused import may_refuse
from orchestrator.policy.repeated import repeats
from orchestrator.policy.validate import FREE_TEXT, SIZE_CAP, scan_json, whole_characters
from orchestrator.spec.types import Bool, Date, Enum, Int, ListOf, MapOf, Nullable, Number, Str, Type
from orchestrator.spec.values import DEPTH, is_date

DOUBTFUL: Final = object()
"""In the place of a value: the answer has to be looked at closely."""
Fit: TypeAlias = "Callable[[Any], Any]"
"""The value itself, with every field in its place, or DOUBTFUL."""
_SURE = 2**53
"""Numbers up to here are the same as whole numbers and as fractions."""


@lru_cache(maxsize=1024)
def reader_of(output: Type | None) -> Callable[[str], Any]:
    """The reader of answers of one type: from the text of a finished answer to its value, or DOUBTFUL."""
    if output is None:
        return _read_text
    fit = _fit(output)
    return _doubt if fit is None else _read_typed(fit)


def _doubt(_: Any) -> Any:
    return DOUBTFUL


def _read_text(text: str) -> Any:
    bare = text.strip()
    return _prose(bare) if bare and _is_whole(bare) else DOUBTFUL


def _read_typed(fit: Fit) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        bare = text.strip()
        if len(bare) > SIZE_CAP or not _is_whole(bare):
            return DOUBTFUL
        if "\\" in bare and ("\\ud" in bare or "\\uD" in bare):
            return DOUBTFUL
        found = scan_json(bare)
        if found is None or found[1] != len(bare):
            return DOUBTFUL
        # What is shorter than twice the allowed depth cannot be nested more deeply.
        if len(bare) > 2 * DEPTH and bare.count("{") + bare.count("[") > DEPTH:
            return DOUBTFUL
        return fit(found[0])

    return read


def _is_whole(text: str) -> bool:
    """Whether no halves of surrogate pairs are in it."""
    return text.isascii() or whole_characters(text) is text


def _prose(text: str) -> Any:
    """A text in which nobody declines, and that does not repeat itself."""
    return DOUBTFUL if may_refuse(text) or repeats(text) else text


# ------------------------------------------------------------------------------------------- one per type


def _fit(kind: Type) -> Fit | None:
    """None for types that only `check_value` can tell."""
    match kind:
        case Str(limit):
            return _fit_text(limit)
        case Int(low, high):
            return _fit_number((int,), -_SURE if low is None else low, _SURE if high is None else high)
        case Number():
            return _fit_number((int, float), -_SURE, _SURE)
        case Bool():
            return lambda value: value if value is True or value is False else DOUBTFUL
        case Date():
            return lambda value: value if is_date(value) else DOUBTFUL
        case Enum(values):
            return _fit_choice(frozenset(values))
        case Nullable(inner):
            return _fit_nullable(_fit(inner))
        case ListOf(item, low, high):
            return _fit_list(_fit(item), low, high)
        case MapOf():
            return _fit_map(kind)
        case _:
            return None


def _fit_text(limit: int | None) -> Fit:
    longest = SIZE_CAP if limit is None else limit
    if longest < FREE_TEXT:
        return lambda value: value if type(value) is str and len(value) <= longest else DOUBTFUL
    return lambda value: _prose(value) if type(value) is str and len(value) <= longest else DOUBTFUL


def _fit_number(types: tuple[type, ...], low: float, high: float) -> Fit:
    return lambda value: value if type(value) in types and low <= value <= high else DOUBTFUL


def _fit_choice(values: frozenset[str]) -> Fit:
    return lambda value: value if type(value) is str and value in values else DOUBTFUL


def _fit_nullable(inner: Fit | None) -> Fit | None:
    if inner is None:
        return None
    return lambda value: None if value is None else inner(value)


def _fit_list(item: Fit | None, low: int, high: int | None) -> Fit | None:
    if item is None:
        return None
    most = SIZE_CAP if high is None else high

    def fit(value: Any) -> Any:
        if type(value) is not list or not low <= len(value) <= most:
            return DOUBTFUL
        made = [item(one) for one in value]
        return DOUBTFUL if DOUBTFUL in made else made

    return fit


def _fit_map(kind: MapOf) -> Fit | None:
    fits: list[tuple[str, Fit]] = []
    for field in kind.fields:
        inner = _fit(field.type)
        if inner is None:
            return None
        fits.append((field.name, inner))
    optional = frozenset(field.name for field in kind.fields if field.optional)

    def fit(value: Any) -> Any:
        if type(value) is not dict:
            return DOUBTFUL
        made: dict[str, Any] = {}
        strange = len(value)
        for name, inner in fits:
            part = value.get(name, DOUBTFUL)
            strange -= part is not DOUBTFUL
            if name in optional and (part is DOUBTFUL or part is None):
                made[name] = None
                continue
            part = inner(part)
            if part is DOUBTFUL:
                return DOUBTFUL
            made[name] = part
        return DOUBTFUL if strange else made

    return fit


__all__ = ["DOUBTFUL", "reader_of"]
