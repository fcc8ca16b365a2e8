"""Reads the header of a GGUF file: what kind of model it is and what a token of context costs.

Reads a few kilobytes, never the weights. The file is data from outside: every length in it is bounded before it is used.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

MAGIC = b"GGUF"
MAX_ENTRIES = 4096
MAX_STRING = 4 * 1024 * 1024
MAX_ARRAY = 4_000_000
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


def read_header(path: Path) -> Header:
    """Raises NotGGUF for anything else, OSError when the file cannot be read."""
    with path.open("rb") as file:
        try:
            return _header(_metadata(file))
        except (struct.error, UnicodeDecodeError, OverflowError) as error:
            raise NotGGUF("its header is cut off or damaged") from error


def _metadata(file: BinaryIO) -> dict[str, Any]:
    if file.read(4) != MAGIC:
        raise NotGGUF("it does not start with GGUF")
    version, _tensors, entries = struct.unpack("<IQQ", file.read(20))
    if version not in (2, 3) or entries > MAX_ENTRIES:
        raise NotGGUF(f"its header says version {version} with {entries} entries")
    found: dict[str, Any] = {}
    for _ in range(entries):
        key = _string(file)
        (kind,) = struct.unpack("<I", file.read(4))
        found[key] = _value(file, kind)
    return found


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
