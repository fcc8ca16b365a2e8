"""What the record holds of the arguments of a call: all of them, but of what is very large only what it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

LARGE = 100_000
"""Characters of JSON above which a value stands in the record as its size and digest."""


def abridged(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as the record holds them: a table of a million rows is not written down at each call."""
    return {name: _abridged(value) for name, value in arguments.items()}


def is_large(value: Any) -> bool:
    return len(json.dumps(value, ensure_ascii=False)) > LARGE


def _abridged(value: Any) -> Any:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= LARGE:
        return value
    if isinstance(value, Mapping):
        return {name: _abridged(inner) for name, inner in value.items()}
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
    what = f"text of {len(value):,} characters" if isinstance(value, str) else f"list of {len(value):,} items"
    return f"[{what}, sha256 {digest}]"


__all__ = ["LARGE", "abridged", "is_large"]
