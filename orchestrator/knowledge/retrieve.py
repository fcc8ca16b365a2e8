"""One knowledge of a workflow as something to search: its index is brought up to date before the first search.

What it finds are pieces of documents: data, never instructions, whatever they say.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.chroma import is_chroma, place_of
from orchestrator.knowledge.index import Index, refuse_other
from orchestrator.knowledge.lock import alone
from orchestrator.knowledge.search import By, Found, Searcher
from orchestrator.knowledge.sources import find
from orchestrator.knowledge.threads import in_thread
from orchestrator.knowledge.update import Progress, Report, unwatched, update, whole
from orchestrator.knowledge.vectors import vectors_of

if TYPE_CHECKING:
    from orchestrator.calling import EmbedderInfo, Passage
    from orchestrator.ports import Embedder
    from orchestrator.spec.model import Knowledge

FOLDER = "knowledge"
SUFFIX = ".db"


def open_knowledge(
    name: str,
    spec: Knowledge,
    root: Path,
    state_dir: Path,
    embedder: Embedder,
    *,
    base: Path | None = None,
    progress: Progress = unwatched,
) -> IndexedKnowledge:
    """The retriever of an entry of `knowledge:`. Nothing is read before its first search.

    `root` is the project's, `state_dir` its `.orch`, `base` the folder of the file that declares it (else the root).
    The embedder stays the caller's: it is not closed here.
    """
    patterns = (spec.from_,) if isinstance(spec.from_, str) else tuple(spec.from_)
    return IndexedKnowledge(
        name,
        where(state_dir, name),
        embedder,
        patterns=patterns,
        root=root,
        base=base or root,
        size=spec.chunk,
        min_score=spec.min_score,
        progress=progress,
    )


def where(state_dir: Path, name: str) -> Path:
    """The index of a knowledge. Raises KnowledgeError for what is no name."""
    if not name or not all(sign.isalnum() or sign in "_-" for sign in name) or len(name) > 100:
        raise KnowledgeError(f"{name!r} is no name of a knowledge", hint="use letters, digits, - and _")
    return state_dir / FOLDER / f"{name}{SUFFIX}"


class IndexedKnowledge:
    """Implements ports.Retriever. Searches may overlap; each sees one state of the index."""

    def __init__(
        self,
        name: str,
        path: Path,
        embedder: Embedder,
        *,
        patterns: Sequence[str] = (),
        root: Path = Path(),
        base: Path = Path(),
        size: int | None = None,
        min_score: float | None = None,
        progress: Progress = unwatched,
    ) -> None:
        """Without `patterns` the index is searched as it is and never brought up to date."""
        self.name = name
        self._path = path
        self._embedder = embedder
        self._patterns = tuple(patterns)
        self._root = root
        self._base = base
        self._size = size
        self._min_score = min_score
        self._progress = progress
        self._opening = asyncio.Lock()
        self._asking = asyncio.Lock()
        self._index: Index | None = None
        self._searcher: Searcher | None = None
        self._made_from: tuple[str, str] | None = None
        """What the index was made from when it was brought up to date; None without that."""

    def __repr__(self) -> str:
        return f"IndexedKnowledge({self.name!r})"

    async def search(
        self,
        query: str,
        k: int,
        min_score: float | None = None,
        *,
        by: By = "both",
        files: str | None = None,
    ) -> tuple[Passage, ...]:
        """The best `k` passages, best first. Raises KnowledgeError or ProviderError.

        `min_score` is the least similarity of meaning, else that of the entry. `files` is a glob over file names.
        """
        found = await self.find(query, k, min_score, by=by, files=files)
        return tuple(one.passage for one in found)

    async def find(
        self,
        query: str,
        k: int,
        min_score: float | None = None,
        *,
        by: By = "both",
        files: str | None = None,
    ) -> list[Found]:
        """The same, with what each half of the search says."""
        searcher = await self._ready()
        query = whole(query)
        if not query.strip() or k < 1:
            return []
        vector: Any = None
        if by != "words":
            await self._refuse_other()
            vector = (await vectors_of(self._embedder, [query]))[0]
        least = self._min_score if min_score is None else min_score
        text = "" if by == "meaning" else query
        async with self._asking:
            return await in_thread(searcher.search, text, vector, k, min_score=least, files=files)

    async def embedder(self) -> EmbedderInfo:
        """Where questions go to be embedded. Raises ProviderError or CredentialsMissing."""
        return await self._embedder.prepare()

    async def refresh(self) -> Report:
        """Bring the index up to date now. Raises KnowledgeError or ProviderError."""
        async with self._opening, self._asking:
            return await self._update(await self._opened())

    async def digest(self) -> str:
        """Changes whenever a search could find something else: for keys of caches."""
        await self._ready()
        index = self._index
        assert index is not None
        _, embedder = index.built_with()
        return f"{await in_thread(index.content)} {embedder}"

    async def close(self) -> None:
        index, self._index, self._searcher = self._index, None, None
        if index is not None:
            index.close()

    async def _ready(self) -> Searcher:
        async with self._opening:
            if self._searcher is None:
                index = await self._opened()
                if self._patterns:
                    await self._update(index)
                self._searcher = Searcher(index, self._made_from)
            return self._searcher

    async def _refuse_other(self) -> None:
        """Raise KnowledgeError when the vectors of the index are not this embedder's."""
        index = self._index
        assert index is not None
        refuse_other(self.name, index.built_with(), await self._embedder.prepare())

    async def _opened(self) -> Index:
        if self._index is None:
            if not self._patterns and not self._path.exists():
                raise KnowledgeError(
                    f"there is no index '{self.name}'", hint=f"make it: orch index add {self.name}"
                )
            self._index = await in_thread(Index, self._path)
        return self._index

    async def _update(self, index: Index) -> Report:
        def waiting() -> None:
            self._progress("waiting for another process", 0, 0)

        async with alone(self._path.with_suffix(".lock"), waiting):
            report = await self._made(index)
            self._made_from = index.made_from
            return report

    async def _made(self, index: Index) -> Report:
        if any(is_chroma(pattern) for pattern in self._patterns):
            return await self._adopt(index)
        found = await in_thread(find, self._patterns, self._base, self._root)
        return await update(
            index,
            found,
            self._embedder,
            patterns=self._patterns,
            base=self._where,
            size=self._size,
            progress=self._progress,
        )

    @property
    def _where(self) -> str:
        """The folder its globs begin in, as seen from the project."""
        return Path(os.path.relpath(self._base, self._root)).as_posix()

    async def _adopt(self, index: Index) -> Report:
        from orchestrator.knowledge.adopt import adopt

        if len(self._patterns) > 1:
            raise KnowledgeError(
                f"'{self.name}' is made from a Chroma folder and from other things",
                hint="make two of it: an agent may have several, `knowledge: [notes, handbook]`",
            )
        place = await in_thread(place_of, self._patterns[0], self._base, self._root)
        return await adopt(
            index,
            place,
            self._embedder,
            self._root,
            name=self.name,
            base=self._where,
            progress=self._progress,
        )
