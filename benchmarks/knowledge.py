"""Knowledge: how long a search of 50,000 passages takes and what memory, how fast files are indexed, what is found.

The large index is made of invented words whose frequencies fall as in real texts, and of random vectors: time and memory
do not depend on what they mean. What is found is measured on the bank's documents and tasks of tau2, where they are
present beside the project: the query is the task's whole instruction, and found counts as found among the first four
documents, out of those it needs (at most four).
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy

from benchmarks.table import Row, figure
from orchestrator.calling import EmbedderInfo
from orchestrator.config import Config
from orchestrator.knowledge.index import Index
from orchestrator.knowledge.retrieve import IndexedKnowledge, open_knowledge
from orchestrator.knowledge.search import By, Searcher
from orchestrator.knowledge.split import Piece
from orchestrator.knowledge.update import as_embedded
from orchestrator.knowledge.vectors import vectors_of
from orchestrator.ports import Embedder
from orchestrator.providers.embedders import open_embedder
from orchestrator.spec.model import Knowledge

PASSAGES = 50_000
WORDS = 80
"""Words of an invented passage."""
QUERIES = 60
TAU2 = Path(__file__).parents[2] / "shared" / "data" / "tau2"
INFO = EmbedderInfo("scripted:random", "random", 384, 512, local=True)
HALVES: tuple[By, ...] = ("words", "meaning", "both")


def measure() -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        rows = _speed(Path(folder) / "large.db")
        rows += _indexing(Path(folder))
        rows += _found(Path(folder))
    return rows


# ---------------------------------------------------------------------------------------------------- search


def _speed(path: Path) -> list[Row]:
    _make(path)
    command = [sys.executable, "-m", "benchmarks.knowledge", str(path)]
    told = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1])
    found: dict[str, Any] = json.loads(told.stdout)
    rows = []
    for name, goal in (("short", "≤ 20 ms"), ("long", "")):
        for by in HALVES:
            what = f"search of {PASSAGES:,} passages, {name} query, {by}"
            rows.append(figure(what, found[f"{name} {by}"], "ms", goal if by == "both" else ""))
            rows.append(figure(f"{what}: CPU", found[f"{name} {by} cpu"], "ms"))
    rows.append(Row("reading its vectors, once per process", f"{found['load']:.0f} ms"))
    rows.append(Row("memory of the index while searching", f"{found['memory'] / 1e6:.0f} MB", "≤ 100 MB"))
    rows.append(Row("its file", f"{path.stat().st_size / 1e6:.0f} MB"))
    return rows


def _make(path: Path) -> None:
    chance = numpy.random.default_rng(1)
    words = _vocabulary()
    index = Index(path)
    index.begin(INFO, [])
    for number in range(PASSAGES // 100):
        file = index.start_file(f"{number}.txt", "", "")
        picked = numpy.minimum(chance.zipf(1.15, (100, WORDS)), len(words)) - 1
        pieces = [
            Piece(" ".join(words[word] for word in row), f"part {n}", (n, n)) for n, row in enumerate(picked)
        ]
        vectors = chance.standard_normal((100, 384)).astype(numpy.float32)
        index.add(file, 0, pieces, vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True))
        index.finish_file(file, f"{number}.txt")
    index.settle()
    index.close()


def _vocabulary() -> list[str]:
    parts = ["ba", "ke", "di", "lo", "mu", "ra", "se", "ti", "no", "vu"]
    return ["".join(parts[int(digit)] for digit in f"{number:05d}") for number in range(40_000)]


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(pages[1]) * os.sysconf("SC_PAGE_SIZE")


def _child(path: Path) -> None:
    """In a process of its own: nothing else counts."""
    chance = numpy.random.default_rng(2)
    words = _vocabulary()
    index = Index(path)
    searcher = Searcher(index)
    searcher.search("", _direction(chance) * 0, 0)  # numpy's own parts are loaded
    before_any = _resident()
    del searcher
    searcher = Searcher(index)
    before = _resident()
    started = time.perf_counter()
    searcher.search(words[7], _direction(chance), 4)
    found: dict[str, Any] = {"load": (time.perf_counter() - started) * 1000}
    for name, size in (("short", 10), ("long", 300)):
        for by in HALVES:
            wall, cpu = [], []
            for _ in range(QUERIES):
                picked = numpy.minimum(chance.zipf(1.15, size), len(words)) - 1
                query = "" if by == "meaning" else " ".join(words[word] for word in picked)
                vector = None if by == "words" else _direction(chance)
                started, worked = time.perf_counter(), time.process_time()
                searcher.search(query, vector, 4)
                wall.append((time.perf_counter() - started) * 1000)
                cpu.append((time.process_time() - worked) * 1000)
            found |= {f"{name} {by}": wall, f"{name} {by} cpu": cpu}
    found["memory"] = _resident() - min(before, before_any)
    print(json.dumps(found))


def _direction(chance: numpy.random.Generator) -> Any:
    vector = chance.standard_normal(384).astype(numpy.float32)
    return vector / numpy.linalg.norm(vector)


# -------------------------------------------------------------------------------------------------- indexing


def _embedder() -> Embedder:
    config = Config.from_environment(os.environ, Path.cwd())
    return open_embedder(None, environ=os.environ, config=config, base=Path.cwd())


def _indexing(folder: Path) -> list[Row]:
    """The project's own documents: the whole against the embedder alone with the same passages."""

    async def work() -> tuple[int, float, float, float, float]:
        root = Path(__file__).parents[1]
        embedder = _embedder()
        await embedder.prepare()
        spec = Knowledge.model_validate({"from": ["docs/*.md", "README.md"]})
        knowledge = open_knowledge("bench", spec, root, folder / "state", embedder)
        worked = time.process_time()
        report = await knowledge.refresh()
        whole = time.process_time() - worked
        index = Index(folder / "state" / "knowledge" / "bench.db")
        with index.reading() as db:
            texts = [as_embedded(*row) for row in db.execute("SELECT heading, text FROM passages")]
        index.close()
        worked, started = time.process_time(), time.perf_counter()
        await vectors_of(embedder, texts)
        alone, wall = time.process_time() - worked, time.perf_counter() - started
        await knowledge.close()
        await embedder.close()
        return report.passages, report.seconds, whole, wall, alone

    passages, seconds, whole, wall, alone = asyncio.run(work())
    return [
        Row("indexing Markdown", f"{passages / seconds:.0f} passages/s"),
        Row("the embedder alone, the same passages", f"{passages / wall:.0f} passages/s"),
        Row("CPU of indexing over CPU of the embedder alone", f"{whole / alone:.2f} x"),
    ]


# ----------------------------------------------------------------------------------------------------- found


def _found(folder: Path) -> list[Row]:
    if not TAU2.is_dir():
        return [Row("recall on tau2 banking", "not measured: the data is not here")]
    docs = json.loads(gzip.decompress((TAU2 / "banking_documents.json.gz").read_bytes()))
    tasks = json.loads(gzip.decompress((TAU2 / "banking_tasks.json.gz").read_bytes()))
    (folder / "docs").mkdir()
    for doc in docs:
        (folder / "docs" / f"{doc['id']}.md").write_text(
            f"# {doc['title']}\n\n{doc['content']}\n", encoding="utf-8"
        )
    asked = [
        (_text(task["user_scenario"]["instructions"]), frozenset(task["required_documents"]))
        for task in tasks
        if task.get("required_documents")
    ]
    recalls, hits = asyncio.run(_recall(folder, asked))
    rows = []
    for by in HALVES:
        rows.append(
            Row(f"recall@4 on tau2 banking ({len(asked)} tasks), {by}", f"{100 * mean(recalls[by]):.1f} %")
        )
        rows.append(Row(f"a needed document among the first four, {by}", f"{100 * mean(hits[by]):.1f} %"))
    return rows


def _text(instructions: Any) -> str:
    return instructions if isinstance(instructions, str) else json.dumps(instructions)


async def _recall(
    folder: Path, asked: Sequence[tuple[str, frozenset[str]]]
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    embedder = _embedder()
    spec = Knowledge.model_validate({"from": "docs"})
    knowledge: IndexedKnowledge = open_knowledge("tau2", spec, folder, folder / "state", embedder)
    await knowledge.refresh()
    recalls: dict[str, list[float]] = {by: [] for by in HALVES}
    hits: dict[str, list[float]] = {by: [] for by in HALVES}
    for query, needed in asked:
        for by in HALVES:
            passages = await knowledge.search(query, 40, by=by)
            first = list(dict.fromkeys(Path(passage.file).stem for passage in passages))[:4]
            right = len(needed & set(first))
            recalls[by].append(right / min(4, len(needed)))
            hits[by].append(float(right > 0))
    await knowledge.close()
    await embedder.close()
    return recalls, hits


if __name__ == "__main__":
    _child(Path(sys.argv[1]))
