"""Taking the arguments of filters: the text, list or number they need, or a Misuse that says what came instead."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.render.access import Frame, kind_of, to_text
from orchestrator.render.describe import Misuse

WIDTH_CAP = 100_000


def text_of(value: Any) -> str:
    """The text a text filter works on; numbers and true/false print first, as in `{{ }}`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return to_text(value, "the value")
    raise Misuse(f"needs text, not {kind_of(value)}")


def list_of(frame: Frame, value: Any) -> list[Any]:
    if isinstance(value, list | tuple):
        frame.burn(len(value))
        return value if isinstance(value, list) else list(value)
    hint = "; `x | items` lists a map's pairs" if isinstance(value, Mapping) else ""
    raise Misuse(f"needs a list, not {kind_of(value)}{hint}")


def number_of(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    raise Misuse(f"needs a number, not {kind_of(value)}")


def count_of(value: Any, what: str, low: int = 0) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= WIDTH_CAP:
        raise Misuse(f"{what} must be a whole number from {low} to {WIDTH_CAP:,}")
    return value
