"""Reads the header of a GGUF file: what kind of model it is, what a token of context costs, and where its tensors lie.

Reads a few kilobytes, never the weights. The file is data from outside: every length in it is bounded before it is used.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MAX_ENTRIES = 4096
MAX_STRING = 4 * 1024 * 1024
MAX_ARRAY = 4_000_000
MAX_TENSORS = 65_536
MAX_DIMENSIONS = 4
ALIGNMENT = 32
_SCALARS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}
_STRING, _ARRAY = 8, 9


class NotGGUF(ValueError):
    """The file is no GGUF file, or its header is damaged."""


@dataclass(frozen=True, slots=True)
class Header:
    """`context` in tokens as trained; `kv_bytes` per token of context with 16-bit keys and values."""

    architecture: str
    name: str
    context: int
    kv_bytes: int
    embedding: bool
    has_template: bool


@dataclass(frozen=True, slots=True)
class Tensor:
    """`shape` as the file has it, the length of a row first; `kind` is ggml's number; `at` where that number stands.

    `offset` counts from where the data begins.
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    offset: int
    at: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things stand in a file: its data begins at `data`; its `general.file_type` at `file_type`, 0 for none."""

    tensors: tuple[Tensor, ...]
    data: int
    alignment: int
    file_type: int


def read_layout(path: Path) -> Layout:
    """Raises NotGGUF for anything else, OSError when the file cannot be read."""
    with path.open("rb") as file:
        try:
            return _layout(file)
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise NotGGUF("its header is cut off or damaged") from error


def read_header(path: Path) -> Header:
    """Raises NotGGUF for anything else, OSError when the file cannot be read."""
    with path.open("rb") as file:
        try:
            return _header(_metadata(file))
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise NotGGUF("its header is cut off or damaged") from error


def _metadata(file: BinaryIO) -> dict[str, Any]:
    _, entries = _counts(file)
    return {key: value for key, _, value in _entries(file, entries)}


def _counts(file: BinaryIO) -> tuple[int, int]:
    """How many tensors and how many entries there are."""
    if file.read(4) != MAGIC:
        raise NotGGUF("it does not start with GGUF")
    version, tensors, entries = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3) or entries > MAX_ENTRIES or tensors > MAX_TENSORS:
        raise NotGGUF(f"its header says version {version} with {tensors} tensors and {entries} entries")
    return tensors, entries


def _entries(file: BinaryIO, count: int) -> Iterator[tuple[str, int, Any]]:
    """Every key with the place of its value, and the value."""
    for _ in range(count):
        key = _string(file)
        (kind,) = struct.unpack("<I", file.read(4))
        place = file.tell()
        yield key, place, _value(file, kind)


def _layout(file: BinaryIO) -> Layout:
    tensors, entries = _counts(file)
    alignment, file_type = ALIGNMENT, 0
    for key, place, value in _entries(file, entries):
        if key == "general.alignment":
            alignment = int(value)
        elif key == "general.file_type":
            file_type = place
    if alignment not in (1 << power for power in range(3, 17)):
        raise NotGGUF(f"its header says an alignment of {alignment}")
    found = tuple(_tensor(file) for _ in range(tensors))
    return Layout(found, -(-file.tell() // alignment) * alignment, alignment, file_type)


def _tensor(file: BinaryIO) -> Tensor:
    name = _string(file)
    (dimensions,) = struct.unpack("<I", file.read(4))
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        raise NotGGUF(f"its header has a tensor of {dimensions} dimensions")
    shape = struct.unpack(f"<{dimensions}Q", file.read(8 * dimensions))
    at = file.tell()
    kind, offset = struct.unpack("<IQ", file.read(12))
    return Tensor(name, shape, kind, offset, at)


def _value(file: BinaryIO, kind: int) -> Any:
    if kind in _SCALARS:
        return struct.unpack(_SCALARS[kind], file.read(struct.calcsize(_SCALARS[kind])))[0]
    if kind == _STRING:
        return _string(file)
    if kind == _ARRAY:
        return _array(file)
    raise NotGGUF(f"its header has a value of unknown kind {kind}")


def _array(file: BinaryIO) -> list[Any] | None:
    """Arrays of numbers come back when short (some models say heads per layer); long ones and texts are skipped."""
    kind, count = struct.unpack("<IQ", file.read(12))
    if count > MAX_ARRAY:
        raise NotGGUF(f"its header has a list of {count} entries")
    if kind == _STRING:
        for _ in range(count):
            _skip_string(file)
        return None
    if kind not in _SCALARS:
        raise NotGGUF("its header has a list of lists")
    size = struct.calcsize(_SCALARS[kind])
    if count > MAX_ENTRIES:
        file.seek(size * count, 1)
        return None
    return [struct.unpack(_SCALARS[kind], file.read(size))[0] for _ in range(count)]


def _string(file: BinaryIO) -> str:
    length = _length(file)
    text = file.read(length)
    if len(text) < length:
        raise NotGGUF("its header is cut off")
    return text.decode("utf-8")


def _skip_string(file: BinaryIO) -> None:
    file.seek(_length(file), 1)


def _length(file: BinaryIO) -> int:
    (length,) = struct.unpack("<Q", file.read(8))
    if length > MAX_STRING:
        raise NotGGUF(f"its header has a text of {length} bytes")
    return int(length)


def _header(found: Mapping[str, Any]) -> Header:
    arch = str(found.get("general.architecture", ""))
    layers = _number(found.get(f"{arch}.block_count"))
    heads = _number(found.get(f"{arch}.attention.head_count")) or 1
    width = _number(found.get(f"{arch}.embedding_length")) // heads
    key = _number(found.get(f"{arch}.attention.key_length")) or width
    value = _number(found.get(f"{arch}.attention.value_length")) or width
    kv_heads = _number(found.get(f"{arch}.attention.head_count_kv")) or heads
    embedding = f"{arch}.pooling_type" in found
    return Header(
        architecture=arch,
        name=str(found.get("general.name", "")),
        context=_number(found.get(f"{arch}.context_length")),
        kv_bytes=0 if embedding else layers * kv_heads * (key + value) * 2,
        embedding=embedding,
        has_template="tokenizer.chat_template" in found,
    )


def _number(value: Any) -> int:
    """A count; of a list (one per layer) the largest, which errs on the safe side."""
    if isinstance(value, list):
        value = max(value, default=0)
    return int(value) if isinstance(value, int | float) and 0 <= value < 2**40 else 0
