"""One vector per text, however long: what an embedder does not take at once is embedded in pieces, and their mean counts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ProviderError

if TYPE_CHECKING:
    import numpy

    from orchestrator.ports import Embedder

    Array = numpy.ndarray[Any, Any]

BATCH = 64
"""Texts per call."""
USUAL = 3
"""Bytes a token has at least in most texts; where that is wrong each byte counts as one."""
MARKS = 2
"""Tokens that an embedder puts around a text."""
MOST = 16
"""Pieces of one text that count: half of them from its beginning, half from its end."""
_PIECE_OF_TEXT = re.compile(r"\s*\S+|\s+$")


async def vectors_of(embedder: Embedder, texts: Sequence[str]) -> Array:
    """Unit vectors of shape (texts, dimensions), float32. Raises ProviderError."""
    import numpy

    info = await embedder.prepare()
    found = [await _batch(embedder, info.context, texts[n : n + BATCH]) for n in range(0, len(texts), BATCH)]
    return numpy.concatenate(found) if found else numpy.empty((0, info.dimensions), dtype=numpy.float32)


async def _batch(embedder: Embedder, context: int, texts: Sequence[str]) -> Array:
    room = max(1, context - MARKS)
    try:
        return await _in_pieces(embedder, texts, room * USUAL)
    except ProviderError as error:
        if error.kind != "overflow":
            raise
    return await _in_pieces(embedder, texts, room)


async def _in_pieces(embedder: Embedder, texts: Sequence[str], size: int) -> Array:
    import numpy

    cut = [pieces(text, size) for text in texts]
    vectors = await embedder.embed([piece for parts in cut for piece in parts])
    if len(vectors) == len(texts):
        return vectors
    ends = list(accumulate(len(parts) for parts in cut))
    means = [vectors[end - len(parts) : end].mean(axis=0) for parts, end in zip(cut, ends, strict=True)]
    rows = numpy.stack(means)
    lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
    unit: Array = (rows / numpy.maximum(lengths, 1e-12)).astype(numpy.float32)
    return unit


def pieces(text: str, size: int) -> list[str]:
    """The text in pieces of at most `size` bytes, cut between words where it can be; a short one is one piece."""
    if len(text.encode("utf-8", "replace")) <= size:
        return [text]
    found, piece, used = [], "", 0
    for word in _words(text, size):
        width = len(word.encode("utf-8", "replace"))
        if piece and used + width > size:
            found.append(piece)
            piece, used = "", 0
        piece, used = piece + word, used + width
    if piece:
        found.append(piece)
    return found if len(found) <= MOST else [*found[: MOST // 2], *found[-MOST // 2 :]]


def _words(text: str, size: int) -> list[str]:
    """Words with the space before them; one that is too long alone is cut. A character has at most four bytes."""
    step = max(1, size // 4)
    found = []
    for word in _PIECE_OF_TEXT.findall(text):
        if len(word.encode("utf-8", "replace")) <= size:
            found.append(word)
        else:
            found += [word[n : n + step] for n in range(0, len(word), step)]
    return found


__all__ = ["vectors_of"]
