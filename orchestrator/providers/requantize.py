"""Writes the same weights in another form: `python -m orchestrator.providers.requantize FROM TO FORM`.

A process of its own, since the file is data from outside: it can be stopped at any byte, and its memory goes with it.
Every other tensor and the whole header are taken over as they are. Prints how many bytes it has read, one line each.
"""

from __future__ import annotations

import re
import struct
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import OrchError
from orchestrator.providers.ggml import KINDS, NAMES, Ggml
from orchestrator.providers.gguf import Layout, NotGGUF, Tensor, read_layout

CHUNK = 1 << 20
"""Numbers that are turned at a time, at least one row."""
TURNED = re.compile(
    r"(^|\.)(token_embd|output|attn_(q|k|v|qkv|output)|ffn_(up|down|gate|up_exps|down_exps|gate_exps))\.weight$"
)
"""The matrices in which nearly all of the time is spent."""
OUTER = re.compile(r"^(token_embd|output)\.weight$")


@dataclass(frozen=True, slots=True)
class Form:
    """`outer` is the kind of the first and the last matrix, in which rounding shows most; `number` is llama.cpp's."""

    name: str
    inner: str
    outer: str
    number: int


FORMS = {
    form.name: form
    for form in (
        Form("Q8_0", "Q8_0", "Q8_0", 7),
        Form("Q4_0", "Q4_0", "Q8_0", 2),
        Form("Q4_K", "Q4_K", "Q6_K", 14),
    )
}


def requantize(source: Path, target: Path, form: Form, heard: Callable[[int], None]) -> None:
    """Write `source` in another form; `heard` gets the bytes read so far.

    Raises NotGGUF for a file that is none or is damaged, ProviderError without quantisers, OSError.
    """
    ggml, layout = Ggml(), read_layout(source)
    kinds = [_kind(tensor, form, ggml) for tensor in layout.tensors]
    with source.open("rb") as file, target.open("wb") as out:
        out.write(_header(file, layout, kinds, form, ggml))
        for tensor, kind in zip(layout.tensors, kinds, strict=True):
            out.write(bytes(-out.tell() % layout.alignment))
            file.seek(layout.data + tensor.offset)
            try:
                for piece in _pieces(file, tensor, kind, ggml):
                    out.write(piece)
                    heard(file.tell())
            except ValueError as error:
                raise NotGGUF(f"tensor {tensor.name[:80]}: {error}") from error
        out.write(bytes(-out.tell() % layout.alignment))


def kinds_of(path: Path) -> str:
    """The kind in which most numbers of a file are stored, such as Q4_1; `?` for one that is not known here."""
    counted: dict[int, int] = {}
    for tensor in read_layout(path).tensors:
        counted[tensor.kind] = counted.get(tensor.kind, 0) + tensor.elements
    return NAMES.get(max(counted, key=lambda kind: counted[kind]), "?") if counted else "?"


def size_of(path: Path, form: Form) -> int:
    """Bytes that the file will have in this form, without turning anything. Raises NotGGUF, OSError, ProviderError."""
    ggml, layout = Ggml(), read_layout(path)
    kinds = [_kind(tensor, form, ggml) for tensor in layout.tensors]
    return layout.data + sum(
        ggml.size(kind, tensor.elements) + layout.alignment
        for tensor, kind in zip(layout.tensors, kinds, strict=True)
    )


def _kind(tensor: Tensor, form: Form, ggml: Ggml) -> int:
    """What a tensor becomes: rows that hold no whole blocks of the wanted kind get the next larger one."""
    if tensor.kind not in NAMES:
        raise NotGGUF(f"tensor {tensor.name[:80]} is stored in a way that is not known here ({tensor.kind})")
    if not TURNED.search(tensor.name) or len(tensor.shape) < 2:
        return tensor.kind
    wanted = form.outer if OUTER.match(tensor.name) else form.inner
    for name in (wanted, {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}.get(wanted, "F16"), "F16"):
        if tensor.shape[0] % ggml.block(KINDS[name]) == 0:
            return KINDS[name]
    return tensor.kind


def _header(file: BinaryIO, layout: Layout, kinds: list[int], form: Form, ggml: Ggml) -> bytes:
    """The same bytes, but for the kinds and places of the tensors and the name of the form."""
    header = bytearray(file.read(layout.data))
    if len(header) < layout.data:
        raise NotGGUF("its header is cut off")
    offset = 0
    for tensor, kind in zip(layout.tensors, kinds, strict=True):
        struct.pack_into("<IQ", header, tensor.at, kind, offset)
        offset += -(-ggml.size(kind, tensor.elements) // layout.alignment) * layout.alignment
    if layout.file_type:
        struct.pack_into("<I", header, layout.file_type, form.number)
    return bytes(header)


def _pieces(file: BinaryIO, tensor: Tensor, kind: int, ggml: Ggml) -> Iterator[bytes]:
    row = tensor.shape[0]
    if row <= 0 or row > 1 << 24 or row % ggml.block(tensor.kind):
        raise ValueError(f"its rows of {row} numbers are impossible")
    rows, many = tensor.elements // row, max(1, CHUNK // row)
    for first in range(0, rows, many):
        elements = min(many, rows - first) * row
        stored = file.read(ggml.size(tensor.kind, elements))
        if kind == tensor.kind:
            if len(stored) != ggml.size(kind, elements):
                raise ValueError("the file is cut off")
            yield stored
        else:
            yield ggml.stored(kind, ggml.numbers(tensor.kind, stored, elements), row)


def main(arguments: list[str]) -> int:
    source, target, name = arguments
    try:
        requantize(Path(source), Path(target), FORMS[name], lambda done: print(done, flush=True))  # noqa: T201
    except (OrchError, NotGGUF, OSError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - whoever started this reads it
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
