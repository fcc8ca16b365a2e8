"""What llama.cpp's server says, as its builds of August and October 2026 said it: read as it is meant."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import ProviderError
from orchestrator.providers.faults import Loading, of_status
from orchestrator.providers.loading import once_loaded
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import GENERIC, PRESETS, Preset
from orchestrator.providers.tries import Patience
from tests.providers.contract import ask, ignore
from tests.providers.loopback import Exchange, Handler, Loopback

REPLIES = json.loads(Path(__file__).with_name("llama_server.json").read_text(encoding="utf-8"))
CHAT = "/v1/chat/completions"


def says(name: str, *, stream: bool = False) -> Handler:
    """Answers as it did."""
    status, body = REPLIES[name]

    async def answer(exchange: Exchange) -> None:
        raw = body if stream else json.dumps(body)
        await exchange.send(status, raw.encode(), "text/event-stream" if stream else "application/json")

    return answer


def in_turn(*handlers: Handler) -> Handler:
    """Each once, the last one from then on."""
    left: Iterator[Handler] = iter(handlers[:-1])

    async def answer(exchange: Exchange) -> None:
        await next(left, handlers[-1])(exchange)

    return answer


async def at_once(_seconds: float) -> None:
    await asyncio.sleep(0)


def using(
    act: Callable[[OpenAIModel, Loopback], Awaitable[Any]],
    preset: Preset = PRESETS["llama-server"],
    **routes: Handler,
) -> Any:
    """Something done with a model behind it; `routes` answer in the place of those that go well."""
    usual = {"models": says("models"), "props": says("props"), "chat": says("answer", stream=True)} | routes
    paths = {"models": "/v1/models", "props": "/props", "chat": CHAT}

    async def run() -> Any:
        async with Loopback({paths[name]: handler for name, handler in usual.items()}) as server:
            patience = Patience(tries=1, sleep=at_once)
            url = f"{server.root}/v1"
            model = OpenAIModel(
                "m", "smol", preset, provider="llama-server", url=url, key="k", local=True, patience=patience
            )
            try:
                return await act(model, server)
            finally:
                await model.close()

    return asyncio.run(run())


@pytest.mark.parametrize("preset", [PRESETS["llama-server"], GENERIC])
def test_its_answer_is_read_with_what_it_counts(preset: Preset) -> None:
    """Tokens, those it knew already, probabilities and how fast it was, under either name."""

    async def act(model: OpenAIModel, _server: Loopback) -> Any:
        return await model.prepare(), await model.generate(ask(logprobs=True), ignore)

    info, answer = using(act, preset)

    assert (info.context, info.slots) == (2048, 2)
    assert (answer.text, answer.finish) == ("Hello!", "length")
    assert (answer.usage.prompt, answer.usage.completion, answer.usage.cached) == (32, 2, 31)
    assert [token.token for token in answer.logprobs or ()] == ["Hello", "!"]
    assert answer.timings.prompt_rate == pytest.approx(310.16, abs=0.01)


def test_a_server_that_loads_is_waited_for() -> None:
    """Before the first call, and in the middle of a run, when it was started anew; no try is spent on it."""
    loads = says("loading")

    async def act(model: OpenAIModel, server: Loopback) -> Any:
        await model.prepare()
        answer = await model.generate(ask(), ignore)
        return answer, len(server.calls(CHAT)), len(server.calls("/v1/models"))

    well = says("answer", stream=True)
    answer, calls, lists = using(act, models=in_turn(loads, loads, says("models")), chat=in_turn(loads, well))

    assert (answer.text, answer.retries) == ("Hello!", 0)
    assert (calls, lists) == (2, 3)


def test_a_server_that_does_not_get_ready_is_given_up() -> None:
    """And told as what it is; until then whoever watches sees that somebody waits."""
    seen = []

    async def load() -> None:
        raise of_status(503, json.dumps(REPLIES["loading"][1]), {}, "http://x")

    async def nap(_seconds: float) -> None:
        await asyncio.sleep(0.05)

    with pytest.raises(Loading, match="still loading its model"):
        asyncio.run(once_loaded(load, lambda: seen.append(""), longest=0.01, sleep=nap))
    assert seen == [""]


def test_another_503_is_no_loading() -> None:
    """A server that is too busy is asked again as any other."""
    fault = of_status(503, '{"error": {"message": "busy, loading model x"}}', {}, "http://x")

    assert (type(fault), fault.kind) == (ProviderError, "server")


def test_a_wrong_key_is_told_before_the_first_call() -> None:
    """Its list of models may be open to everybody."""

    async def act(model: OpenAIModel, _server: Loopback) -> None:
        await model.prepare()

    with pytest.raises(ProviderError, match="refuses the credentials") as error:
        using(act, props=says("wrong key"))

    assert error.value.kind == "auth"


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("overflow", "overflow", "the prompt takes 5031 tokens, but the model holds 2048"),
        ("bad grammar", "refused", "failed to parse grammar"),
        ("wrong key", "auth", "refuses the credentials"),
    ],
)
def test_what_it_refuses_is_told_in_its_words(said: str, kind: str, words: str) -> None:
    """Nothing of it is tried again."""

    async def act(model: OpenAIModel, _server: Loopback) -> None:
        await model.generate(ask(), ignore)

    with pytest.raises(ProviderError, match=words) as error:
        using(act, chat=says(said))

    assert error.value.kind == kind
    assert not error.value.retryable
