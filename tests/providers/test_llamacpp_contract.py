"""The contract of all providers, kept by the embedded model for real; and by the openai provider on a second real host."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from orchestrator.ports import Model
from orchestrator.providers.catalog import DEFAULT
from orchestrator.providers.registry import open_model
from orchestrator.spec.model import ModelSpec
from tests.providers.contract import AnswerContract, Opened
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]


@pytest.mark.real_model
class TestEmbedded(AnswerContract):
    """`llamacpp:`, through the registry as a run opens it."""

    @pytest.fixture
    def opened(self, embedded: Embedded) -> Opened:
        @asynccontextmanager
        async def opening() -> AsyncIterator[Model]:
            spec = ModelSpec.model_validate({"use": f"llamacpp:{DEFAULT}", "context": 1024})
            config = embedded.config
            model = open_model("tiny", spec, environ=os.environ, config=config, base=config.cwd)
            try:
                yield model
            finally:
                await model.close()

        return opening


@pytest.mark.real_model
class TestOpenAIOnARealHost(AnswerContract):
    """`llama-server:`, through the OpenAI client, on a host of its own."""

    @pytest.fixture
    def opened(self, embedded: Embedded) -> Opened:
        @asynccontextmanager
        async def opening() -> AsyncIterator[Model]:
            lease = embedded.hosts.acquire(embedded.launch(context=900, slots=4))
            spec = ModelSpec.model_validate(
                {"use": f"llama-server:{DEFAULT}", "url": f"{lease.state.url}/v1", "key": "env.HOST_KEY"}
            )
            environ = {**os.environ, "HOST_KEY": lease.state.key}
            config = embedded.config
            model = open_model("tiny", spec, environ=environ, config=config, base=config.cwd)
            try:
                yield model
            finally:
                await model.close()
                lease.release()

        return opening
