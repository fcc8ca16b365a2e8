"""Makes the folders of `chroma-*.zip` with a real Chroma; its client is 500 MB, so that tests read what it made.

`python tests/knowledge/chroma_folders.py FOLDER` with a Chroma installed. `expected.json` is what Chroma itself answers.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import re
import sys
from pathlib import Path
from typing import Any

DIMENSIONS = 64


def vector(text: str) -> list[float]:
    """The vector of tests.embedding.WordEmbedder, without its imports."""
    made = [0.01] + [0.0] * (DIMENSIONS - 1)
    for word in re.findall(r"\w+", text.lower()):
        digest = hashlib.blake2b(word.encode(), digest_size=8).digest()
        made[int.from_bytes(digest[:4], "big") % DIMENSIONS] += 1.0 if digest[4] & 1 else -1.0
    length = math.sqrt(sum(one * one for one in made))
    return [one / length for one in made]


def make(folder: Path) -> None:
    chroma = importlib.import_module("chromadb")
    settings = importlib.import_module("chromadb.config").Settings(anonymized_telemetry=False)
    client = chroma.PersistentClient(str(folder), settings=settings)
    _notes(client.create_collection("notes", embedding_function=None))
    _guide(client.create_collection("guide", embedding_function=None, metadata=_SMALL))
    client.create_collection("empty", embedding_function=None)
    bare = client.create_collection("bare", embedding_function=None)
    bare.add(ids=["x"], embeddings=[vector("x")], metadatas=[{"source": "x.md"}])
    answers = {
        name: client.get_collection(name, embedding_function=None).get(include=["documents", "embeddings"])
        for name in ("notes", "guide")
    }
    expected = {
        name: {
            one: [text, [float(number) for number in row]]
            for one, text, row in zip(got["ids"], got["documents"], got["embeddings"], strict=True)
        }
        for name, got in answers.items()
    }
    (folder / "expected.json").write_text(json.dumps(expected), encoding="utf-8")


_SMALL = {"hnsw:space": "cosine", "hnsw:sync_threshold": 20, "hnsw:batch_size": 10}
"""A graph that is written to the disk after few records."""


def _add(collection: Any, how: str, texts: dict[str, str], facts: list[dict[str, Any]] | None = None) -> None:
    getattr(collection, how)(
        ids=list(texts),
        embeddings=[vector(text) for text in texts.values()],
        documents=list(texts.values()),
        **({} if facts is None else {"metadatas": facts}),
    )


def _notes(notes: Any) -> None:
    """Few records: they never came into a graph."""
    texts = {
        "a": "Refunds take two weeks.",
        "b": "Cards are replaced for free.",
        "c": "The office is closed on Sundays.",
        "d": "This will be deleted.",
        "e": "This will be replaced.",
    }
    facts: list[dict[str, Any]] = [
        {
            "source": "docs/money.md",
            "Header 1": "Guide",
            "Header 2": "Refunds",
            "start_line": 3,
            "end_line": 4,
        },
        {"source": "docs/money.md", "title": "Cards"},
        {"file_path": "docs/office.txt", "page": 7},
        {"source": "docs/old.md"},
        {"rank": 1},
    ]
    _add(notes, "add", texts, facts)
    notes.delete(ids=["d"])
    _add(notes, "update", {"e": "Parking is behind the house."})
    _add(notes, "upsert", {"f": "The canteen opens at noon."}, [{"source": "docs/office.txt"}])
    _add(notes, "add", {"a": "An id that is there already is left as it is."})


def _guide(guide: Any) -> None:
    """Enough for a graph on the disk, and changes behind it that are in the queue alone."""
    for start in range(0, 50, 10):
        _add(guide, "add", {f"g{n}": f"chapter {n} tells of thing{n}" for n in range(start, start + 10)})
    guide.delete(ids=["g0", "g1", "g45"])
    _add(guide, "update", {"g5": "chapter five tells of something else"})
    _add(guide, "upsert", {"g6": "chapter six anew"})
    guide.delete(ids=["g7"])
    _add(guide, "add", {"g7": "chapter seven came back"})


if __name__ == "__main__":
    make(Path(sys.argv[1]))
