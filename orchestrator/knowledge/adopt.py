"""Makes an index of a collection of Chroma: its texts and its own vectors are taken over, nothing is embedded anew.

So it is searched by words and by meaning like any other index, and the folder of Chroma is needed for updates alone.
Vectors are brought to length one: the score is the cosine, whatever distance the collection was made for.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.chroma import Collection, Moving, Place, Record, opened, stamp_of
from orchestrator.knowledge.index import Whole
from orchestrator.knowledge.split import Piece
from orchestrator.knowledge.threads import in_thread
from orchestrator.knowledge.update import Progress, Report, unwatched, whole
from orchestrator.knowledge.vectors import vectors_of

if TYPE_CHECKING:
    import numpy

    from orchestrator.calling import EmbedderInfo
    from orchestrator.knowledge.index import File, Index
    from orchestrator.ports import Embedder

    Array = numpy.ndarray[Any, Any]

FILE = ("source", "file", "file_path", "filepath", "file_name", "filename", "path", "url", "uri")
"""Keys of metadata that say where a text is from, the first that is there."""
HEADING = ("heading", "section", "title")
LEVELS = tuple(f"Header {level}" for level in range(1, 7))
"""What a splitter of Markdown calls the headings above a text."""
FIRST, LAST = ("start_line", "line_start", "lines_from"), ("end_line", "line_end", "lines_to")
LONGEST = 300
"""Characters of a name or a heading."""
WAY = "chroma.1"
"""Changes when the same collection would be taken over in another way."""
ATTEMPTS = 3
BATCH = 200
"""Files that are written at once."""
PROBES = 5
"""Texts that are embedded, to see whether the vectors are this embedder's."""
LIKE = 0.5
"""Least cosine between a text's vector in the collection and the embedder's; those of another model are near 0."""
MAKERS: Mapping[int, str] = {
    384: "llamacpp:all-minilm-l6-v2",
    768: "ollama:nomic-embed-text",
    1024: "ollama:mxbai-embed-large",
    1536: "openai:text-embedding-3-small",
    3072: "openai:text-embedding-3-large",
}
"""A well-known model that makes vectors of so many numbers."""
NO_TEXT, NO_VECTOR = "it has no text", "it has no vector"


@dataclass(frozen=True, slots=True)
class Group:
    """The texts that are from one file, and what they are indexed as."""

    name: str
    pieces: tuple[Piece, ...]
    vectors: Array
    digest: str

    def stamped(self, stamp: str) -> Whole:
        return Whole(self.name, self.digest, stamp, self.pieces, self.vectors)


async def adopt(
    index: Index,
    place: Place,
    embedder: Embedder,
    root: Path,
    *,
    name: str,
    base: str = "",
    progress: Progress = unwatched,
) -> Report:
    """Make the index hold exactly this collection. The caller sees to it that nobody else writes it meanwhile.

    Raises KnowledgeError and ProviderError; what was there before stays then.
    """
    started, report = time.monotonic(), Report(taken=True)
    info = await embedder.prepare()
    stamp = f"{WAY} {hashlib.sha256(f'{place.written} {stamp_of(place.folder)}'.encode()).hexdigest()}"
    held = await in_thread(index.files)
    if (
        held
        and all(file.done and file.stamp == stamp for file in held)
        and index.built_with()[1] == info.digest
    ):
        report.unchanged = len(held)
        return report
    groups, left = await in_thread(_read, place, root, info, name)
    report.embedding = await _refuse_strange(groups, embedder, info, name)
    other = index.made_from != (place.written, base)
    await in_thread(index.begin, info, (place.written,), base, [file.name for file in held] if other else ())
    await _put(index, groups, held, stamp, report, progress)
    report.skipped = left
    report.seconds = time.monotonic() - started
    return report


async def _put(
    index: Index,
    groups: Sequence[Group],
    held: Sequence[File],
    stamp: str,
    report: Report,
    progress: Progress,
) -> None:
    known = {file.name: file for file in held if file.done}
    gone = sorted({file.name for file in held} - {group.name for group in groups})
    if gone:
        await in_thread(index.remove, gone)
        report.removed += [one for one in gone if one in known]
    same = [known[one.name].id for one in groups if _is_known(one, known)]
    await in_thread(index.touch_all, same, stamp)
    report.unchanged = len(same)
    new = [one for one in groups if not _is_known(one, known)]
    for start in range(0, len(new), BATCH):
        progress(new[start].name, start, len(new))
        await in_thread(index.put, [one.stamped(stamp) for one in new[start : start + BATCH]])
    report.added = [one.name for one in new if one.name not in known]
    report.changed = [one.name for one in new if one.name in known]
    report.passages = sum(len(one.pieces) for one in new)
    await in_thread(index.settle)
    progress("", len(new), len(new))


def _is_known(group: Group, known: Mapping[str, File]) -> bool:
    return group.name in known and known[group.name].digest == group.digest


# ------------------------------------------------------------------------------------------------- reading


def _read(place: Place, root: Path, info: EmbedderInfo, name: str) -> tuple[list[Group], dict[str, str]]:
    """The groups of a collection, and what is left out with the reason. Tried again when somebody writes it."""
    for attempt in range(ATTEMPTS):
        time.sleep(attempt / 2)
        try:
            with opened(place) as collection:
                return _groups(collection, root, info, name)
        except Moving:
            continue
    raise KnowledgeError(
        f"another program writes {place.written!r} all the time", hint="close it, or try again later"
    )


def _groups(
    collection: Collection, root: Path, info: EmbedderInfo, name: str
) -> tuple[list[Group], dict[str, str]]:
    records, left = collection.records(), dict[str, str]()
    if not records:
        raise KnowledgeError(f"the collection {collection.name!r} is empty")
    vectors = collection.vectors()
    _refuse_dimensions(collection.name, vectors.values(), info, name)
    ours: dict[str, list[Record]] = {}
    for record in records:
        ours.setdefault(_file_of(record, root), []).append(record)
    found = [_group(file, ours[file], collection, vectors, left) for file in sorted(ours)]
    groups = [group for group in found if group.pieces]
    if not groups:
        raise KnowledgeError(
            f"the {len(records)} records of the collection {collection.name!r} cannot be used: "
            + " or ".join(sorted(set(left.values()))),
            hint="a collection that was made with documents=… keeps their texts",
        )
    return groups, left


def _group(
    file: str,
    records: Sequence[Record],
    collection: Collection,
    vectors: Mapping[str, Array],
    left: dict[str, str],
) -> Group:
    import numpy

    texts = collection.texts(records)
    pieces, rows, digest = [], [], hashlib.sha256(WAY.encode())
    for record in records:
        text, vector = whole(texts.get(record.number, "")), vectors.get(record.id)
        unit = None if vector is None else _unit(vector)
        if not text.strip() or unit is None:
            left[whole(record.id)] = NO_VECTOR if text.strip() else NO_TEXT
            continue
        piece = Piece(text, _heading_of(record), _lines_of(record))
        digest.update(f"{len(text)}\0{piece!r}\0".encode() + unit.tobytes())
        pieces.append(piece)
        rows.append(unit)
    matrix = numpy.array(rows, dtype=numpy.float32)
    return Group(file, tuple(pieces), matrix, digest.hexdigest())


def _unit(vector: Array) -> Array | None:
    """The vector at length one; None for one that points nowhere."""
    import numpy

    exact = vector.astype(numpy.float64)
    length = float(numpy.linalg.norm(exact))
    if not math.isfinite(length) or length == 0:
        return None
    unit: Array = (exact / length).astype(numpy.float32)
    return unit


# ------------------------------------------------------------------------------------ what metadata say


def _file_of(record: Record, root: Path) -> str:
    """The file that a record is from, relative to the project where it lies in it; else its own id."""
    stated = _first(record, FILE)
    if stated is None:
        return _short(record.id) or str(record.number)
    path = Path(stated)
    if path.is_absolute() and path.is_relative_to(root):
        return _short(path.relative_to(root).as_posix())
    return _short(stated)


def _heading_of(record: Record) -> str:
    levels = [str(record.facts[level]) for level in LEVELS if record.facts.get(level)]
    stated = " > ".join(levels) or _first(record, HEADING)
    page = record.facts.get("page_label", record.facts.get("page"))
    return _short(stated or ("" if page is None else f"page {page}"))


def _lines_of(record: Record) -> tuple[int, int]:
    """First and last line, or (0, 0) where nobody says."""
    first = next((record.facts[key] for key in FIRST if key in record.facts), None)
    last = next((record.facts[key] for key in LAST if key in record.facts), first)
    if type(first) is int and type(last) is int and 1 <= first <= last < 2**31:
        return first, last
    return 0, 0


def _first(record: Record, keys: Iterable[str]) -> str | None:
    values = (record.facts.get(key) for key in keys)
    return next((value for value in values if isinstance(value, str) and value.strip()), None)


def _short(text: str) -> str:
    """One line of it."""
    line = " ".join(whole(text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"


# ---------------------------------------------------------------------------------------- whose vectors


def _refuse_dimensions(collection: str, vectors: Iterable[Array], info: EmbedderInfo, name: str) -> None:
    """Raise KnowledgeError for vectors that this embedder cannot have made."""
    sizes = sorted({len(vector) for vector in vectors})
    if not sizes or sizes == [info.dimensions]:
        return
    size = next(size for size in sizes if size != info.dimensions)
    raise KnowledgeError(
        f"the vectors of the collection {collection!r} have {size} numbers, and '{info.ref}' makes {info.dimensions}",
        hint=f"name the model that made them: knowledge.{name}.embed"
        + (f", for example {MAKERS[size]}" if size in MAKERS else ""),
    )


async def _refuse_strange(
    groups: Sequence[Group], embedder: Embedder, info: EmbedderInfo, name: str
) -> float:
    """Raise KnowledgeError where the embedder makes other vectors of the same texts. Returns the seconds it took.

    Short texts are asked for: no embedder cuts them off.
    """
    started = time.monotonic()
    found = [
        (piece.text, row) for group in groups for piece, row in zip(group.pieces, group.vectors, strict=True)
    ]
    found.sort(key=lambda one: (abs(len(one[0]) - 200), one[0]))
    made = await vectors_of(embedder, [text for text, _ in found[:PROBES]])
    like = median(float(vector @ row) for vector, (_, row) in zip(made, found[:PROBES], strict=True))
    if like < LIKE:
        raise KnowledgeError(
            f"the vectors of '{name}' are not those of '{info.ref}': of the same texts it makes others "
            f"(cosine {like:.2f}, 1 is the same)",
            hint=f"name the model that made them: knowledge.{name}.embed",
        )
    return time.monotonic() - started


__all__ = ["adopt"]
