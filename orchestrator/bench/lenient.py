"""Reads what a model wrote that was given no grammar: as kindly as a person would, so that the comparison is fair."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.policy.validate import Valid, read_answer
from orchestrator.spec.types import Bool, Enum, Int, MapOf, Number, Type
from orchestrator.spec.values import check_value, complete

_YES, _NO = ("yes", "true"), ("no", "false")
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def read_kindly(text: str, output: Type | None, schema: Mapping[str, Any] | None = None) -> Any:
    """The answer in a text; None when there is none.

    JSON in prose or a fence counts, and where one closed answer is asked for, so does its name among other words.
    """
    read = read_answer(text, output, schema)
    if isinstance(read, Valid):
        return read.value
    if output is None:
        return text.strip() or None
    found = _named(text, output)
    if found is None or check_value(output, found):
        return None
    return complete(output, found)


def _named(text: str, output: Type) -> Any:
    match output:
        case Enum(values):
            return _only(value for value in values if _has(text, value))
        case Bool():
            said = [any(_has(text, word) for word in words) for words in (_YES, _NO)]
            return said[0] if said[0] != said[1] else None
        case Int() | Number():
            numbers = {found[0] for found in _NUMBER.finditer(text)}
            only = _only(iter(numbers))
            return (
                None
                if only is None
                else float(only)
                if isinstance(output, Number) or "." in only
                else int(only)
            )
        case MapOf((field,)):
            inner = _named(text, field.type)
            return None if inner is None else {field.name: inner}
        case _:
            return None


def _only(found: Iterator[str]) -> str | None:
    """The one that is there; None when there are several: nobody knows which is meant."""
    listed = list(found)
    return listed[0] if len(listed) == 1 else None


def _has(text: str, value: str) -> bool:
    pattern = re.escape(value).replace("_", "[_ ]")
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


__all__ = ["read_kindly"]
