"""Embedders behind a server: what is asked, what is believed, and what is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy
import pytest

from orchestrator.calling import EmbedderInfo
from orchestrator.config import Config
from orchestrator.errors import CredentialsMissing, PrivacyError, ProviderError, UsageError
from orchestrator.ports import Embedder
from orchestrator.providers.embed_served import unit
from orchestrator.providers.embedders import open_embedder
from orchestrator.spec.model import ModelSpec
from tests.providers.loopback import Exchange, Loopback


def vector(text: str) -> list[float]:
    return [float(len(text)), 1.0, 0.0]


class Server(Loopback):
    """Speaks both dialects; `answer` replaces the vectors."""

    def __init__(self, *, answer: Callable[[list[str]], Any] | None = None, remote: str = "") -> None:
        super().__init__()
        self.answer = answer or (lambda texts: [vector(text) for text in texts])
        self.remote = remote
        self.routes = {
            "/v1/embeddings": self.openai,
            "/api/embed": self.ollama,
            "/api/show": self.show,
            "/api/tags": self.tags,
        }

    async def openai(self, exchange: Exchange) -> None:
        if self.faults:
            self.faults.popleft()
            return await exchange.send_json({"error": {"message": "busy"}}, 503)
        rows = self.answer(exchange.body["input"])
        data = [{"index": n, "embedding": row} for n, row in enumerate(rows)]
        return await exchange.send_json({"data": data[::-1]})

    async def ollama(self, exchange: Exchange) -> None:
        await exchange.send_json({"embeddings": self.answer(exchange.body["input"])})

    async def show(self, exchange: Exchange) -> None:
        await exchange.send_json({"model_info": {"bert.context_length": 256}, "remote_host": self.remote})

    async def tags(self, exchange: Exchange) -> None:
        await exchange.send_json({"models": [{"name": "minilm:latest", "digest": "abc"}]})


def opened(server: Server, use: str, environ: Mapping[str, str] | None = None, **spec: Any) -> Embedder:
    url = server.root if use.startswith("ollama") else f"{server.root}/v1"
    model = ModelSpec.model_validate({"use": use, "url": url, **spec})
    config = Config.from_environment(environ or {}, Path.cwd())
    return open_embedder(
        "mine", environ=environ or {}, config=config, base=Path.cwd(), models={"mine": model}
    )


def embed(server: Server, use: str, texts: list[str]) -> tuple[EmbedderInfo, Any]:
    """What an embedder of this server says of itself, and the vectors."""

    async def run() -> tuple[EmbedderInfo, Any]:
        async with server:
            embedder = opened(server, use)
            try:
                return await embedder.prepare(), await embedder.embed(texts)
            finally:
                await embedder.close()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("use", "context", "digest"), [("ollama:minilm", 256, "abc"), ("vllm:minilm", 512, "")]
)
def test_vectors_come_in_order_and_of_unit_length(use: str, context: int, digest: str) -> None:
    """Both dialects give the same, whatever order the server answers in."""
    server = Server()

    info, got = embed(server, use, ["aa", "b"])

    numpy.testing.assert_allclose(got, [[2 / 5**0.5, 1 / 5**0.5, 0], [0.5**0.5, 0.5**0.5, 0]], rtol=1e-5)
    assert got.dtype == numpy.float32
    assert (info.dimensions, info.context, info.local) == (3, context, True)
    assert digest in info.digest
    assert info.endpoint


def test_ollama_is_told_not_to_cut() -> None:
    """Its default would embed the beginning of a long text and say nothing."""
    server = Server()

    embed(server, "ollama:minilm", ["a"])

    assert [call.body["truncate"] for call in server.calls("/api/embed")] == [False, False]


def test_a_model_that_ollama_forwards_is_not_local() -> None:
    """The same rule as for chat models: nothing is sent to be embedded."""
    server = Server(remote="https://elsewhere.example")

    with pytest.raises(PrivacyError, match="forwards it to"):
        embed(server, "ollama:minilm", ["secret"])

    assert server.calls("/api/embed") == []


def test_a_busy_server_is_asked_again() -> None:
    """One 503 is no reason to give up."""
    server = Server()
    server.faults.append("503")

    _, got = embed(server, "vllm:minilm", ["a"])

    assert got.shape == (1, 3)


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [[1.0, 2.0]],
        [[1.0], [1.0, 2.0]],
        [["x"], ["y"]],
        [[0.0], [0.0]],
        [[float("nan")], [1.0]],
        None,
        "text",
    ],
)
def test_what_are_no_vectors_is_refused(rows: Any) -> None:
    """Too few, of different lengths, no numbers, without a direction."""
    with pytest.raises(ProviderError, match="sent"):
        unit(rows, 2, "http://127.0.0.1:1")


def test_vectors_of_another_length_are_refused() -> None:
    """A server that changed its model meanwhile would spoil an index."""
    server = Server(answer=lambda texts: [[1.0] * (3 if texts == ["dimensions"] else 4) for _ in texts])

    with pytest.raises(ProviderError, match="sent vectors of 4 numbers, before 3"):
        embed(server, "vllm:minilm", ["a"])


def test_a_cloud_needs_its_key_and_leave_to_be_asked() -> None:
    """Before anything is sent."""
    config = Config.from_environment({}, Path.cwd())
    offline = Config.from_environment({"ORCH_OFFLINE": "1"}, Path.cwd())

    with pytest.raises(CredentialsMissing, match="OPENAI_API_KEY"):
        open_embedder("openai:text-embedding-3-small", environ={}, config=config, base=Path.cwd())
    with pytest.raises(UsageError, match="not on this machine"):
        open_embedder("openai:text-embedding-3-small", environ={}, config=offline, base=Path.cwd())


@pytest.mark.parametrize("ref", ["llamacpp:smollm2-135m", "llamacpp:./model.gguf", "scripted:a.yaml"])
def test_a_model_that_does_not_embed_is_refused(ref: str) -> None:
    """With what to write instead."""
    config = Config.from_environment({}, Path.cwd())

    with pytest.raises(UsageError, match="no embedding model") as caught:
        open_embedder(ref, environ={}, config=config, base=Path.cwd())

    assert "leave `embed` out" in caught.value.hint
