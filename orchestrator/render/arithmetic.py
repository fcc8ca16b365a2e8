"""Arithmetic and text joining with bounds: no result grows beyond what a workflow can mean."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from orchestrator.render.access import INT_BITS, TEXT_CAP, Frame, kind_of, weigh
from orchestrator.render.describe import Misuse

Binary = Callable[[Frame, Any, Any], Any]


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise Misuse("the result is no finite number")
    if isinstance(value, int) and value.bit_length() > INT_BITS:
        raise Misuse("the result is too large")
    return value


def _numbers(left: Any, right: Any, sign: str) -> None:
    for value in (left, right):
        if not isinstance(value, int | float):
            raise Misuse(f"{sign} needs numbers, not {kind_of(value)}")


def add(frame: Frame, left: Any, right: Any) -> Any:
    if isinstance(left, str) and isinstance(right, str):
        return frame.read(_joined(left, right))
    if isinstance(left, list | tuple) and isinstance(right, list | tuple):
        frame.burn(len(left) + len(right))
        return weigh(frame, [*left, *right])
    if isinstance(left, str) or isinstance(right, str):
        raise Misuse(f"+ cannot join {kind_of(left)} and {kind_of(right)}; ~ joins anything as text")
    _numbers(left, right, "+")
    return _finite(left + right)


def _joined(left: str, right: str) -> str:
    if len(left) + len(right) > TEXT_CAP:
        raise Misuse(f"the text grows beyond {TEXT_CAP:,} characters")
    return left + right


def multiply(frame: Frame, left: Any, right: Any) -> Any:
    if isinstance(left, int) and isinstance(right, str):
        left, right = right, left
    if isinstance(left, str) and isinstance(right, int):
        if len(left) * right > TEXT_CAP:
            raise Misuse(f"the text grows beyond {TEXT_CAP:,} characters")
        return frame.read(left * right)
    _numbers(left, right, "*")
    if isinstance(left, int) and isinstance(right, int) and left.bit_length() + right.bit_length() > INT_BITS:
        raise Misuse("the result is too large")
    return _finite(left * right)


def power(_: Frame, left: Any, right: Any) -> Any:
    _numbers(left, right, "**")
    if isinstance(left, int) and isinstance(right, int) and abs(left) > 1:
        if right > INT_BITS or left.bit_length() * right > INT_BITS:
            raise Misuse("the result is too large")
        if -right > INT_BITS:
            return 0.0
    result = left**right
    if isinstance(result, complex):
        raise Misuse("the root of a negative number is no number")
    return _finite(result)


def _divided(sign: str, run: Callable[[Any, Any], Any]) -> Binary:
    def divide(_: Frame, left: Any, right: Any) -> Any:
        if sign == "%" and isinstance(left, str):
            raise Misuse("% needs numbers; `'…' | format(…)` fills a text")
        _numbers(left, right, sign)
        if right == 0:
            raise Misuse("division by zero")
        return _finite(run(left, right))

    return divide


def _subtract(_: Frame, left: Any, right: Any) -> Any:
    _numbers(left, right, "-")
    return _finite(left - right)


BINARY: Mapping[str, Binary] = {
    "+": add,
    "-": _subtract,
    "*": multiply,
    "**": power,
    "/": _divided("/", operator.truediv),
    "//": _divided("//", operator.floordiv),
    "%": _divided("%", operator.mod),
}


def negative(value: Any, sign: str) -> Any:
    if not isinstance(value, int | float):
        raise Misuse(f"{sign} needs a number, not {kind_of(value)}")
    return -value if sign == "-" else +value
