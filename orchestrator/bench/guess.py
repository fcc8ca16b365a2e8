"""What is known without a model: the answer of the most similar case, and that of a classifier trained on the others.

No case is ever answered by itself, nor by another line that asks the very same.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.calling import Classified, Example
from orchestrator.errors import KnowledgeError
from orchestrator.knowledge.heads import Trained, answer_of, classified, train
from orchestrator.policy.cases import as_asked

if TYPE_CHECKING:
    import numpy

    from orchestrator.ports import Embedder

    Array = numpy.ndarray[Any, Any]

FOLDS = 5
BATCH = 64


@dataclass(frozen=True, slots=True)
class Pool:
    """Cases with a known answer, that may be learned from. `groups` holds the group of a line, where it has one."""

    examples: tuple[Example, ...]
    groups: Mapping[int, str] = field(default_factory=dict)

    def same(self, asked: Any) -> frozenset[int]:
        """Lines that ask the very same, and those of the same group."""
        wanted = _key(asked)
        lines = {one.line for one in self.examples if _key(one.input) == wanted}
        groups = {self.groups[line] for line in lines if line in self.groups}
        return frozenset(lines | {line for line, group in self.groups.items() if group in groups})

    def folds(self) -> dict[str, int]:
        """Fold of each input: each answer is spread over them; lines of one group, or that ask the same, stand in one."""
        folds: dict[str, int] = {}
        counts: dict[str, int] = {}
        by_group: dict[str, int] = {}
        for one in self.examples:
            answer, key = answer_of(one), _key(one.input)
            group = self.groups.get(one.line, key)
            if group not in by_group:
                counts[answer] = counts.get(answer, len(counts) - 1) + 1
                by_group[group] = counts[answer] % FOLDS
            folds.setdefault(key, by_group[group])
        return folds


class Guesses:
    """Answers from a pool. Embeds it once; trains one classifier for each fold when it is first asked."""

    def __init__(self, pool: Pool, embedder: Embedder) -> None:
        self._pool = pool
        self._embedder = embedder
        self._vectors: Array | None = None
        self._folds = pool.folds()
        self._heads: dict[int, Trained] = {}
        self._lock = asyncio.Lock()

    async def nearest(self, asked: Any) -> Any:
        """The output of the most similar case that is another one; None when there is none."""
        vectors, same = await self.ready(), self._pool.same(asked)
        scores = vectors @ (await self._embedded([as_asked(asked)]))[0]
        order = (-scores).argsort(kind="stable").tolist()
        others = (self._pool.examples[n] for n in order if self._pool.examples[n].line not in same)
        found = next(others, None)
        return None if found is None else found.output

    async def classify(self, asked: Any) -> Classified:
        """What a classifier says that has not seen this case. Raises KnowledgeError."""
        vector = await self._embedded([as_asked(asked)])
        return classified(await self._head(asked), vector)

    async def learn(self, asked: Sequence[Any]) -> None:
        """Train what these need, so that asking is quick. Raises KnowledgeError."""
        for one in asked:
            await self._head(one)

    async def _head(self, asked: Any) -> Trained:
        vectors, fold = await self.ready(), self._folds.get(_key(asked), -1)
        async with self._lock:
            if fold not in self._heads:
                inside = [
                    n for n, one in enumerate(self._pool.examples) if self._folds[_key(one.input)] != fold
                ]
                answers = [answer_of(self._pool.examples[n]) for n in inside]
                if len(set(answers)) < 2:
                    raise KnowledgeError("a head needs cases of at least two different answers")
                self._heads[fold] = await asyncio.to_thread(train, vectors[inside], answers)
            return self._heads[fold]

    async def ready(self) -> Array:
        """The vectors of the pool, embedded when they are first needed."""
        async with self._lock:
            if self._vectors is None:
                await self._embedder.prepare()
                self._vectors = await self._embedded([as_asked(one.input) for one in self._pool.examples])
            return self._vectors

    async def _embedded(self, texts: Sequence[str]) -> Array:
        import numpy

        batches = [texts[n : n + BATCH] for n in range(0, len(texts), BATCH)]
        return numpy.concatenate([await self._embedder.embed(batch) for batch in batches])


@dataclass(frozen=True, slots=True)
class Unseen:
    """Implements ports.Classifier for one case: a head that has not seen it."""

    guesses: Guesses
    asked: Any

    async def classify(self, text: str) -> Classified:  # noqa: ARG002 - the shape of Classifier
        return await self.guesses.classify(self.asked)


def _key(asked: Any) -> str:
    """The same for texts that differ in case and white space alone."""
    text = asked if isinstance(asked, str) else json.dumps(asked, ensure_ascii=False, sort_keys=True)
    return " ".join(text.split()).casefold()


__all__ = ["FOLDS", "Guesses", "Pool", "Unseen"]
