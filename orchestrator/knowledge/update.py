"""Brings an index up to date with the files it is made of: only what changed is split and embedded again.

Whatever the number and size of files, memory holds one file and one batch of passages at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.index import File, Index
from orchestrator.knowledge.sources import Gone, Source, Unreadable, digest_of, read_bytes, sections
from orchestrator.knowledge.split import SIZE, VERSION, Piece, pieces
from orchestrator.knowledge.threads import in_thread
from orchestrator.knowledge.vectors import vectors_of

if TYPE_CHECKING:
    from orchestrator.calling import EmbedderInfo
    from orchestrator.ports import Embedder

BATCH = 128
"""Passages that are embedded and written at once; a process that is killed loses no more than these."""
HEADROOM = 0.6
"""Share of an embedder's context that passages may take: tokens are estimated."""


@dataclass(slots=True)
class Report:
    """What an update did. Seconds are of the whole, and of these the embedder's."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    skipped: dict[str, str] = field(default_factory=dict)
    passages: int = 0
    """Embedded now, or taken over."""
    taken: bool = False
    """Their vectors were there already."""
    seconds: float = 0.0
    embedding: float = 0.0


Progress = Callable[[str, int, int], None]
"""What is going on, files done, files altogether."""


def unwatched(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


async def update(
    index: Index,
    found: Sequence[Source],
    embedder: Embedder,
    *,
    patterns: Sequence[str] = (),
    base: str = "",
    size: int | None = None,
    progress: Progress = unwatched,
) -> Report:
    """Make the index hold exactly these files. The caller sees to it that nobody else writes it meanwhile.

    Raises KnowledgeError and ProviderError; what was finished until then stays.
    """
    started, report = time.monotonic(), Report()
    info = await embedder.prepare()
    size = size_for(size, info)
    known = _Known(await in_thread(index.files), await in_thread(index.skipped))
    work = _Work(index, embedder, known, report, f"{VERSION}.{size}", size)
    gone = sorted(known.names - {source.name for source in found})
    await in_thread(index.begin, info, patterns, base, gone)
    report.removed += [name for name in gone if name in known.done]
    for number, source in enumerate(found):
        progress(source.name, number, len(found))
        await work.take(source)
    await in_thread(index.settle)
    progress("", len(found), len(found))
    report.seconds = time.monotonic() - started
    return report


def size_for(size: int | None, info: EmbedderInfo) -> int:
    """Tokens of a passage: as asked, else the default or less. Raises KnowledgeError when the embedder reads fewer."""
    most = int(info.context * HEADROOM)
    if size is None:
        return min(SIZE, most)
    if size > most:
        raise KnowledgeError(
            f"`chunk: {size}` is too much for '{info.ref}', which reads {info.context} tokens",
            hint=f"passages of up to {most} are safe, and smaller ones are found better",
        )
    return size


class _Known:
    """What the index held before."""

    def __init__(self, files: Sequence[File], skipped: dict[str, tuple[str, str]]) -> None:
        self.done = {file.name: file for file in files if file.done}
        self.begun = {file.name: file for file in files if not file.done}
        self.skipped = skipped

    @property
    def names(self) -> set[str]:
        return {*self.done, *self.begun, *self.skipped}


class _Work:
    def __init__(
        self, index: Index, embedder: Embedder, known: _Known, report: Report, way: str, size: int
    ) -> None:
        self._index = index
        self._embedder = embedder
        self._known = known
        self._report = report
        self._way = way
        self._size = size

    async def take(self, source: Source) -> None:
        """Bring one file up to date."""
        before = self._known.done.get(source.name)
        stamp = f"{source.stamp} {self._way}"
        if before is not None and before.stamp == stamp:
            self._report.unchanged += 1
            return
        stamped, why = self._known.skipped.get(source.name, ("", ""))
        if stamped == stamp:
            self._report.skipped[source.name] = why
            return
        try:
            data = await in_thread(read_bytes, source)
            digest = f"{digest_of(data)} {self._way}"
            if before is not None and before.digest == digest:
                await in_thread(self._index.touch, before.id, stamp)
                self._report.unchanged += 1
                return
            await self._put(source, data, digest, stamp)
        except Gone:  # it was there a moment ago; the same as if it had never been
            if await in_thread(self._index.remove, [source.name]):
                self._report.removed.append(source.name)
            return
        except Unreadable as error:
            self._report.skipped[source.name] = str(error)
            await in_thread(self._index.skip, source.name, stamp, str(error))
            return
        (self._report.added if before is None else self._report.changed).append(source.name)

    async def _put(self, source: Source, data: bytes, digest: str, stamp: str) -> None:
        begun = self._known.begun.get(source.name)
        if begun is not None and begun.digest == digest:
            number, place = begun.id, begun.passages
            await in_thread(self._index.touch, number, stamp)
        else:
            number, place = await in_thread(self._index.start_file, source.name, digest, stamp), 0
        left = islice(self._pieces(source, data), place, None)
        while batch := await in_thread(lambda: list(islice(left, BATCH))):
            started = time.monotonic()
            vectors = await vectors_of(
                self._embedder, [as_embedded(piece.heading, piece.text) for piece in batch]
            )
            self._report.embedding += time.monotonic() - started
            await in_thread(self._index.add, number, place, batch, vectors)
            place += len(batch)
            self._report.passages += len(batch)
        await in_thread(self._index.finish_file, number, source.name)

    def _pieces(self, source: Source, data: bytes) -> Iterator[Piece]:
        for section in sections(source, data):
            for piece in pieces(section, self._size):
                yield replace(piece, text=whole(piece.text), heading=whole(piece.heading))


def whole(text: str) -> str:
    """The text without halves of characters, which no database takes; JSON can write them."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def as_embedded(heading: str, text: str) -> str:
    """A passage as the embedder reads it: with the way to it, which says what it is about."""
    return f"{heading}\n{text}" if heading else text
