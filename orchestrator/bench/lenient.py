"""Reads what a model wrote that was given no grammar: as kindly as a person would, so that the comparison is fair."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.policy.grade import closed_choice
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
    choice = closed_choice(output)
    if choice is None:
        found = _number(text) if isinstance(output, Int | Number) else None
    else:
        found = _chosen(text, choice, output)
    if found is None or check_value(output, found):
        return None
    return complete(output, found)


def _chosen(text: str, choice: tuple[str, Bool | Enum], output: Type) -> Any:
    """The one answer that is named in the text; the reasons beside it stay empty."""
    name, kind = choice
    value = _named(text, kind)
    if value is None or not isinstance(output, MapOf):
        return value
    return {field.name: value if field.name == name else "" for field in output.fields}


def _named(text: str, kind: Bool | Enum) -> Any:
    if isinstance(kind, Enum):
        return _only(value for value in kind.values if _has(text, value))
    said = [any(_has(text, word) for word in words) for words in (_YES, _NO)]
    return said[0] if said[0] != said[1] else None


def _number(text: str) -> float | None:
    only = _only(iter({found[0] for found in _NUMBER.finditer(text)}))
    return None if only is None else float(only) if "." in only else int(only)


def _only(found: Iterator[str]) -> str | None:
    """The one that is there; None when there are several: nobody knows which is meant."""
    listed = list(found)
    return listed[0] if len(listed) == 1 else None


def _has(text: str, value: str) -> bool:
    pattern = re.escape(value).replace("_", "[_ ]")
    return re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None


__all__ = ["read_kindly"]
