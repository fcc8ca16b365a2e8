"""The tests of the language (`x is even`): an explicit list of pure functions on plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.render.access import Frame, kind_of
from orchestrator.render.describe import Description, Misuse, describe


def defined(_: Frame, value: Any) -> bool:
    """There is a value: neither null nor missing."""
    return value is not None


def undefined(_: Frame, value: Any) -> bool:
    """Null or missing."""
    return value is None


def true(_: Frame, value: Any) -> bool:
    """Exactly true."""
    return value is True


def false(_: Frame, value: Any) -> bool:
    """Exactly false."""
    return value is False


def boolean(_: Frame, value: Any) -> bool:
    """True or false."""
    return isinstance(value, bool)


def string(_: Frame, value: Any) -> bool:
    """Text."""
    return isinstance(value, str)


def number(_: Frame, value: Any) -> bool:
    """A number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def integer(_: Frame, value: Any) -> bool:
    """A whole number."""
    return isinstance(value, int) and not isinstance(value, bool)


def float_(_: Frame, value: Any) -> bool:
    """A number with a fraction."""
    return isinstance(value, float)


def mapping(_: Frame, value: Any) -> bool:
    """A map."""
    return isinstance(value, Mapping)


def sequence(_: Frame, value: Any) -> bool:
    """A list or text."""
    return isinstance(value, list | tuple | str)


def iterable(_: Frame, value: Any) -> bool:
    """A list, a map or text."""
    return isinstance(value, list | tuple | str | Mapping)


def lower(_: Frame, value: Any) -> bool:
    """Text in small letters."""
    return isinstance(value, str) and value.islower()


def upper(_: Frame, value: Any) -> bool:
    """Text in capital letters."""
    return isinstance(value, str) and value.isupper()


def even(_: Frame, value: Any) -> bool:
    """A number divisible by two."""
    return _whole(value) % 2 == 0


def odd(_: Frame, value: Any) -> bool:
    """A number not divisible by two."""
    return _whole(value) % 2 == 1


def divisibleby(_: Frame, value: Any, num: Any) -> bool:
    """A number divisible by `num`."""
    return _whole(value) % _whole(num) == 0


def _whole(value: Any) -> int:
    if isinstance(value, int):
        return value
    raise Misuse(f"needs a whole number, not {kind_of(value)}")


def equal(_: Frame, value: Any, other: Any) -> bool:
    """The same value."""
    return bool(value == other)


def unequal(_: Frame, value: Any, other: Any) -> bool:
    """Another value."""
    return bool(value != other)


def less(_: Frame, value: Any, other: Any) -> bool:
    """Smaller than the other."""
    return bool(ordered(value, other) and value < other)


def at_most(_: Frame, value: Any, other: Any) -> bool:
    """Smaller than the other, or equal."""
    return bool(ordered(value, other) and value <= other)


def greater(_: Frame, value: Any, other: Any) -> bool:
    """Larger than the other."""
    return bool(ordered(value, other) and value > other)


def at_least(_: Frame, value: Any, other: Any) -> bool:
    """Larger than the other, or equal."""
    return bool(ordered(value, other) and value >= other)


def contained(_: Frame, value: Any, seq: Any) -> bool:
    """An item of the list, a part of the text, a key of the map."""
    return contains(seq, value)


def ordered(left: Any, right: Any) -> bool:
    """True where the two can be told larger and smaller; raises Misuse where not."""
    if isinstance(left, int | float) and isinstance(right, int | float):
        return True
    if isinstance(left, str) and isinstance(right, str):
        return True
    raise Misuse(f"{kind_of(left)} and {kind_of(right)} cannot be ordered")


def contains(holder: Any, value: Any) -> bool:
    if isinstance(holder, str):
        if isinstance(value, str):
            return value in holder
        raise Misuse(f"{kind_of(value)} cannot be part of a text")
    if isinstance(holder, list | tuple):
        return value in holder
    if isinstance(holder, Mapping):
        return isinstance(value, str) and value in holder
    raise Misuse(f"nothing can be in {kind_of(holder)}")


_NAMES: Mapping[str, Callable[..., bool]] = {
    "defined": defined, "undefined": undefined, "none": undefined, "null": undefined, "true": true, "false": false,
    "boolean": boolean, "string": string, "number": number, "integer": integer, "float": float_,
    "mapping": mapping, "sequence": sequence, "iterable": iterable, "lower": lower, "upper": upper,
    "even": even, "odd": odd, "divisibleby": divisibleby, "in": contained,
    "eq": equal, "equalto": equal, "==": equal, "ne": unequal, "!=": unequal,
    "lt": less, "lessthan": less, "<": less, "le": at_most, "<=": at_most,
    "gt": greater, "greaterthan": greater, ">": greater, "ge": at_least, ">=": at_least,
}  # fmt: skip
_NULL_SAFE = frozenset({"defined", "undefined", "none", "null"})

TESTS: Mapping[str, Description] = {
    name: describe(name, run, returns="bool", null_safe=name in _NULL_SAFE) for name, run in _NAMES.items()
}
"""Every test by name."""
