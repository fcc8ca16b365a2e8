"""Embedders behind a server: Ollama's `/api/embed`, and `/embeddings` of anything that speaks OpenAI's API.

What a server sends is checked (as many vectors as texts, one length, finite numbers) and made unit length here. A text
is never cut: Ollama is told to refuse one that is too long, and the others are believed to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from orchestrator.calling import EmbedderInfo
from orchestrator.errors import PrivacyError, ProviderError
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.faults import clip, protocol
from orchestrator.providers.tries import Patience

if TYPE_CHECKING:
    import numpy

CONTEXT = 512
"""Tokens a text may have when neither the file nor the server says."""
SILENCE = 120.0
"""Seconds that one batch may take."""
PROBE = "dimensions"
"""What is embedded to learn how long a vector is."""


class Dialect(Protocol):
    """How one kind of server is asked."""

    async def describe(self, server: ChatServer) -> tuple[str, int, str]:
        """Digest of the weights, context and the host it forwards to; empty or 0 for what nobody knows."""
        ...

    async def ask(self, server: ChatServer, texts: Sequence[str]) -> Any:
        """The vectors as the server sends them, in the order of the texts."""
        ...


class ServedEmbedder:
    """Implements ports.Embedder over a server and its dialect."""

    def __init__(
        self,
        ref: str,
        server: ChatServer,
        dialect: Dialect,
        *,
        local: bool,
        context: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.ref = ref
        self.server = server
        self._dialect = dialect
        self._local = local
        self._context = context
        self._patience = patience or Patience()
        self._opening = asyncio.Lock()
        self._info: EmbedderInfo | None = None

    def __repr__(self) -> str:
        return f"ServedEmbedder({self.ref!r} at {self.server.where})"

    async def prepare(self) -> EmbedderInfo:
        async with self._opening:
            if self._info is None:
                self._info = await self._look_up()
            return self._info

    async def embed(self, texts: Sequence[str]) -> numpy.ndarray[Any, Any]:
        info = await self.prepare()
        vectors = await self._vectors(texts, info.dimensions)
        if len(vectors) and vectors.shape[1] != info.dimensions:
            raise protocol(
                self.server.where, f"sent vectors of {vectors.shape[1]} numbers, before {info.dimensions}"
            )
        return vectors

    async def close(self) -> None:
        await self.server.close()

    async def _look_up(self) -> EmbedderInfo:
        digest, context, remote = await self._dialect.describe(self.server)
        if remote and self._local:
            raise PrivacyError(
                f"'{self.ref}' counts as local, but its server forwards it to {clip(remote)}",
                hint="write `where: cloud` for it, or use a model whose weights are on this machine",
            )
        dimensions = (await self._vectors([PROBE], 0)).shape[1]
        return EmbedderInfo(
            ref=self.ref,
            digest=digest or f"{self.server.where} {self.server.model} {dimensions}",
            dimensions=dimensions,
            context=self._context or context or CONTEXT,
            local=self._local and not remote,
            endpoint=self.server.where,
        )

    async def _vectors(self, texts: Sequence[str], dimensions: int) -> numpy.ndarray[Any, Any]:
        import numpy

        if not texts:
            return numpy.empty((0, dimensions), dtype=numpy.float32)
        return unit(await self._asked(texts), len(texts), self.server.where)

    async def _asked(self, texts: Sequence[str]) -> Any:
        """The server's answer, asked again when the transport failed."""
        tried = 0
        while True:
            tried += 1
            try:
                async with asyncio.timeout(SILENCE):
                    return await self._dialect.ask(self.server, texts)
            except TimeoutError:
                raise ProviderError(
                    "timeout", f"'{self.ref}' at {self.server.where} was silent for {SILENCE:g} s"
                ) from None
            except ProviderError as error:
                wait = self._patience.pause(tried, error)
                if not error.retryable or tried >= self._patience.tries or wait > self._patience.longest:
                    raise
            await self._patience.sleep(wait)


def unit(vectors: Any, count: int, where: str) -> numpy.ndarray[Any, Any]:
    """What a server sent as unit vectors. Raises ProviderError for anything that is none."""
    import numpy

    try:
        rows = numpy.array(vectors, dtype=numpy.float32)
    except (TypeError, ValueError):
        raise protocol(where, "sent vectors that are no lists of numbers of one length") from None
    if rows.ndim != 2 or len(rows) != count or not rows.shape[1]:
        raise protocol(where, f"sent no vector for each of {count} texts")
    lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
    if not numpy.isfinite(lengths).all() or not lengths.all():
        raise protocol(where, "sent vectors without a direction")
    result: numpy.ndarray[Any, Any] = rows / lengths
    return result


class Ollama:
    """Ollama's own API."""

    async def describe(self, server: ChatServer) -> tuple[str, int, str]:
        shown = await server.post("/api/show", {"model": server.model})
        listed = await server.get("/api/tags")
        facts = shown if isinstance(shown, Mapping) else {}
        models = listed.get("models") if isinstance(listed, Mapping) else None
        names = (server.model, f"{server.model}:latest")
        mine = next(
            (one for one in models or () if isinstance(one, Mapping) and one.get("name") in names), {}
        )
        info = facts.get("model_info")
        sizes = [
            value
            for key, value in (info.items() if isinstance(info, Mapping) else ())
            if str(key).endswith(".context_length") and isinstance(value, int)
        ]
        remote = next(
            (str(of[key]) for of in (facts, mine) for key in ("remote_host", "remote_model") if of.get(key)),
            "",
        )
        return str(mine.get("digest") or ""), max(sizes, default=0), remote

    async def ask(self, server: ChatServer, texts: Sequence[str]) -> Any:
        body = {"model": server.model, "input": list(texts), "truncate": False}
        answer = await server.post("/api/embed", body, within=SILENCE)
        return answer.get("embeddings") if isinstance(answer, Mapping) else None


class OpenAI:
    """`/embeddings` below the address."""

    async def describe(self, server: ChatServer) -> tuple[str, int, str]:  # noqa: ARG002 - it says nothing
        return "", 0, ""

    async def ask(self, server: ChatServer, texts: Sequence[str]) -> Any:
        path = urlsplit(server.place.url).path.rstrip("/") + "/embeddings"
        answer = await server.post(
            path,
            {"model": server.model, "input": list(texts), "encoding_format": "float"},
            within=SILENCE,
        )
        data = answer.get("data") if isinstance(answer, Mapping) else None
        if not isinstance(data, list) or not all(isinstance(one, Mapping) for one in data):
            raise protocol(server.where, "sent an answer without embeddings")
        try:
            return [one["embedding"] for one in sorted(data, key=lambda one: int(one["index"]))]
        except (KeyError, TypeError, ValueError):
            raise protocol(server.where, "sent embeddings without their number") from None
