"""llama.cpp's own quantisers, out of the inference engine's library: rows of numbers to and from their stored form.

Loads the library by ctypes and knows no file. What is called are functions of ggml's public header; the one table of
which a layout is assumed is compared with what those functions say before it is used.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ProviderError

if TYPE_CHECKING:
    import numpy

KINDS = {
    "F32": 0, "F16": 1, "Q4_0": 2, "Q4_1": 3, "Q5_0": 6, "Q5_1": 7, "Q8_0": 8, "Q2_K": 10, "Q3_K": 11, "Q4_K": 12,
    "Q5_K": 13, "Q6_K": 14, "IQ4_NL": 20, "IQ4_XS": 23, "BF16": 30,
}  # fmt: skip
"""The kinds of tensors that are read or written here, with their numbers in the file format."""
NAMES = {number: name for name, number in KINDS.items()}
_POINTER, _SIZE = ctypes.c_void_p, ctypes.c_int64


class _Traits(ctypes.Structure):
    """The beginning of ggml_type_traits."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("block", ctypes.c_int64),
        ("interleave", ctypes.c_int64),
        ("size", ctypes.c_size_t),
        ("quantised", ctypes.c_bool),
        ("to_float", ctypes.CFUNCTYPE(None, _POINTER, _POINTER, _SIZE)),
    )


class Ggml:
    """Raises ProviderError when the engine's library does not offer its quantisers."""

    def __init__(self) -> None:
        try:
            import xllamacpp.xllamacpp as engine

            self._library = ctypes.CDLL(str(engine.__file__))
            self._declare()
        except (ImportError, OSError, AttributeError) as error:
            raise ProviderError(
                "refused",
                f"the inference engine of this machine offers no quantisers ({error})",
                hint="the model works as it is; models can be optimised where the engine comes from its Linux package",
            ) from error

    def block(self, kind: int) -> int:
        """Numbers that are stored together; a row holds whole blocks."""
        return int(self._library.ggml_blck_size(kind))

    def size(self, kind: int, elements: int) -> int:
        return int(self._library.ggml_row_size(kind, elements))

    def numbers(self, kind: int, stored: bytes, elements: int) -> numpy.ndarray[Any, Any]:
        """The numbers that are stored, as 32-bit floats. Raises ValueError when there are too few bytes."""
        import numpy

        if len(stored) != self.size(kind, elements):
            raise ValueError("the file is cut off")
        if kind == KINDS["F32"]:
            return numpy.frombuffer(stored, dtype="<f4")
        found = numpy.empty(elements, dtype=numpy.float32)
        self._traits(kind).to_float(stored, found.ctypes.data, elements)
        return found

    def stored(self, kind: int, numbers: numpy.ndarray[Any, Any], row: int) -> bytes:
        """Rows of so many numbers each in the form of this kind."""
        room = ctypes.create_string_buffer(self.size(kind, numbers.size))
        rows = numbers.size // row
        wrote = self._library.ggml_quantize_chunk(kind, numbers.ctypes.data, room, 0, rows, row, None)
        if wrote != len(room):
            raise ValueError(f"the quantiser wrote {wrote} bytes instead of {len(room)}")
        return room.raw

    def _traits(self, kind: int) -> _Traits:
        traits: _Traits = self._library.ggml_get_type_traits(kind).contents
        if (traits.block, traits.size) != (self.block(kind), self.size(kind, self.block(kind))):
            raise ValueError("the engine's table of types has another shape than expected")
        return traits

    def _declare(self) -> None:
        number, library = ctypes.c_int, self._library
        library.ggml_blck_size.argtypes, library.ggml_blck_size.restype = (number,), _SIZE
        library.ggml_row_size.argtypes, library.ggml_row_size.restype = (number, _SIZE), ctypes.c_size_t
        library.ggml_get_type_traits.argtypes = (number,)
        library.ggml_get_type_traits.restype = ctypes.POINTER(_Traits)
        library.ggml_quantize_chunk.argtypes = (number, _POINTER, _POINTER, _SIZE, _SIZE, _SIZE, _POINTER)
        library.ggml_quantize_chunk.restype = ctypes.c_size_t
        library.ggml_cpu_init()  # fills the tables that turn 16-bit floats into others
