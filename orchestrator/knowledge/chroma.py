"""Reads a folder of Chroma (0.4 to 1.x) as it lies on the disk: texts, metadata and vectors of one collection.

Nothing of Chroma runs, and nothing in the folder is opened for writing: neither its client, which would bring the
database up to date and load its own models, nor SQLite where a journal waits; then a private copy is read.
What is read is data: names of segments are no paths, and a pickle is taken apart, never loaded. Knows no index and no embedder.
"""

from __future__ import annotations

import os
import pickletools
import shutil
import sqlite3
import struct
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import KnowledgeError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

PREFIX = "chroma:"
DATABASE = "chroma.sqlite3"
DOCUMENT = "chroma:document"
JOURNALS = ("-wal", "-journal")
ENCODINGS = {"FLOAT32": "<f4", "INT32": "<i4"}
ADD, UPDATE, UPSERT, DELETE = range(4)
MANY = 500
"""Records that are asked for at once."""
SHOWN = 10
"""Collections that are named."""
_HEADER = struct.Struct("<i6Q")
"""Version, start, room, count, size of an element, where its label and its vector stand in it."""
_PLAIN = frozenset(
    (
        "BINUNICODE",
        "SHORT_BINUNICODE",
        "BININT",
        "BININT1",
        "BININT2",
        "LONG1",
        "BINFLOAT",
        "BINBYTES",
        "NONE",
    )
)
"""What stands in a pickle for a value as it is."""
_EMPTY: Mapping[str, Callable[[], Any]] = {"EMPTY_DICT": dict, "EMPTY_TUPLE": tuple}
_WRONG = (OSError, ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What reading a pickle may come to that is none, or not one of Chroma."""


class Moving(Exception):
    """The folder was written while it was read."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a `from: chroma:FOLDER#COLLECTION` means."""

    folder: Path
    collection: str | None
    written: str


@dataclass(frozen=True, slots=True)
class Record:
    """One entry of a collection, with what is known of it besides its text and vector."""

    number: int
    id: str
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Segments:
    """The parts of a collection: where its metadata and its vectors stand."""

    collection: str
    metadata: str
    vectors: str


def is_chroma(pattern: str) -> bool:
    return pattern.startswith(PREFIX)


def place_of(pattern: str, base: Path, root: Path) -> Place:
    """The folder that is meant, relative to `base` and beneath `root`. Raises KnowledgeError where there is none."""
    path, _, collection = pattern.removeprefix(PREFIX).partition("#")
    folder = Path(os.path.normpath(base / path)).resolve()
    if not folder.is_relative_to(root.resolve()):
        raise KnowledgeError(f"{pattern!r} lies outside the project", hint="copy the folder into the project")
    if not folder.is_dir():
        raise KnowledgeError(
            f"there is no folder {path!r} in {base}",
            hint="chroma:FOLDER, relative to the file that writes it: the path a PersistentClient was given",
        )
    database = folder / DATABASE
    if not database.is_file() or not database.resolve().is_relative_to(folder):
        inner = sorted(one.parent.name for one in folder.glob(f"*/{DATABASE}"))
        hint = (
            f"did you mean {PREFIX}{path.rstrip('/')}/{inner[0]}?"
            if inner
            else "Chroma 0.4 and later keep one"
        )
        raise KnowledgeError(f"{path!r} is no Chroma folder: there is no {DATABASE} in it", hint=hint)
    return Place(folder, collection or None, pattern)


def stamp_of(folder: Path) -> str:
    """Changes when anything in the folder is written."""
    stamps = []
    for path in sorted((*folder.glob("*"), *folder.glob("*/*"))):
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue
        stamps.append(f"{path.relative_to(folder)} {found.st_size} {found.st_mtime_ns} {found.st_ino}")
    return "\n".join(stamps)


@contextmanager
def opened(place: Place) -> Iterator[Collection]:
    """The collection, while nothing writes it. Raises KnowledgeError, and Moving when something did write it."""
    before = stamp_of(place.folder)
    try:
        with _database(place.folder) as db:
            yield Collection(place, db)
    except (sqlite3.Error, UnicodeDecodeError) as error:  # the latter of names that SQLite reports
        _refuse_moved(place, before)
        raise KnowledgeError(
            f"the database of {place.written!r} cannot be read: {error}",
            hint="it is damaged, or of a version of Chroma that keeps it in another way",
        ) from error
    _refuse_moved(place, before)


def _refuse_moved(place: Place, before: str) -> None:
    if stamp_of(place.folder) != before:
        raise Moving(place.written)


@contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    """The database as it is; a copy of it where a journal belongs to it, which SQLite would work off."""
    path = folder / DATABASE
    journals = [one for suffix in JOURNALS if (one := folder / f"{DATABASE}{suffix}").is_file()]
    if not journals:
        with _connected(f"{path.as_uri()}?mode=ro&immutable=1") as db:
            yield db
        return
    with tempfile.TemporaryDirectory(prefix="orch-") as copy:
        try:
            for one in (path, *journals):
                shutil.copyfile(one, Path(copy) / one.name)
        except FileNotFoundError:
            raise Moving(str(folder)) from None
        with _connected((Path(copy) / DATABASE).as_uri()) as db:
            yield db


@contextmanager
def _connected(address: str) -> Iterator[sqlite3.Connection]:
    db = sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)
    try:
        db.text_factory = _text
        db.execute("PRAGMA trusted_schema = OFF")
        yield db
    finally:
        db.close()


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


class Collection:
    """One collection. Of no use once its folder is closed."""

    def __init__(self, place: Place, db: sqlite3.Connection) -> None:
        """Raises KnowledgeError when the folder does not have it."""
        self._place = place
        self._db = db
        self.name, self._segments = self._chosen()
        self._refuse_unfinished()

    # ------------------------------------------------------------------------------------------- its texts

    def records(self) -> list[Record]:
        """Every record with its metadata, without its text, in the order they were added."""
        facts: dict[int, dict[str, Any]] = {}
        rows = self._db.execute(
            "SELECT m.id, m.key, coalesce(m.string_value, m.int_value, m.float_value) FROM embedding_metadata m "
            "JOIN embeddings e ON e.id = m.id WHERE e.segment_id = ? AND m.key <> ?",
            (self._segments.metadata, DOCUMENT),
        )
        for number, key, value in rows:
            facts.setdefault(number, {})[key] = value
        numbers = self._db.execute(
            "SELECT id, CAST(embedding_id AS TEXT) FROM embeddings WHERE segment_id = ? AND id > 0 ORDER BY id",
            (self._segments.metadata,),
        )
        return [Record(int(number), name, facts.get(number, {})) for number, name in numbers]

    def texts(self, records: Sequence[Record]) -> dict[int, str]:
        """The texts of some records, by number; of those that have one."""
        found: dict[int, str] = {}
        for start in range(0, len(records), MANY):
            numbers = ",".join(str(record.number) for record in records[start : start + MANY])
            found.update(
                self._db.execute(
                    f"SELECT id, CAST(string_value AS TEXT) FROM embedding_metadata WHERE key = ? AND id IN ({numbers}) "  # noqa: S608 - numbers
                    "AND string_value IS NOT NULL",
                    (DOCUMENT,),
                )
            )
        return found

    # ----------------------------------------------------------------------------------------- its vectors

    def vectors(self) -> dict[str, Array]:
        """The vector of every record, by its id: those of its graph, and on top of them what is written since."""
        import numpy

        found, until = self._stored()
        rows = self._db.execute(
            "SELECT operation, CAST(id AS TEXT), vector, encoding FROM embeddings_queue "
            "WHERE topic LIKE ? AND seq_id > ? ORDER BY seq_id",
            (f"%/{self._segments.collection}", until),
        )
        for operation, name, vector, encoding in rows:
            if operation == DELETE:
                found.pop(name, None)
            elif vector is not None and operation in (UPSERT, UPDATE if name in found else ADD):
                if not isinstance(vector, bytes) or len(vector) % 4 or encoding not in ENCODINGS:
                    raise self._damaged(f"the vector of {name!r} is none")
                found[name] = numpy.frombuffer(vector, dtype=ENCODINGS[encoding]).astype(numpy.float32)
        return found

    def _stored(self) -> tuple[dict[str, Array], int]:
        """The vectors of the graph on the disk, and the number of the last change in them."""
        folder = self._place.folder / str(uuid.UUID(self._segments.vectors))
        known = _known_labels(folder)
        until = self._last_of(self._segments.vectors)
        if known is None:
            return {}, until
        labels, last = known
        rows = _rows(folder)
        return {name: rows[label] for name, label in labels.items() if label in rows}, max(until, last)

    # ----------------------------------------------------------------------------------------------- parts

    def _chosen(self) -> tuple[str, _Segments]:
        names = dict(
            self._db.execute(
                "SELECT CAST(name AS TEXT), CAST(id AS TEXT) FROM collections WHERE name <> '' ORDER BY name"
            ).fetchall()
        )
        wanted = self._place.collection
        if wanted is None and len(names) == 1:
            wanted = next(iter(names))
        if wanted is None or wanted not in names:
            raise _no_collection(self._place, list(names))
        parts = dict(
            self._db.execute(
                "SELECT scope, id FROM segments WHERE collection = ?", (names[wanted],)
            ).fetchall()
        )
        try:
            return wanted, _Segments(names[wanted], parts["METADATA"], str(uuid.UUID(str(parts["VECTOR"]))))
        except (KeyError, ValueError):
            raise self._damaged(f"collection {wanted!r} has lost a part") from None

    def _last_of(self, segment: str) -> int:
        row = self._db.execute("SELECT seq_id FROM max_seq_id WHERE segment_id = ?", (segment,)).fetchone()
        try:
            return 0 if row is None else _number(row[0])
        except (ValueError, TypeError):
            raise self._damaged("the numbers of its changes are none") from None

    def _refuse_unfinished(self) -> None:
        """Texts are written with every change; where they are not, Chroma was killed and will go on when it is opened."""
        done = self._last_of(self._segments.metadata)
        row = self._db.execute(
            "SELECT max(seq_id) FROM embeddings_queue WHERE topic LIKE ?",
            (f"%/{self._segments.collection}",),
        ).fetchone()
        if row[0] is not None and _number(row[0]) > done:
            raise KnowledgeError(
                f"the last changes of collection {self.name!r} are not worked off yet",
                hint="open the folder once with Chroma and count its records: collection.count()",
            )

    def _damaged(self, what: str) -> KnowledgeError:
        return KnowledgeError(
            f"{self._place.written!r} is damaged: {what}", hint="open it with Chroma, or make it anew"
        )


def _number(value: Any) -> int:
    """The number of a change; older versions wrote it as bytes."""
    return int.from_bytes(value, "big") if isinstance(value, bytes) else int(value)


def _no_collection(place: Place, names: Sequence[str]) -> KnowledgeError:
    folder = place.written.partition("#")[0]
    if not names:
        return KnowledgeError(f"the Chroma folder {folder!r} holds no collection")
    there = ", ".join(names[:SHOWN]) + (" …" if len(names) > SHOWN else "")
    if place.collection is None:
        return KnowledgeError(
            f"the Chroma folder {folder!r} holds {len(names)} collections: {there}",
            hint=f"name one: {folder}#{names[0]}",
        )
    near = get_close_matches(place.collection, names, 1)
    return KnowledgeError(
        f"the Chroma folder {folder!r} holds no collection {place.collection!r}",
        hint=f"did you mean {folder}#{near[0]}?" if near else f"there is {there}",
    )


# -------------------------------------------------------------------------------------- files of a graph


def _unpickled(data: bytes) -> Any:
    """The plain value in a pickle. No class is looked up and nothing is called: an object is the map of its facts."""
    stack: list[Any] = []
    marks: list[int] = []
    memo: dict[int, Any] = {}
    for opcode, argument, _ in pickletools.genops(data):
        name = opcode.name
        if name == "STOP":
            return stack.pop()
        if name in _PLAIN:
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name == "MARK":
            marks.append(len(stack))
        elif name in ("SETITEM", "SETITEMS"):
            _set_items(stack, marks.pop() if name == "SETITEMS" else len(stack) - 2)
        elif name in ("MEMOIZE", "BINPUT", "LONG_BINPUT"):
            memo[len(memo) if argument is None else argument] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            stack.append(memo[argument or 0])
        elif name in ("STACK_GLOBAL", "NEWOBJ"):  # a class by its name, and then an object of it
            stack[-2:] = [{}]
        elif name == "BUILD":
            facts = stack.pop()
            stack[-1].update(facts)
        elif name not in ("PROTO", "FRAME"):
            raise ValueError(f"it asks for {name}")
    raise ValueError("it has no end")


def _set_items(stack: list[Any], start: int) -> None:
    items = stack[start:]
    del stack[start:]
    stack[-1].update(zip(items[::2], items[1::2], strict=True))


def _known_labels(folder: Path) -> tuple[dict[str, int], int] | None:
    """The label of every record in the graph, and the number of its last change; None before there is one."""
    try:
        facts = _unpickled((folder / "index_metadata.pickle").read_bytes())
        labels = {str(name): int(label) for name, label in facts["id_to_label"].items()}
        return labels, _number(facts.get("max_seq_id") or 0)
    except FileNotFoundError:
        return None
    except _WRONG as error:
        raise _broken(folder, error) from error


def _rows(folder: Path) -> dict[int, Array]:
    """The vectors of a graph by their labels; they stay on the disk until they are looked at."""
    import numpy

    try:
        with (folder / "header.bin").open("rb") as file:
            _, start, _, count, size, label_at, vector_at = _HEADER.unpack(file.read(_HEADER.size))
        if count == 0:
            return {}
        if not (0 <= vector_at <= label_at <= size - 8 and (label_at - vector_at) % 4 == 0):
            raise ValueError("its header makes no sense")
        level = numpy.memmap(folder / "data_level0.bin", numpy.uint8, "r", offset=start)
        elements = level[: count * size].reshape(count, size)
    except (OSError, struct.error, ValueError, OverflowError) as error:
        raise _broken(folder, error) from error
    labels = numpy.ascontiguousarray(elements[:, label_at : label_at + 8]).view("<u8")[:, 0]
    vectors = elements[:, vector_at:label_at]
    return {int(label): vectors[place].view("<f4") for place, label in enumerate(labels)}


def _broken(folder: Path, error: Exception) -> KnowledgeError:
    return KnowledgeError(
        f"the vectors in {folder.parent.name}/{folder.name} cannot be read: {error}",
        hint="the folder is damaged, or of a version of Chroma that keeps them in another way",
    )
