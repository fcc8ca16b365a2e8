"""Worked examples of a file of cases that are like a question: by the similarity of vectors, which are kept on disk.

Only inputs that are new are embedded again. Knows no step and no prompt.
"""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.calling import Example
from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.vectors import vectors_of
from orchestrator.policy.cases import as_asked, read_cases, told

if TYPE_CHECKING:
    import numpy

    from orchestrator.ports import Embedder, Exemplars

    Array = numpy.ndarray[Any, Any]

HINT = 'a worked example is one line of JSON: {"input": …, "output": …}'


@dataclass(frozen=True, slots=True)
class _Loaded:
    """Examples, and a unit vector of the input of each."""

    examples: tuple[Example, ...]
    vectors: Array


class Cases:
    """The examples of one file. Read and embedded when it is first asked; `folder` keeps the vectors."""

    def __init__(self, file: Path, embedder: Embedder, folder: Path) -> None:
        self._file = file
        self._embedder = embedder
        self._folder = folder
        self._loaded: _Loaded | None = None
        self._loading = asyncio.Lock()

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        """The `k` whose inputs are most like the query, the most similar first; of equals the earlier line.

        Raises KnowledgeError or ProviderError.
        """
        loaded = await self._ready()
        vector = (await vectors_of(self._embedder, [query]))[0]
        scores = loaded.vectors @ vector
        best = (-scores).argsort(kind="stable")[: max(0, k)]
        return tuple((loaded.examples[n], float(scores[n])) for n in best)

    async def prepare(self) -> None:
        """Read and embed what is new, so that asking is quick. Raises what `nearest` does."""
        await self._ready()

    async def _ready(self) -> _Loaded:
        async with self._loading:
            if self._loaded is None:
                examples = await asyncio.to_thread(self._read)
                self._loaded = _Loaded(examples, await self._vectors(examples))
            return self._loaded

    def _read(self) -> tuple[Example, ...]:
        try:
            data = self._file.read_bytes()
        except OSError as error:
            raise KnowledgeError(
                f"{self._file}: {error.strerror}", hint="check `examples: {from: …}`"
            ) from None
        examples, wrong = read_cases(data)
        if wrong:
            raise KnowledgeError(told(wrong, self._file.name), hint=HINT)
        if not examples:
            raise KnowledgeError(f"{self._file}: there is no example in it", hint=HINT)
        return examples

    async def _vectors(self, examples: Sequence[Example]) -> Array:
        info = await self._embedder.prepare()
        texts = [as_asked(example.input) for example in examples]
        keys = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        kept = self._folder / _name(info.digest, self._file)
        known = await asyncio.to_thread(_load, kept, info.dimensions)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        if missing:
            fresh = await vectors_of(self._embedder, list(missing.values()))
            known |= dict(zip(missing, fresh, strict=True))
        if missing or len(known) > len(set(keys)):
            await asyncio.to_thread(_save, kept, {key: known[key] for key in keys})
        return _stacked([known[key] for key in keys])


def _name(digest: str, file: Path) -> str:
    """One file of vectors for a file of cases and an embedder."""
    whole = hashlib.sha256(f"{digest}\n{file}".encode())
    return f"{whole.hexdigest()[:32]}.npz"


def _stacked(rows: Sequence[Array]) -> Array:
    import numpy

    return numpy.stack(rows)


def _load(file: Path, dimensions: int) -> dict[bytes, Array]:
    """Vectors by the digest of their text; nothing where the file is missing or damaged: it is made again."""
    import numpy

    try:
        with numpy.load(file, allow_pickle=False) as found:
            keys, vectors = found["keys"], found["vectors"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return {}
    if (
        keys.shape != (len(vectors), 32)
        or vectors.shape[1:] != (dimensions,)
        or not numpy.isfinite(vectors).all()
    ):
        return {}
    return {key.tobytes(): vector for key, vector in zip(keys.astype(numpy.uint8), vectors, strict=True)}


def _save(file: Path, vectors: dict[bytes, Array]) -> None:
    """Whole or not at all. Where nothing can be written they are computed each time."""
    import numpy

    content = io.BytesIO()
    keys = numpy.frombuffer(b"".join(vectors), dtype=numpy.uint8).reshape(-1, 32)
    numpy.savez(content, keys=keys, vectors=_stacked(list(vectors.values())))
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent)
        with os.fdopen(handle, "wb") as out:
            out.write(content.getbuffer())
        Path(name).replace(file)


@dataclass(frozen=True, slots=True)
class Without:
    """Examples but for some lines: whoever measures a step leaves out the case that it asks about."""

    others: Exemplars
    lines: frozenset[int]

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        found = await self.others.nearest(query, k + len(self.lines))
        return tuple(one for one in found if one[0].line not in self.lines)[:k]


__all__ = ["Cases", "Without"]
