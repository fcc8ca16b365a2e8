"""Every provider against the contract, with test servers on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from orchestrator.messages import Completion, Request
from orchestrator.ports import Emit, Model
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.ollama import OllamaModel
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import PRESETS
from orchestrator.providers.tries import Patience
from tests.providers.contract import AnswerContract, Caller, FaultContract, Opened, Subject
from tests.providers.servers import FakeServer, OllamaServer, OpenAIServer


@dataclass
class Bare:
    """The chat client alone, as the embedded model uses it."""

    server: ChatServer

    async def generate(self, request: Request, emit: Emit) -> Completion:
        return await self.server.chat(request, emit)

    async def close(self) -> None:
        await self.server.close()


def _bare(server: FakeServer, patience: Patience) -> Caller:
    return Bare(ChatServer(server.url, model="tiny", key="sekret", patience=patience))


def _openai(server: FakeServer, patience: Patience, preset: str = "llama-server") -> OpenAIModel:
    return OpenAIModel(
        "small",
        "tiny",
        PRESETS[preset],
        provider=preset,
        url=server.url,
        key="sekret",
        local=True,
        patience=patience,
    )


def _ollama(server: FakeServer, patience: Patience) -> OllamaModel:
    return OllamaModel("small", "tiny", url=server.url, key="sekret", patience=patience)


SUBJECTS = [
    Subject("chat", OpenAIServer, _bare, frozenset({"one connection per stream"})),
    Subject("openai", OpenAIServer, _openai),
    Subject("ollama", OllamaServer, _ollama),
]


@pytest.fixture(params=SUBJECTS, ids=lambda subject: subject.name)
def subject(request: pytest.FixtureRequest) -> Subject:
    """Each provider with its server."""
    found = request.param
    assert isinstance(found, Subject)
    return found


class TestFaults(FaultContract):
    """Everything that can go wrong on the way, for every provider."""


class TestOpenAIAnswers(AnswerContract):
    """The openai provider with a server that has llama.cpp's tokenizer."""

    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def open_() -> AsyncIterator[Model]:
            async with OpenAIServer() as server:
                assert isinstance(server, OpenAIServer)
                model = _openai(server, Patience())
                try:
                    yield model
                finally:
                    await model.close()

        return open_


class TestVLLMAnswers(AnswerContract):
    """The openai provider with vLLM's tokenizer."""

    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def open_() -> AsyncIterator[Model]:
            async with OpenAIServer() as server:
                assert isinstance(server, OpenAIServer)
                model = _openai(server, Patience(), "vllm")
                try:
                    yield model
                finally:
                    await model.close()

        return open_


class TestLMStudioAnswers(AnswerContract):
    """The openai provider with a server that has neither a tokenizer nor log-probabilities."""

    exact_count = False
    logprobs = False

    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def open_() -> AsyncIterator[Model]:
            async with OpenAIServer() as server:
                assert isinstance(server, OpenAIServer)
                model = _openai(server, Patience(), "lmstudio")
                try:
                    yield model
                finally:
                    await model.close()

        return open_


class TestOllamaAnswers(AnswerContract):
    """The ollama provider."""

    exact_count = False

    @pytest.fixture
    def opened(self) -> Opened:
        @asynccontextmanager
        async def open_() -> AsyncIterator[Model]:
            async with OllamaServer() as server:
                assert isinstance(server, OllamaServer)
                model = _ollama(server, Patience())
                try:
                    yield model
                finally:
                    await model.close()

        return open_
