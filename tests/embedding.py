"""An embedder for tests: deterministic vectors from the words of a text, in this process and without weights."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import numpy

from orchestrator.calling import EmbedderInfo
from orchestrator.errors import ProviderError


class WordEmbedder:
    """Texts that share words are near each other. Implements ports.Embedder.

    `asked` are the texts of every call, call by call. Texts above `context` words are refused.
    """

    def __init__(
        self,
        *,
        digest: str = "words",
        ref: str = "scripted:words",
        dimensions: int = 64,
        context: int = 512,
        local: bool = True,
    ) -> None:
        self.info = EmbedderInfo(ref, digest, dimensions, context, local)
        self.asked: list[list[str]] = []
        self.closed = False

    async def prepare(self) -> EmbedderInfo:
        return self.info

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        if any(len(text.split()) > self.info.context for text in texts):
            raise ProviderError("overflow", f"a text has more than {self.info.context} words")
        self.asked.append(list(texts))
        rows = [self._vector(text) for text in texts]
        return numpy.array(rows, dtype=numpy.float32).reshape(len(texts), self.info.dimensions)

    async def close(self) -> None:
        self.closed = True

    def _vector(self, text: str) -> numpy.ndarray[Any, Any]:
        vector = numpy.zeros(self.info.dimensions)
        vector[0] = 0.01  # a text without words has a direction too
        for word in re.findall(r"\w+", text.lower()):
            digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
            place = int.from_bytes(digest[:4], "big") % self.info.dimensions
            vector[place] += 1.0 if digest[4] & 1 else -1.0
        vector /= numpy.linalg.norm(vector)
        return vector
