"""One index: a SQLite file with files, passages, their words (FTS5) and their vectors (float32).

A file's new passages become visible in one transaction, which also takes its old ones away: whoever searches sees the
old file or the new one, and a process that is killed in between leaves neither half a file nor anything twice.
Deleted text is overwritten, also in the index of words. Knows no embedder and no file format.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.split import Piece

if TYPE_CHECKING:
    import numpy

    from orchestrator.calling import EmbedderInfo

    Array = numpy.ndarray[Any, Any]

FORMAT = 1
TOKENIZER = "porter unicode61 remove_diacritics 2"
_TABLES = f"""
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE files (
  id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, digest TEXT NOT NULL, stamp TEXT NOT NULL,
  done INTEGER NOT NULL
);
CREATE INDEX files_name ON files (name);
CREATE TABLE skipped (name TEXT PRIMARY KEY, stamp TEXT NOT NULL, why TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE passages (
  id INTEGER PRIMARY KEY AUTOINCREMENT, file INTEGER NOT NULL, place INTEGER NOT NULL, heading TEXT NOT NULL,
  first INTEGER NOT NULL, last INTEGER NOT NULL, text TEXT NOT NULL
);
CREATE UNIQUE INDEX passages_file ON passages (file, place);
CREATE TABLE vectors (id INTEGER PRIMARY KEY, vector BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (
  heading, text, content='passages', content_rowid='id', tokenize='{TOKENIZER}'
);
CREATE VIRTUAL TABLE vocabulary USING fts5vocab ('words', 'row');
"""
WAIT = 30.0
"""Seconds to wait for another process in the middle of a transaction."""


@dataclass(frozen=True, slots=True)
class File:
    """One version of a file in the index. `done` is false while its passages come in."""

    id: int
    name: str
    digest: str
    stamp: str
    done: bool
    passages: int = 0


@dataclass(frozen=True, slots=True)
class Whole:
    """A file with all its passages and their vectors."""

    name: str
    digest: str
    stamp: str
    pieces: tuple[Piece, ...]
    vectors: Array


@dataclass(frozen=True, slots=True)
class Size:
    files: int
    passages: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Vectors:
    """All vectors that can be found: `matrix[i]` is that of passage `ids[i]`, in file `files[i]`; `ids` ascends."""

    ids: Array
    files: Array
    matrix: Array


class Index:
    """Open index. Every method is a short transaction of its own; not for two threads at once."""

    def __init__(self, path: Path) -> None:
        """Open or make it. Raises KnowledgeError."""
        self.path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(path, timeout=WAIT, isolation_level=None, check_same_thread=False)
            try:
                self._set_up()
            except BaseException:
                self._db.close()
                raise

    def close(self) -> None:
        self._db.close()

    # -------------------------------------------------------------------------------------------- embedder

    def built_with(self) -> tuple[str, str]:
        """Reference and digest of the embedder of its vectors; empty for a new index."""
        facts = self._facts()
        return facts.get("embedder", ""), facts.get("digest", "")

    @property
    def patterns(self) -> tuple[str, ...]:
        """The globs it was last brought up to date with."""
        return tuple(line for line in self._facts().get("patterns", "").split("\n") if line)

    @property
    def made_from(self) -> tuple[str, str]:
        """Those globs, and the folder of the project that they begin in: what tells two knowledges of one name apart."""
        facts = self._facts()
        return facts.get("patterns", ""), facts.get("base", "")

    def begin(
        self, info: EmbedderInfo, patterns: Sequence[str], base: str = "", gone: Sequence[str] = ()
    ) -> int:
        """State whose vectors these are and what it is made from, and forget what does not belong to that, all at once.

        Returns how many passages went. Raises KnowledgeError when there are vectors of another embedder.
        """
        refuse_other(self.path.stem, self.built_with(), info)
        with self._changing() as db:
            facts = {"embedder": info.ref, "digest": info.digest, "dimensions": str(info.dimensions)}
            facts |= {"patterns": "\n".join(patterns), "base": base}
            db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())
            return self._forget(db, gone)

    # ----------------------------------------------------------------------------------------------- files

    def files(self) -> list[File]:
        """Every version of every file, finished or not, by name and age."""
        with self._explained():
            rows = self._db.execute(
                "SELECT f.id, f.name, f.digest, f.stamp, f.done, count(p.id) FROM files f "
                "LEFT JOIN passages p ON p.file = f.id GROUP BY f.id ORDER BY f.name, f.id"
            ).fetchall()
        return [File(row[0], row[1], row[2], row[3], bool(row[4]), row[5]) for row in rows]

    def skipped(self) -> dict[str, tuple[str, str]]:
        """Stamp and reason of the files that could not be read, by name."""
        with self._explained():
            rows = self._db.execute("SELECT name, stamp, why FROM skipped ORDER BY name").fetchall()
        return {name: (stamp, why) for name, stamp, why in rows}

    def start_file(self, name: str, digest: str, stamp: str) -> int:
        """A new version of a file, not visible yet; what an older attempt left of it is removed."""
        with self._changing() as db:
            left = [row[0] for row in db.execute("SELECT id FROM files WHERE name = ? AND NOT done", (name,))]
            self._remove(db, left)
            row = db.execute(
                "INSERT INTO files (name, digest, stamp, done) VALUES (?, ?, ?, 0) RETURNING id",
                (name, digest, stamp),
            ).fetchone()
            return int(row[0])

    def add(self, file: int, place: int, pieces: Sequence[Piece], vectors: Array) -> None:
        """Passages of a version, the first of them at `place`."""
        with self._changing() as db:
            _insert(db, file, place, pieces, vectors)

    def finish_file(self, file: int, name: str) -> None:
        """Make a version visible in place of the one before."""
        with self._changing() as db:
            older = [
                row[0] for row in db.execute("SELECT id FROM files WHERE name = ? AND id <> ?", (name, file))
            ]
            self._remove(db, older)
            _tell_words(db, file)
            db.execute("UPDATE files SET done = 1 WHERE id = ?", (file,))
            db.execute("DELETE FROM skipped WHERE name = ?", (name,))

    def put(self, files: Sequence[Whole]) -> None:
        """Files in place of what was known of them, all at once."""
        with self._changing() as db:
            for one in files:
                self._remove(
                    db, [row[0] for row in db.execute("SELECT id FROM files WHERE name = ?", (one.name,))]
                )
                row = db.execute(
                    "INSERT INTO files (name, digest, stamp, done) VALUES (?, ?, ?, 1) RETURNING id",
                    (one.name, one.digest, one.stamp),
                ).fetchone()
                _insert(db, row[0], 0, one.pieces, one.vectors)
                _tell_words(db, row[0])

    def touch(self, file: int, stamp: str) -> None:
        """The file was written anew with the same content."""
        self.touch_all([file], stamp)

    def touch_all(self, files: Sequence[int], stamp: str) -> None:
        """The same for several."""
        with self._changing() as db:
            db.executemany("UPDATE files SET stamp = ? WHERE id = ?", [(stamp, file) for file in files])

    def skip(self, name: str, stamp: str, why: str) -> None:
        """The file cannot be read: what was known of it goes."""
        with self._changing() as db:
            self._remove(db, [row[0] for row in db.execute("SELECT id FROM files WHERE name = ?", (name,))])
            db.execute("INSERT OR REPLACE INTO skipped VALUES (?, ?, ?)", (name, stamp, why))

    def remove(self, names: Sequence[str]) -> int:
        """Forget files, their passages, words and vectors. Returns how many passages went."""
        with self._changing() as db:
            return self._forget(db, names)

    def _forget(self, db: sqlite3.Connection, names: Sequence[str]) -> int:
        gone = 0
        for name in names:
            found = db.execute("SELECT id FROM files WHERE name = ?", (name,)).fetchall()
            gone += self._remove(db, [row[0] for row in found])
            db.execute("DELETE FROM skipped WHERE name = ?", (name,))
        return gone

    def settle(self) -> None:
        """After deletions: merge the index of words, so that deleted ones are not in it either, and shrink the log."""
        with self._explained():
            if self._facts().get("deleted"):
                with self._changing() as db:
                    db.execute("INSERT INTO words (words) VALUES ('optimize')")
                    db.execute("DELETE FROM facts WHERE key = 'deleted'")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    # --------------------------------------------------------------------------------------------- reading

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One state of the index for several questions, whatever others write meanwhile."""
        with self._explained():
            self._db.execute("BEGIN")
            try:
                yield self._db
            finally:
                self._db.execute("ROLLBACK")

    def state(self) -> int:
        """A number that changes with the index."""
        with self._explained():
            return int(self._facts().get("state", "0"))

    def vectors(self) -> Vectors:
        """Every vector that can be found, in one matrix."""
        import numpy

        with self._explained():
            join = "FROM vectors v JOIN passages p ON p.id = v.id JOIN files f ON f.id = p.file WHERE f.done"
            count = self._db.execute(f"SELECT count(*) {join}").fetchone()[0]
            dimensions = int(self._facts().get("dimensions", "0"))
            ids = numpy.empty(count, dtype=numpy.int64)
            files = numpy.empty(count, dtype=numpy.int64)
            matrix = numpy.empty((count, dimensions), dtype=numpy.float32)
            rows = self._db.execute(f"SELECT v.id, p.file, v.vector {join} ORDER BY v.id")
            for place, (number, file, vector) in enumerate(rows):
                ids[place], files[place] = number, file
                matrix[place] = numpy.frombuffer(vector, dtype="<f4")
        return Vectors(ids, files, matrix)

    def content(self) -> str:
        """A digest over all files that can be found: the same for the same documents, wherever the index lies."""
        digest = hashlib.sha256()
        with self._explained():
            for row in self._db.execute("SELECT name, digest FROM files WHERE done ORDER BY name"):
                digest.update("\0".join((*row, "")).encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def size(self) -> Size:
        with self._explained():
            files = self._db.execute("SELECT count(*) FROM files WHERE done").fetchone()[0]
            passages = self._db.execute(
                "SELECT count(*) FROM passages p JOIN files f ON f.id = p.file WHERE f.done"
            ).fetchone()[0]
            return Size(files, passages, self.path.stat().st_size)

    # ----------------------------------------------------------------------------------------------- parts

    def _set_up(self) -> None:
        db = self._db
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA secure_delete = ON")
        with self._changing(quiet=True):
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    db.execute(statement)
                db.execute(f"PRAGMA user_version = {FORMAT}")
            elif version != FORMAT:
                raise KnowledgeError(
                    f"the index {self.path} was made by another version of orch",
                    hint=f"orch index rm {self.path.stem}, then orch index add {self.path.stem}",
                )

    def _facts(self) -> dict[str, str]:
        with self._explained():
            return dict(self._db.execute("SELECT key, value FROM facts").fetchall())

    def _remove(self, db: sqlite3.Connection, files: Sequence[int]) -> int:
        gone = 0
        for file in files:
            done = db.execute("SELECT done FROM files WHERE id = ?", (file,)).fetchone()[0]
            if done:  # only then its words are in the index
                db.execute(
                    "INSERT INTO words (words, rowid, heading, text) "
                    "SELECT 'delete', id, heading, text FROM passages WHERE file = ?",
                    (file,),
                )
                db.execute("INSERT OR REPLACE INTO facts VALUES ('deleted', '1')")
            db.execute("DELETE FROM vectors WHERE id IN (SELECT id FROM passages WHERE file = ?)", (file,))
            gone += db.execute("DELETE FROM passages WHERE file = ?", (file,)).rowcount
            db.execute("DELETE FROM files WHERE id = ?", (file,))
        return gone

    @contextmanager
    def _changing(self, *, quiet: bool = False) -> Iterator[sqlite3.Connection]:
        """A transaction that writes, whole or not at all."""
        with self._explained():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
                if not quiet:
                    self._db.execute(
                        "INSERT INTO facts VALUES ('state', '1') "
                        "ON CONFLICT (key) DO UPDATE SET value = value + 1"
                    )
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise KnowledgeError(
                f"the index {self.path} cannot be used: {error}",
                hint="another process may be writing it, or the disk is full; try again",
            ) from error
        except sqlite3.DatabaseError as error:
            name = self.path.stem
            raise KnowledgeError(
                f"the index {self.path} is damaged: {error}",
                hint=f"orch index rm {name}, then orch index add {name}",
            ) from error
        except OSError as error:
            raise KnowledgeError(
                f"the index {self.path} cannot be used: {error.strerror or error}"
            ) from error


def _insert(db: sqlite3.Connection, file: int, place: int, pieces: Sequence[Piece], vectors: Array) -> None:
    for offset, (piece, vector) in enumerate(zip(pieces, vectors, strict=True)):
        row = db.execute(
            "INSERT INTO passages (file, place, heading, first, last, text) VALUES (?, ?, ?, ?, ?, ?) "
            "RETURNING id",
            (file, place + offset, piece.heading, *piece.lines, piece.text),
        ).fetchone()
        db.execute("INSERT INTO vectors VALUES (?, ?)", (row[0], vector.astype("<f4").tobytes()))


def _tell_words(db: sqlite3.Connection, file: int) -> None:
    """The words of a file's passages can be found from now on."""
    db.execute(
        "INSERT INTO words (rowid, heading, text) SELECT id, heading, text FROM passages WHERE file = ? "
        "ORDER BY id",
        (file,),
    )


def refuse_other(name: str, built: tuple[str, str], info: EmbedderInfo) -> None:
    """Raise KnowledgeError when an index was built with another embedder: its vectors mean something else."""
    ref, digest = built
    if digest and digest != info.digest:
        what = f"with '{ref}', not with '{info.ref}'" if ref != info.ref else f"with other weights of '{ref}'"
        raise KnowledgeError(
            f"the index '{name}' was built {what}", hint=f"build it anew: orch index add {name} --rebuild"
        )
