"""Reading data: fields, items, sizes and how a value prints into text. Only plain data is ever touched.

A field name always means the data: no attribute of a Python object is reachable from here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.errors import StepError, StepKind

TEXT_CAP = 10_000_000
"""Characters a rendered text may have."""
FUEL = 5_000_000
"""Loop passes, list elements and data nodes one evaluation may touch; the deadline, independent of the machine."""
TEXT_SHIFT = 6
"""Sixty-four characters of text count as much as one value."""
INT_BITS = 8192
"""Size of the largest whole number arithmetic may produce."""


class Frame:
    """One evaluation: the names it reads, the names it set itself, and what it may still spend."""

    __slots__ = ("context", "fuel", "names")

    def __init__(self, context: Mapping[str, Any]) -> None:
        self.context = context
        self.names: dict[str, Any] = {}
        self.fuel = FUEL

    def read(self, text: str) -> str:
        """The text itself, after its length was paid for."""
        self.burn(len(text) >> TEXT_SHIFT)
        return text

    def burn(self, amount: int) -> None:
        self.fuel -= amount
        if self.fuel < 0:
            raise StepError("template", f"the expression does too much: more than {FUEL:,} steps or values")


def fault(shown: str, problem: str, *, hint: str = "", kind: StepKind = "template") -> StepError:
    """The error of an expression; `shown` is the part of it that failed, as the user wrote it."""
    return StepError(kind, f"`{shown}`: {problem}", hint=hint)


def kind_of(value: Any) -> str:
    """What a value is, in a person's words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case Mapping():
            return "a map"
        case _:
            return f"no plain data ({type(value).__name__})"


def nearest(name: str, names: Sequence[str]) -> str:
    """`; did you mean 'x'?` or nothing."""
    from difflib import get_close_matches

    near = get_close_matches(name, names, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""


def get_field(value: Any, name: str, shown: str, *, safe: bool) -> Any:
    """`value.name`; null and missing give null when `safe`, else an error."""
    if isinstance(value, Mapping):
        if name in value:
            return value[name]
        if safe:
            return None
        keys = [str(key) for key in value]
        raise fault(f"{shown}.{name}", _no_field(name, shown, keys))
    if value is None:
        if safe:
            return None
        raise fault(f"{shown}.{name}", f"{shown} is null here", hint=_null_hint(f"{shown}.{name}"))
    problem = f"{shown} is {kind_of(value)} and has no field '{name}'"
    if isinstance(value, list | tuple):
        raise fault(
            f"{shown}.{name}", problem, hint=f"take one item ({shown}[0]) or `map(attribute='{name}')`"
        )
    raise fault(f"{shown}.{name}", problem)


def _no_field(name: str, shown: str, keys: list[str]) -> str:
    known = f" (it has {', '.join(keys[:12])})" if keys else " (it is empty)"
    return f"{shown} has no field '{name}'{nearest(name, keys) or known}"


def _null_hint(shown: str) -> str:
    return f"say what to use instead: {shown} | default(…), coalesce(…), or a `when:`"


def get_item(value: Any, key: Any, shown: str, *, safe: bool) -> Any:
    """`value[key]`: a field of a map, an element of a list, a character of a text."""
    if isinstance(value, Mapping) or value is None:
        if not isinstance(key, str):
            if value is None and safe:
                return None
            problem = (
                f"{shown} is null here" if value is None else f"a map has fields by name, not by {key!r}"
            )
            raise fault(f"{shown}[…]", problem)
        return get_field(value, key, shown, safe=safe)
    if not isinstance(value, list | tuple | str):
        raise fault(f"{shown}[…]", f"{shown} is {kind_of(value)} and has no items")
    if isinstance(key, bool) or not isinstance(key, int):
        raise fault(
            f"{shown}[…]", f"{shown} is {kind_of(value)}: its items have whole numbers, not {kind_of(key)}"
        )
    if -len(value) <= key < len(value):
        return value[key]
    if safe:
        return None
    raise fault(f"{shown}[{key}]", f"{shown} has {len(value)} items, there is no item {key}")


def weigh(frame: Frame, value: Any) -> Any:
    """The value itself, after its nodes were paid for: lists of lists of lists must not explode."""
    stack = [value]
    while stack:
        node = stack.pop()
        frame.burn(1)
        if isinstance(node, dict):
            frame.burn(len(node))
            stack.extend(child for child in node.values() if isinstance(child, dict | list))
        elif isinstance(node, list):
            frame.burn(len(node))
            stack.extend(child for child in node if isinstance(child, dict | list))
    return value


def to_text(value: Any, shown: str) -> str:
    """How a value stands in text: text as it is, true/false, maps and lists as compact JSON; null is an error."""
    match value:
        case str():
            return value
        case None:
            raise fault(shown, "null cannot be printed into text", hint=_null_hint(shown))
        case bool():
            return "true" if value else "false"
        case float():
            return float_text(value, shown)
        case int():
            return str(value)
        case list() | dict() | tuple() | Mapping():
            return to_json(value, shown)
        case _:
            raise fault(shown, f"this is {kind_of(value)} and cannot be printed")


def float_text(value: float, shown: str) -> str:
    """The shortest text of the number, without the noise of binary fractions (0.1 + 0.2 is 0.3)."""
    if not math.isfinite(value):
        raise fault(shown, "this is no finite number")
    exact = repr(value)
    if len(exact) <= 16:
        return exact
    short = f"{value:.15g}"
    return short if "." in short or "e" in short else f"{short}.0"


def to_json(value: Any, shown: str, indent: int | None = None) -> str:
    """Compact JSON, readable (not ASCII-escaped); what is no JSON is an error."""
    separators = (",", ":") if indent is None else (",", ": ")
    try:
        return json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=separators, indent=indent, default=_plain
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise fault(shown, f"this cannot be written as JSON: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"it holds {kind_of(value)}")


def capped(text: str, shown: str) -> str:
    if len(text) > TEXT_CAP:
        raise fault(shown, f"the text grows beyond {TEXT_CAP:,} characters")
    return text
