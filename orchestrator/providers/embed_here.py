"""The embedder that comes with orch: all-MiniLM-L6-v2, computed in this process and without any server.

Its weights come from the model store like those of the chat models: fetched once, their sha256 checked.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

from orchestrator.calling import EmbedderInfo
from orchestrator.errors import ProviderError
from orchestrator.providers.embed_minilm import CONTEXT, DIMENSIONS, MiniLM, WrongWeights
from orchestrator.providers.machine import cores
from orchestrator.providers.model_store import ModelStore, silent

if TYPE_CHECKING:
    import numpy

    from orchestrator.config import Config
    from orchestrator.providers.embed_words import Words
    from orchestrator.providers.fetch import Progress

NAME = "all-minilm-l6-v2"
REF = f"llamacpp:{NAME}"
TOKENS = 512
"""Tokens that are computed at once: more gain nothing, and every text waits for the last of them."""


class EmbeddedEmbedder:
    """Implements ports.Embedder. Texts of one call are shared among the cores; the call never blocks the loop."""

    def __init__(
        self,
        *,
        config: Config,
        environ: Mapping[str, str],
        progress: Progress = silent,
        threads: int = 0,
    ) -> None:
        self._store = ModelStore(config.models, environ=environ, offline=config.offline)
        self._progress = progress
        self._threads = threads or cores()
        self._opening = asyncio.Lock()
        self._loaded: _Loaded | None = None

    def __repr__(self) -> str:
        return f"EmbeddedEmbedder({NAME!r})"

    async def prepare(self) -> EmbedderInfo:
        return (await self._ready()).info

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        loaded = await self._ready()
        stopped = threading.Event()
        try:
            return await asyncio.to_thread(loaded.embed, texts, self._threads, stopped)
        finally:
            stopped.set()

    async def close(self) -> None:
        self._loaded = None

    async def _ready(self) -> _Loaded:
        async with self._opening:
            if self._loaded is None:
                self._loaded = await asyncio.to_thread(self._load)
            return self._loaded

    def _load(self) -> _Loaded:
        from orchestrator.providers.embed_tensors import NotTensors, read_tensors
        from orchestrator.providers.embed_words import load_words

        weights = self._store.open(NAME, self._store.root, self._progress)
        try:
            model = MiniLM(read_tensors(weights.path))
        except (OSError, NotTensors, WrongWeights) as error:
            raise ProviderError(
                "refused",
                f"the weights of {NAME!r} cannot be used: {error}",
                hint=f"orch models pull {NAME}  fetches them again",
            ) from error
        info = EmbedderInfo(
            ref=REF,
            digest=f"sha256:{weights.sha256} mean",
            dimensions=DIMENSIONS,
            context=CONTEXT,
            local=True,
        )
        return _Loaded(info, model, load_words())


class _Loaded:
    """Model and tokenizer in memory."""

    def __init__(self, info: EmbedderInfo, model: MiniLM, words: Words) -> None:
        self.info = info
        self._model = model
        self._words = words
        self._alone = _one_thread_each()

    def embed(self, texts: Sequence[str], threads: int, stopped: threading.Event) -> numpy.ndarray[Any, Any]:
        import numpy

        if not texts:
            return numpy.empty((0, DIMENSIONS), dtype=numpy.float32)
        packs = list(_packs([self._encode(number, text) for number, text in enumerate(texts)]))
        work = partial(self._unless, stopped)
        with self._alone():
            if len(packs) == 1 or threads == 1:
                parts = list(map(work, packs))
            else:
                with ThreadPoolExecutor(min(threads, len(packs))) as pool:
                    parts = list(pool.map(work, packs))
        return numpy.concatenate(parts)

    def _unless(self, stopped: threading.Event, pack: Sequence[Sequence[int]]) -> numpy.ndarray[Any, Any]:
        if stopped.is_set():  # nobody waits for the rest
            raise asyncio.CancelledError
        return self._model.embed(pack)

    def _encode(self, number: int, text: str) -> list[int]:
        tokens = self._words.encode(text)
        if len(tokens) > CONTEXT:
            raise ProviderError(
                "overflow",
                f"text {number + 1} has {len(tokens)} tokens, but {NAME} reads at most {CONTEXT}",
                hint="embed it in shorter pieces",
            )
        return tokens


def _packs(texts: Sequence[Sequence[int]]) -> Iterator[list[Sequence[int]]]:
    """The texts in order, as many at once as TOKENS allows."""
    pack: list[Sequence[int]] = []
    filled = 0
    for text in texts:
        if pack and filled + len(text) > TOKENS:
            yield pack
            pack, filled = [], 0
        pack.append(text)
        filled += len(text)
    if pack:
        yield pack


def _one_thread_each() -> Callable[[], AbstractContextManager[Any]]:
    """While it is entered, numpy's own threads rest.

    They spin while they wait for each other; on a busy machine that makes embedding up to thirty times slower, and
    packs of texts share the cores better.
    """
    import numpy  # noqa: F401 - the controller finds only what is loaded
    from threadpoolctl import ThreadpoolController

    return partial(ThreadpoolController().limit, limits=1, user_api="blas")
