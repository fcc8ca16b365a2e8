"""What is Ollama's own: the context it is told, what it cuts, models that are somewhere else."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orchestrator.errors import PrivacyError, ProviderError
from orchestrator.messages import Completion, Image, Message, ModelInfo, Request
from orchestrator.providers.ollama import CONTEXT, OllamaModel
from orchestrator.providers.tries import Patience
from tests.providers.contract import ask, ignore
from tests.providers.servers import SCHEMA, OllamaServer


def _with(
    act: Callable[[OllamaModel, OllamaServer], Awaitable[Any]], model: str = "tiny", **more: Any
) -> Any:
    async def run() -> Any:
        async with OllamaServer() as server:
            assert isinstance(server, OllamaServer)
            opened = OllamaModel("small", model, url=server.url, patience=Patience(tries=1), **more)
            try:
                return await act(opened, server)
            finally:
                await opened.close()

    return asyncio.run(run())


def _body(request: Request, **more: Any) -> Any:
    async def act(model: OllamaModel, server: OllamaServer) -> Any:
        await model.generate(request, ignore)
        return server.calls(server.chat)[0].body

    return _with(act, **more)


def _info(change: Callable[[OllamaServer], None] = lambda _: None, **more: Any) -> ModelInfo:
    async def act(model: OllamaModel, server: OllamaServer) -> Any:
        change(server)
        return await model.prepare()

    found = _with(act, **more)
    assert isinstance(found, ModelInfo)
    return found


def test_every_call_says_how_large_the_context_is() -> None:
    """Ollama's own default cuts prompts silently."""
    assert _body(ask())["options"]["num_ctx"] == 4096
    assert _body(ask(), context=1024)["options"]["num_ctx"] == 1024


def test_options_schema_and_time_to_live_go_along() -> None:
    """Under Ollama's names."""
    params = {"temperature": 0.0, "top_k": 5, "seed": 1, "repeat_penalty": 1.2, "stop": "END"}

    body = _body(ask(schema=SCHEMA, params=params, max_tokens=7), keep=90.0)

    assert body["format"] == SCHEMA
    assert body["keep_alive"] == 90.0
    assert body["options"] == {
        "num_ctx": 4096, "num_predict": 7, "temperature": 0.0, "top_k": 5, "seed": 1, "repeat_penalty": 1.2, "stop": ["END"],
    }  # fmt: skip


def test_images_go_along() -> None:
    """As base64."""
    request = Request((Message("user", "What?", (Image(b"\x89PNG", "image/png"),)),), 9)

    assert _body(request)["messages"][0]["images"] == [base64.b64encode(b"\x89PNG").decode()]


def test_thinking_can_be_asked_of_a_model_that_thinks() -> None:
    """And is refused by one that does not."""
    assert _body(ask(params={"think": True}))["think"] is True

    async def act(model: OllamaModel, server: OllamaServer) -> None:
        server.shown["capabilities"] = ["completion"]
        with pytest.raises(ProviderError, match="'think'"):
            await model.generate(ask(params={"think": True}), ignore)

    _with(act)


def test_usage_timings_and_thinking_are_read() -> None:
    """Nanoseconds become tokens per second."""

    async def act(model: OllamaModel, _server: OllamaServer) -> Any:
        return await model.generate(ask(), ignore)

    completion = _with(act)

    assert isinstance(completion, Completion)
    assert completion.usage.prompt == 12
    assert completion.usage.completion == 6
    assert completion.timings.prompt_rate == pytest.approx(100.0)
    assert completion.timings.generation_rate == pytest.approx(60.0)
    assert completion.thinking == "hm"


def test_what_is_known_of_a_model() -> None:
    """Digest, template, eyes, context: the default, but not more than it holds."""
    info = _info(lambda server: server.shown["capabilities"].append("vision"))

    assert (info.digest, info.chat_template, info.sees, info.context) == (
        "sha-tiny:latest",
        "{{ .Prompt }}",
        True,
        4096,
    )
    assert info.local
    assert (
        _info(lambda server: server.shown["model_info"].update({"llama.context_length": 131072})).context
        == CONTEXT
    )
    assert _info(model="other:3b").digest == "sha-other:3b"


def test_more_context_than_the_model_holds_is_refused() -> None:
    """It would answer nonsense beyond."""
    with pytest.raises(ProviderError, match="more than the 4096"):
        _info(context=9000)


def test_a_model_that_is_not_installed_is_told_with_those_that_are() -> None:
    """And the command that fetches it."""
    with pytest.raises(ProviderError, match="it has: tiny:latest, other:3b") as error:
        _info(model="llama3.2:3b")

    assert error.value.kind == "not_found"
    assert "ollama pull llama3.2:3b" in error.value.hint


def test_a_model_that_ollama_forwards_is_not_local() -> None:
    """Also on localhost; nothing was sent."""

    def forward(server: OllamaServer) -> None:
        server.shown["remote_host"] = "https://ollama.example:443"

    with pytest.raises(PrivacyError, match=r"ollama\.example") as error:
        _info(forward)
    assert error.value.exit_code == 6

    assert not _info(forward, local=False).local


def test_a_prompt_that_was_cut_is_an_error() -> None:
    """Ollama answers 200 to half a prompt; the tokens it read tell."""

    async def act(model: OllamaModel, server: OllamaServer) -> None:
        server.prompt_tokens = 300
        with pytest.raises(ProviderError, match="cut the prompt") as error:
            await model.generate(ask("word " * 9000), ignore)
        assert error.value.kind == "overflow"

    _with(act)


def test_an_answer_that_pushed_its_prompt_out_is_an_error() -> None:
    """Ollama forgets the beginning when prompt and answer together outgrow the context."""

    async def act(model: OllamaModel, server: OllamaServer) -> None:
        server.prompt_tokens = 4093
        with pytest.raises(ProviderError, match="cut the prompt"):
            await model.generate(ask(), ignore)

    _with(act)


def test_an_old_server_gives_no_log_probabilities() -> None:
    """Asking for them is refused, not ignored."""

    async def act(model: OllamaModel, server: OllamaServer) -> None:
        server.version = "0.9.6-rc1"
        with pytest.raises(ProviderError, match="log-probabilities"):
            await model.generate(ask(logprobs=True), ignore)

    _with(act)


def test_a_server_that_is_no_ollama_is_told() -> None:
    """Whatever it answers."""

    async def act(model: OllamaModel, server: OllamaServer) -> None:
        server.routes["/api/tags"] = lambda exchange: exchange.send_json(["?"])
        with pytest.raises(ProviderError, match="not Ollama's"):
            await model.prepare()

    _with(act)
