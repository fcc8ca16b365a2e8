"""Knowledge and examples for tests: what they find is written down beforehand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy

from orchestrator.calling import EmbedderInfo, Example, Passage
from orchestrator.errors import KnowledgeError


def passage(text: str, file: str = "docs/hours.md", heading: str = "Hours", score: float = 0.5) -> Passage:
    return Passage(text, file, heading, (1, 2), score)


@dataclass
class FoundBeforehand:
    """A knowledge that finds the same for every question, and remembers the questions."""

    found: Sequence[Passage]
    info: EmbedderInfo | None = None
    asked: list[tuple[str, int, float | None]] = field(default_factory=list)

    async def search(self, query: str, k: int, min_score: float | None = None) -> tuple[Passage, ...]:
        self.asked.append((query, k, min_score))
        return tuple(self.found[:k])

    async def embedder(self) -> EmbedderInfo | None:
        return self.info


@dataclass
class Shelf:
    """Implements ports.Retrievers."""

    known: Mapping[str, FoundBeforehand]

    def __call__(self, file: str, name: str) -> FoundBeforehand:
        if name not in self.known:
            raise KnowledgeError(f"no index of {name}")
        return self.known[name]


@dataclass
class Chosen:
    """Examples in the order in which they are nearest to everything."""

    examples: Sequence[Example]
    asked: list[str] = field(default_factory=list)

    async def nearest(self, query: str, k: int) -> tuple[tuple[Example, float], ...]:
        self.asked.append(query)
        return tuple((example, 0.9 - n / 10) for n, example in enumerate(self.examples[:k]))


def examples(*pairs: tuple[Any, Any]) -> Chosen:
    return Chosen([Example(asked, answered, n) for n, (asked, answered) in enumerate(pairs, 1)])


def equip(chosen: Chosen | None = None, **known: FoundBeforehand) -> dict[str, Any]:
    """The ports of a run that looks these up."""
    ports: dict[str, Any] = {"knowledge": Shelf(known)}
    if chosen is not None:
        ports["examples"] = lambda _file: chosen
    return ports


class Hashing:
    """An embedder of bags of words; similar are texts that share words."""

    def __init__(self, context: int = 512, dimensions: int = 256) -> None:
        self.info = EmbedderInfo("test:hashing", f"hashing {dimensions}", dimensions, context, local=True)
        self.embedded: list[str] = []

    async def prepare(self) -> EmbedderInfo:
        return self.info

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        self.embedded += texts
        rows = numpy.zeros((len(texts), self.info.dimensions), dtype=numpy.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()):
                row[sum(word.encode()) * 31 % self.info.dimensions] += 1
        lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
        unit: numpy.ndarray[Any, Any] = rows / numpy.maximum(lengths, 1e-9)
        return unit

    async def close(self) -> None:
        """Nothing is held."""


def cases(root: Path, text: str = '{"input": "a", "output": "b"}\n') -> Path:
    """A file that is there, for those who only look whether it is."""
    file = root / "cases.jsonl"
    file.write_text(text, encoding="utf-8")
    return file
