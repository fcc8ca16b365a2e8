"""Finds passages by their words (BM25), by their meaning (vectors), or by both: reciprocal rank fusion of the two.

Source of the fusion: Cormack, Clarke and Büttcher, SIGIR 2009. Knows no embedder: the query comes with its vector.
"""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from orchestrator.calling import Passage
from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.index import TOKENIZER, Index, Vectors

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, Any]

By = Literal["both", "words", "meaning"]

FUSION = 60
"""The constant of the fusion, as its authors found it: how little the very first places count for more."""
CANDIDATES = 50
"""Passages of each half that take part, or four times as many as are asked for."""
TERMS = 64
"""Different words of a query that are looked up: those that say most, by how often the query has them and how rare they are."""
OFTEN = 3
"""A word that a query says again counts again, so many times."""
COMMON = 0.3
"""A word that more than this share of all passages has tells nothing apart."""
FEW = 10
"""But in so many passages any word may occur."""
ROWS = 20_000
"""Passages that the words may occur in altogether, so that a search of a large index takes no longer."""
READ = 4_000
"""Words of a query that are looked at."""
REMEMBERED = 50_000
"""Words of queries whose stems and counts are kept."""
HEADING = 2.0
"""What a word in the heading counts for, against one in the text."""
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Found:
    """A passage, with what each half says of it: cosine and BM25; None where that half was not asked."""

    passage: Passage
    cosine: float | None
    bm25: float | None


class Searcher:
    """Asks one index. Holds its vectors in memory, and reads them anew when the index has changed.

    Not for two threads at once.
    """

    def __init__(self, index: Index, made_from: tuple[str, str] | None = None) -> None:
        """`made_from` is what the index has to be made from whenever it is asked; None for whatever it holds."""
        self._index = index
        self._made_from = made_from
        self._state = -1
        self._vectors: Vectors | None = None
        self._terms = _Terms()

    def search(
        self,
        query: str,
        vector: Array | None,
        k: int,
        *,
        min_score: float | None = None,
        files: str | None = None,
    ) -> list[Found]:
        """The best `k`, best first. Without a vector only words count, with an empty query only meaning.

        `files` is a glob over names of files. `min_score` is the least similarity of meaning (cosine); where only
        words count, the least share of the best passage's BM25.
        """
        count = max(CANDIDATES, 4 * k)
        with self._index.reading() as db:
            self._refuse_others()
            if vector is not None:
                self._refresh()
            allowed = None if files is None else _matching(db, files)
            near = {} if vector is None else self._near(vector, count, allowed)
            said = self._said(db, query, count, allowed) if query else {}
            order = fused(list(near), list(said))
            best = max(said.values(), default=0.0)
            chosen: list[tuple[int, float, float | None, float | None]] = []
            for number, fusion in order:
                cosine = near.get(number)
                if cosine is None and vector is not None:
                    cosine = self._cosine(number, vector)
                score = _score(fusion, cosine, said.get(number), best, hybrid=bool(query))
                least = cosine if cosine is not None else score
                if min_score is None or least >= min_score:
                    chosen.append((number, score, cosine, said.get(number)))
                if len(chosen) == k:
                    break
            return [
                Found(_passage(db, number, score), cosine, bm25) for number, score, cosine, bm25 in chosen
            ]

    # ----------------------------------------------------------------------------------------------- parts

    def _refuse_others(self) -> None:
        """Raise KnowledgeError where another workflow made the index from documents of its own meanwhile."""
        if self._made_from is not None and self._index.made_from != self._made_from:
            raise KnowledgeError(
                f"the index '{self._index.path.stem}' holds other documents by now: those of another workflow",
                hint="call one of the two knowledges otherwise, or declare it once in orch.yaml",
            )

    def _refresh(self) -> None:
        state = self._index.state()
        if self._vectors is None or state != self._state:
            self._vectors = None  # the old ones go before the new ones come: they are large
            self._vectors = self._index.vectors()
            self._state = state

    def _near(self, vector: Array, count: int, allowed: frozenset[int] | None) -> dict[int, float]:
        """The passages nearest in meaning, nearest first, with their cosine."""
        import numpy

        held = self._vectors
        assert held is not None
        # one thread of its own: BLAS would share this among threads that wait for each other by spinning
        scores = numpy.einsum("ij,j->i", held.matrix, vector)
        places = numpy.arange(len(scores))
        if allowed is not None:
            places = places[numpy.isin(held.files, list(allowed))]
        if len(places) > count:
            part = numpy.argpartition(-scores[places], count - 1)[:count]
            places = places[part]
        places = places[numpy.lexsort((places, -scores[places]))]
        return {int(held.ids[place]): round(float(scores[place]), 6) for place in places}

    def _cosine(self, number: int, vector: Array) -> float:
        import numpy

        held = self._vectors
        assert held is not None
        place = int(numpy.searchsorted(held.ids, number))
        return round(float(held.matrix[place] @ vector), 6)

    def _said(
        self, db: sqlite3.Connection, query: str, count: int, allowed: frozenset[int] | None
    ) -> dict[int, float]:
        """The passages whose words fit best, best first, with their BM25."""
        words = self._terms.telling(db, query, self._index.state())
        if not words:
            return {}
        where = "words MATCH ?"
        if allowed is not None:
            numbers = ",".join(map(str, sorted(allowed))) or "NULL"
            where += f" AND rowid IN (SELECT id FROM passages WHERE file IN ({numbers}))"  # noqa: S608 - numbers
        rows = db.execute(
            f"SELECT rowid, bm25(words, {HEADING}, 1.0) AS rank FROM words WHERE {where} "  # noqa: S608 - numbers
            "ORDER BY rank, rowid LIMIT ?",
            (" OR ".join(f'"{word}"' for word in words), count),
        )
        return {number: -rank for number, rank in rows}


class _Terms:
    """Which words of a query tell passages apart. Words are stemmed by the very tokenizer of the index.

    Counting how many passages have a common word takes longer than searching for a rare one: what is known is kept.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._db.execute(f"CREATE VIRTUAL TABLE said USING fts5 (word, tokenize='{TOKENIZER}')")
        self._db.execute("CREATE VIRTUAL TABLE stems USING fts5vocab ('said', 'instance')")
        self._stems: dict[str, tuple[str, ...]] = {}
        self._counts: dict[str, int] = {}
        self._state = -1

    def telling(self, db: sqlite3.Connection, query: str, state: int) -> list[str]:
        """The words of the query that say most; a word that it says again comes again."""
        said = Counter(_WORD.findall(query.lower())[:READ])
        self._learn(said, state)
        total = db.execute("SELECT max(id) FROM passages").fetchone()[0] or 0
        times: Counter[str] = Counter()
        word_of: dict[str, str] = {}
        for word, often in said.items():
            for stem in self._stems[word]:
                times[stem] += often
                word_of.setdefault(stem, word)
        weighed: list[tuple[float, int, str, int]] = []
        for stem, often in times.items():
            count = self._count(db, stem)
            if 0 < count <= max(FEW, COMMON * total):
                weight = often * math.log(1 + (total - count + 0.5) / (count + 0.5))
                weighed.append((-weight, count, word_of[stem], often))
        return _chosen(sorted(weighed))

    def _count(self, db: sqlite3.Connection, stem: str) -> int:
        """How many passages have it."""
        if stem not in self._counts:
            row = db.execute("SELECT doc FROM vocabulary WHERE term = ?", (stem,)).fetchone()
            self._counts[stem] = 0 if row is None else row[0]
        return self._counts[stem]

    def _learn(self, words: Iterable[str], state: int) -> None:
        """The stems of words that were not seen before; a word with a sign in it may have several."""
        if state != self._state or len(self._counts) > REMEMBERED:
            self._counts.clear()
            self._state = state
        if len(self._stems) > REMEMBERED:
            self._stems.clear()
        new = [word for word in words if word not in self._stems]
        if not new:
            return
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO said (rowid, word) VALUES (?, ?)", enumerate(new))
        found: dict[int, list[str]] = {}
        for stem, place in self._db.execute("SELECT term, doc FROM stems"):
            found.setdefault(place, []).append(stem)
        self._db.execute("ROLLBACK")
        self._stems.update((word, tuple(found.get(place, ()))) for place, word in enumerate(new))


def _chosen(weighed: Sequence[tuple[float, int, str, int]]) -> list[str]:
    chosen: list[str] = []
    rows = 0
    for _, count, word, times in weighed[:TERMS]:
        again = min(times, OFTEN)
        rows += count * again
        if chosen and rows > ROWS:
            break
        chosen += [word] * again
    return chosen


def fused(*rankings: Sequence[int]) -> list[tuple[int, float]]:
    """Reciprocal rank fusion: what stands high in several rankings comes first. Sums are between 0 and 1."""
    sums: dict[int, float] = {}
    asked = [ranking for ranking in rankings if ranking]
    for ranking in asked:
        for rank, number in enumerate(ranking, 1):
            sums[number] = sums.get(number, 0.0) + (FUSION + 1) / (FUSION + rank) / len(asked)
    return sorted(sums.items(), key=lambda item: (-item[1], item[0]))


def _score(fusion: float, cosine: float | None, bm25: float | None, best: float, *, hybrid: bool) -> float:
    """What a person sees as the score; it falls with rank."""
    if cosine is not None and not hybrid:
        return cosine
    if cosine is None and bm25 is not None and best > 0:
        return round(bm25 / best, 6)
    return round(fusion, 6)


def _matching(db: sqlite3.Connection, pattern: str) -> frozenset[int]:
    """The files whose names fit a glob; without a slash it means the last part of the name."""
    rows: Mapping[int, str] = dict(db.execute("SELECT id, name FROM files WHERE done").fetchall())
    whole = "/" in pattern
    return frozenset(
        number
        for number, name in rows.items()
        if fnmatchcase(name if whole else name.rpartition("/")[2], pattern)
    )


def _passage(db: sqlite3.Connection, number: int, score: float) -> Passage:
    row = db.execute(
        "SELECT p.text, f.name, p.heading, p.first, p.last FROM passages p JOIN files f ON f.id = p.file "
        "WHERE p.id = ?",
        (number,),
    ).fetchone()
    return Passage(row[0], row[1], row[2], (row[3], row[4]), score, number)
