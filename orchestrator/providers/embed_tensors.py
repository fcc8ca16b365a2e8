"""Reads the stored tensors of an ONNX file: just enough of its format to take the weights out, without a run time for it.

Knows no model. Offsets come from the file, so every one is checked against its end.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

_GRAPH, _INITIALIZER = 7, 5
_TYPES = {1: "<f4", 3: "i1"}
"""ONNX's numbers of the element types that are read: float32 and int8."""


class NotTensors(Exception):
    """The file is none that these weights can be in."""


@dataclass(frozen=True, slots=True)
class _Field:
    number: int
    value: int
    part: memoryview


def read_tensors(path: Path) -> dict[str, numpy.ndarray[Any, Any]]:
    """Every initializer with its data in the file, by name, in the file's order; each is a copy.

    Raises OSError, and NotTensors for anything that is no ONNX file.
    """
    data = memoryview(path.read_bytes())
    found: dict[str, numpy.ndarray[Any, Any]] = {}
    for graph in _of(data, _GRAPH):
        for tensor in _of(graph, _INITIALIZER):
            name, array = _tensor(tensor)
            if array is not None:
                found[name] = array
    if not found:
        raise NotTensors("no tensors are in it")
    return found


def _tensor(part: memoryview) -> tuple[str, numpy.ndarray[Any, Any] | None]:
    import numpy

    dims: list[int] = []
    kind, name, raw = 0, "", None
    for field in _fields(part):
        match field.number:
            case 1:  # dims, packed or one by one
                dims += list(_packed(field.part)) if len(field.part) else [field.value]
            case 2:  # data_type
                kind = field.value
            case 8:  # name
                name = bytes(field.part).decode("utf-8", "replace")
            case 9:  # raw_data
                raw = field.part
            case _:
                continue
    if raw is None or kind not in _TYPES:
        return name, None
    try:
        return name, numpy.frombuffer(raw, dtype=_TYPES[kind]).reshape(dims).copy()
    except ValueError as error:
        raise NotTensors(f"tensor {name!r} is not as large as it says") from error


def _of(part: memoryview, number: int) -> Iterator[memoryview]:
    return (field.part for field in _fields(part) if field.number == number)


def _packed(part: memoryview) -> Iterator[int]:
    at = 0
    while at < len(part):
        value, at = _varint(part, at)
        yield value


def _fields(part: memoryview) -> Iterator[_Field]:
    """The fields of one message of protocol buffers."""
    at, empty = 0, part[:0]
    while at < len(part):
        key, at = _varint(part, at)
        match key & 7:
            case 0:  # a number
                value, at = _varint(part, at)
                yield _Field(key >> 3, value, empty)
                continue
            case 2:  # bytes
                size, at = _varint(part, at)
            case 1:
                size = 8
            case 5:
                size = 4
            case _:
                raise NotTensors("it is no ONNX file")
        if at + size > len(part):
            raise NotTensors("it ends too early")
        yield _Field(key >> 3, 0, part[at : at + size])
        at += size


def _varint(part: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 64, 7):
        if at >= len(part):
            raise NotTensors("it ends too early")
        byte = part[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise NotTensors("it is no ONNX file")
