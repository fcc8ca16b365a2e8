"""Eighteen and more ways a model server lies, for every provider: each ends typed, in time, after few requests.

What a well-behaved test server can do wrong by name is in `servers`; here are also those that need bytes of their own.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.config import Config
from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Request
from orchestrator.ports import Emit
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.faults import retry_after
from orchestrator.providers.llamacpp import ONCE, LlamaCpp
from orchestrator.providers.ollama import OllamaModel
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import PRESETS
from orchestrator.providers.tries import Patience
from orchestrator.spec.model import ModelSpec
from tests.providers.contract import ask, ignore
from tests.providers.loopback import Exchange, Loopback
from tests.providers.servers import FakeServer, OllamaServer, OpenAIServer

LONGEST = 30.0
"""Seconds of the clock after which a call counts as hung; the deadlines of the calls are far below."""
IDLE, WALL = 0.3, 0.9
MOST_REQUESTS = 3


class Here(LlamaCpp):
    """The embedded provider, spoken to as on its host, with a test server in the place of the host."""

    def __init__(self, server: FakeServer) -> None:
        spec = ModelSpec.model_validate({"use": "llamacpp:tiny"})
        config = Config.from_environment({}, Path("/nowhere"))
        super().__init__("small", spec, config=config, environ={}, base=config.cwd)
        self._server = ChatServer(server.url, model="tiny", key="sekret", patience=ONCE)

    async def _ready(self, alive: Callable[[], None]) -> ChatServer:
        alive()
        assert self._server is not None
        return self._server

    async def _crash_behind(self, error: ProviderError, server: ChatServer) -> ProviderError | None:
        return None  # the process behind it lives


class Bare:
    """The chat client alone."""

    def __init__(self, server: FakeServer, patience: Patience) -> None:
        self.server = ChatServer(server.url, model="tiny", key="sekret", patience=patience)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        return await self.server.chat(request, emit)

    async def close(self) -> None:
        await self.server.close()


def _openai(server: FakeServer, patience: Patience) -> OpenAIModel:
    preset = PRESETS["llama-server"]
    return OpenAIModel(
        "small", "tiny", preset, provider="llama-server", url=server.url, local=True, patience=patience
    )


def _ollama(server: FakeServer, patience: Patience) -> OllamaModel:
    return OllamaModel("small", "tiny", url=server.url, patience=patience)


Opener = Callable[[FakeServer, Patience], Any]
PROVIDERS: dict[str, tuple[type[FakeServer], Opener]] = {
    "embedded": (OpenAIServer, lambda server, _: Here(server)),
    "chat": (OpenAIServer, Bare),
    "openai": (OpenAIServer, _openai),
    "ollama": (OllamaServer, _ollama),
}

Misbehave = Callable[[FakeServer, Exchange], Awaitable[None]]


async def _tls(_server: FakeServer, exchange: Exchange) -> None:
    exchange.writer.write(b"\x15\x03\x01\x00\x02\x02\x28" * 4)
    exchange.writer.close()


async def _no_utf8(server: FakeServer, exchange: Exchange) -> None:
    exchange.begin(server.stream)
    await exchange.piece(server.token("WORD").replace(b"WORD", b"\xff\xfe\xc3"))
    await exchange.end()


async def _huge_header(server: FakeServer, exchange: Exchange) -> None:
    await exchange.send(200, b"", server.stream, X_Long="x" * 1_000_000)


async def _endless_headers(_server: FakeServer, exchange: Exchange) -> None:
    exchange.writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        exchange.writer.write(b"X-More: x\r\n" * 1000)
        await exchange.writer.drain()


async def _informs_for_ever(_server: FakeServer, exchange: Exchange) -> None:
    while True:
        exchange.writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
        await exchange.writer.drain()
        await asyncio.sleep(0.005)


async def _bad_chunk_size(server: FakeServer, exchange: Exchange) -> None:
    exchange.begin(server.stream)
    exchange.writer.write(b"zz\r\nnothing\r\n")
    await exchange.writer.drain()


async def _too_short(server: FakeServer, exchange: Exchange) -> None:
    await exchange.send(200, server.token("one "), server.stream, Content_Length="99999")
    exchange.writer.close()


async def _slow_bytes(server: FakeServer, exchange: Exchange) -> None:
    """One byte at a time: alive to TCP, silent to whoever waits for a token."""
    exchange.begin(server.stream)
    for byte in server.token("x" * 10_000):
        await exchange.piece(bytes([byte]))
        await asyncio.sleep(0.005)


async def _line_without_end(server: FakeServer, exchange: Exchange) -> None:
    """A flood in one piece of an answer; that of many pieces is in the contract."""
    exchange.begin(server.stream)
    while True:
        await exchange.piece(b"x" * 1_000_000)


async def _said_twice(server: FakeServer, exchange: Exchange) -> None:
    exchange.begin(server.stream)
    for _ in range(2):
        await exchange.piece(server.token("one "))
        await exchange.piece(_end_of(server))
    await exchange.end()


def _end_of(server: FakeServer) -> bytes:
    if isinstance(server, OllamaServer):
        return server.part({"content": ""}, done=True, done_reason="stop")
    assert isinstance(server, OpenAIServer)
    return server.chunk({}, finish="stop")


BYTES: dict[str, tuple[Misbehave, str]] = {
    "tls nonsense": (_tls, "protocol"),
    "invalid utf-8": (_no_utf8, "protocol"),
    "huge header": (_huge_header, "protocol"),
    "endless headers": (_endless_headers, "protocol"),
    "103 for ever": (_informs_for_ever, "timeout"),
    "bad chunk size": (_bad_chunk_size, "protocol"),
    "fewer bytes than said": (_too_short, "protocol"),
    "drip of bytes": (_slow_bytes, "timeout"),
    "a line without end": (_line_without_end, "protocol"),
    "the whole answer twice": (_said_twice, "protocol"),
}
NAMED = {
    "html": "protocol",
    "empty": "protocol",
    "null": "protocol",
    "half": "protocol",
    "json-body": "protocol",
    "drip": "timeout",
    "image": "protocol",
    "redirect": "refused",
    "429-long": "rate_limited",
    "500": "server",
    "503": "server",
    "reset": "protocol",
    "hang": "timeout",
    "stall": "timeout",
    "endless": "timeout",
    "gzip": "protocol",
    "malformed": "protocol",
}


def _fault_of(name: str) -> tuple[Misbehave, str]:
    if name in BYTES:
        return BYTES[name]

    async def again(server: FakeServer, exchange: Exchange) -> None:
        server.faults.append(name)
        await server.answer(exchange)

    return again, NAMED[name]


async def _no_pause(_seconds: float) -> None:
    """Does not wait."""


async def _called(
    provider: str, misbehave: Misbehave, request: Request
) -> tuple[Completion | ProviderError, int]:
    """What a call comes to, and how many requests it made."""
    kind, opener = PROVIDERS[provider]
    async with kind() as server:
        assert isinstance(server, FakeServer)

        async def answer(exchange: Exchange) -> None:
            await misbehave(server, exchange)

        server.routes[server.chat] = answer
        model = opener(server, Patience(sleep=_no_pause))
        try:
            async with asyncio.timeout(LONGEST):
                return await model.generate(request, ignore), len(server.calls(server.chat))
        except ProviderError as error:
            return error, len(server.calls(server.chat))
        finally:
            await model.close()


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("fault", [*NAMED, *BYTES])
def test_a_lie_ends_typed_in_time_and_after_few_requests(provider: str, fault: str) -> None:
    """Also when the server tells it again at each try."""
    misbehave, kind = _fault_of(fault)
    silent = kind == "timeout"
    request = ask(idle=IDLE, wall=WALL) if silent else ask(idle=LONGEST)

    found, requests = asyncio.run(_called(provider, misbehave, request))

    assert isinstance(found, ProviderError), found
    assert found.kind == kind, found.message
    assert requests <= MOST_REQUESTS


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_that_was_cut_says_so(provider: str) -> None:
    """`length` is no fault of the server, and no finished answer either."""

    async def good(server: FakeServer, exchange: Exchange) -> None:
        await server.good(exchange)

    found, _ = asyncio.run(_called(provider, good, ask(max_tokens=2)))

    assert isinstance(found, Completion)
    assert found.finish == "length"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_of_another_model_names_it(provider: str) -> None:
    """The engine compares it with the model that was asked."""

    async def other(server: FakeServer, exchange: Exchange) -> None:
        exchange.begin(server.stream)
        for sent in (server.token("one "), _end_of(server)):
            value = json.loads(sent.removeprefix(b"data: ")) | {"model": "gigantic"}
            await exchange.piece(server.wrapped(json.dumps(value)))
        await exchange.end()

    found, _ = asyncio.run(_called(provider, other, ask()))

    assert isinstance(found, Completion)
    assert found.model == "gigantic"


TOO_MUCH = 10**400
STRANGE_NUMBERS: dict[str, dict[str, dict[str, Any]]] = {
    "counts": {
        "openai": {"usage": {"prompt_tokens": TOO_MUCH, "completion_tokens": -5}},
        "ollama": {"prompt_eval_count": TOO_MUCH, "eval_count": -5},
    },
    "times": {
        "openai": {"timings": {"prompt_per_second": TOO_MUCH, "predicted_per_second": TOO_MUCH}},
        "ollama": {"prompt_eval_count": 1, "eval_count": TOO_MUCH, "eval_duration": 1},
    },
}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("what", STRANGE_NUMBERS)
def test_numbers_that_cannot_be_count_as_not_told(provider: str, what: str) -> None:
    """Neither larger than any record nor below zero, which would give a budget tokens back."""
    more = STRANGE_NUMBERS[what]["ollama" if provider == "ollama" else "openai"]

    async def strange(server: FakeServer, exchange: Exchange) -> None:
        exchange.begin(server.stream)
        value = json.loads(_end_of(server).removeprefix(b"data: ")) | more
        await exchange.piece(server.wrapped(json.dumps(value)))
        await exchange.end()

    found, _ = asyncio.run(_called(provider, strange, ask()))

    assert isinstance(found, Completion)
    assert found.usage.estimated
    assert 0 <= found.usage.prompt < 2**53
    assert 0 <= found.usage.completion < 2**53
    assert found.timings.generation_rate is None


STRANGE_ENTRIES: dict[str, dict[str, Any]] = {
    "huge": {"logprob": TOO_MUCH},
    "nan": {"logprob": float("nan")},
    "bytes": {"bytes": 10**15},
}


@pytest.mark.parametrize(
    ("provider", "entry"),
    [
        (p, e) for p in PROVIDERS for e in STRANGE_ENTRIES if (p, e) != ("ollama", "bytes")
    ],  # it reads no bytes
)
def test_log_probabilities_that_cannot_be_are_a_fault(provider: str, entry: str) -> None:
    """A number where bytes should stand is not taken for so many bytes."""

    async def strange(server: FakeServer, exchange: Exchange) -> None:
        told = [{"token": "a", "logprob": -1.0, **STRANGE_ENTRIES[entry]}]
        exchange.begin(server.stream)
        if isinstance(server, OllamaServer):
            await exchange.piece(server.part({"content": "a"}, logprobs=told))
        elif isinstance(server, OpenAIServer):
            await exchange.piece(server.chunk({"content": "a"}, logprobs={"content": told}))
        await exchange.piece(_end_of(server))
        await exchange.end()

    found, requests = asyncio.run(_called(provider, strange, replace(ask(), logprobs=True)))

    assert isinstance(found, ProviderError)
    assert found.kind == "protocol"
    assert requests <= MOST_REQUESTS


def test_a_question_about_the_server_has_a_deadline() -> None:
    """A server that takes the connection and says nothing does not hold a run for ever."""

    async def act() -> None:
        async with Loopback() as server:

            async def hold(exchange: Exchange) -> None:
                await exchange.until_gone()

            server.routes["/tokenize"] = hold
            chat = ChatServer(server.root, model="tiny")
            try:
                with pytest.raises(ProviderError) as error:
                    await chat.post("/tokenize", {}, within=0.2)
            finally:
                await chat.close()
            assert error.value.kind == "timeout"
            assert "/tokenize" in error.value.message

    asyncio.run(act())


@pytest.mark.parametrize("listed", [5, "x", {"data": 5}, {"data": "x"}, {"data": [5]}, None], ids=str)
def test_a_list_of_models_that_is_none_stops_nothing(listed: Any) -> None:
    """A server without a list of models is still a server."""

    async def act() -> None:
        async with OpenAIServer() as server:
            assert isinstance(server, OpenAIServer)

            async def models(exchange: Exchange) -> None:
                await exchange.send_json(listed)

            server.routes["/v1/models"] = models
            model = _openai(server, Patience())
            try:
                assert (await model.prepare()).context == 4096
            finally:
                await model.close()

    asyncio.run(act())


def test_a_date_with_an_offset_of_no_clock_is_nothing() -> None:
    """Retry-After comes from a stranger."""
    assert retry_after("Thu, 01 Jan 2026 12:00:30 +99999999999999999") is None
