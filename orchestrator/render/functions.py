"""The functions of the language: `zip`, `len`, `range` and `coalesce`. Everything else is a filter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.errors import StepError
from orchestrator.render.access import Frame, kind_of, weigh
from orchestrator.render.describe import Description, Misuse, describe
from orchestrator.render.lists import length

RANGE_CAP = 100_000


def len_(frame: Frame, _: None, value: Any) -> int:
    """How many items, fields or characters there are."""
    return length(frame, value)


def zip_(frame: Frame, _: None, *args: Any) -> list[Any]:
    """Lists of the same length, side by side: one list of the items at each position."""
    for value in args:
        if not isinstance(value, list | tuple):
            raise Misuse(f"needs lists, not {kind_of(value)}")
    sizes = [len(value) for value in args]
    if len(set(sizes)) > 1:
        counts = " and ".join(str(size) for size in sizes)
        raise StepError("items", f"zip needs lists of the same length; these have {counts} items")
    frame.burn(sum(sizes))
    return list(weigh(frame, [list(row) for row in zip(*args, strict=True)]))


def range_(frame: Frame, _: None, *args: Any) -> list[int]:
    """The whole numbers from 0, or from a first one, to before the last."""
    if not 1 <= len(args) <= 3 or any(isinstance(arg, bool) or not isinstance(arg, int) for arg in args):
        raise Misuse("takes one to three whole numbers")
    found = range(*args)
    if len(found) > RANGE_CAP:
        raise Misuse(f"makes more than {RANGE_CAP:,} numbers")
    frame.burn(len(found))
    return list(found)


def coalesce(_: Frame, __: None, *args: Any) -> Any:
    """The first value that is neither null nor missing."""
    return next((value for value in args if value is not None), None)


FUNCTIONS: Mapping[str, Description] = {
    "len": describe("len", len_, returns="int"),
    "zip": describe("zip", zip_, returns="list"),
    "range": describe("range", range_, returns="list"),
    "coalesce": describe("coalesce", coalesce, returns="any", null_safe=True),
}
"""Every function by name."""
