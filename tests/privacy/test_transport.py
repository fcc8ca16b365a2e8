"""The one transport: what is said to be on this machine is reached on this machine or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest

from orchestrator.errors import PrivacyError, ProviderError
from orchestrator.messages import Message, Request
from orchestrator.ports import Model
from orchestrator.providers.address import place_of
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.ollama import OllamaModel
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import PRESETS
from orchestrator.providers.transport import client
from orchestrator.providers.tries import Patience
from tests.privacy.conftest import Watch
from tests.providers.loopback import Exchange, Loopback
from tests.providers.servers import OllamaServer, OpenAIServer

AWAY = "203.0.113.7"
ONCE = Patience(tries=1)
REQUEST = Request((Message("user", "something private"),), 10)


class Names:
    """A resolver that answers from a list, the last answer again and again."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def models(names: Names) -> list[Model]:
    """One of each kind of server, all said to be on this machine."""
    url = "http://localhost:9"
    return [
        OpenAIModel(
            "local",
            "m",
            PRESETS["lmstudio"],
            provider="lmstudio",
            url=url,
            local=True,
            lookup=names,
            patience=ONCE,
        ),
        OpenAIModel(
            "local", "m", PRESETS["vllm"], provider="vllm", url=url, local=True, lookup=names, patience=ONCE
        ),
        OllamaModel("local", "m", url=url, local=True, lookup=names, patience=ONCE),
    ]


@pytest.mark.parametrize("answer", [[AWAY], ["127.0.0.1", AWAY], ["::ffff:203.0.113.7"], ["0.0.0.0"], ["::"]])
@pytest.mark.parametrize("kind", [0, 1, 2])
def test_a_local_name_that_leads_off_the_machine_is_never_connected_to(
    answer: list[str], kind: int, sockets: Watch
) -> None:
    """Neither to look the model up nor to ask it, whatever other address the name has as well."""

    async def act() -> None:
        model = models(Names(answer))[kind]
        try:
            for call in (model.prepare, lambda: model.generate(REQUEST, lambda _: None)):
                with pytest.raises(PrivacyError, match="should be on this machine"):
                    await call()
        finally:
            await model.close()

    asyncio.run(act())

    assert sockets.tried == []


def test_a_name_is_looked_up_once_and_the_checked_address_is_the_one_connected_to(sockets: Watch) -> None:
    """A name server that changes its mind in between changes nothing."""
    names = Names(["127.0.0.1"], [AWAY])

    async def hang_up(exchange: Exchange) -> None:
        await exchange.send_json({}, connection="close")

    async def act() -> None:
        async with Loopback({"/x": hang_up}) as server:
            chat = ChatServer(f"http://localhost:{server.port}", model="m", lookup=names, patience=ONCE)
            for _ in range(3):
                await chat.get("/x")
            await chat.close()

    asyncio.run(act())

    assert names.asked == ["localhost"]
    assert sockets.tried == ["127.0.0.1"] * 3


def test_an_address_that_no_longer_answers_is_looked_up_and_checked_again(sockets: Watch) -> None:
    """The second answer is refused before anything is sent."""
    names = Names(["127.0.0.1"], [AWAY])

    async def act() -> None:
        chat = ChatServer("http://localhost:9", model="m", lookup=names, patience=ONCE)
        with pytest.raises(ProviderError, match="nothing answers"):
            await chat.get("/x")
        with pytest.raises(PrivacyError, match=AWAY):
            await chat.get("/x")
        await chat.close()

    asyncio.run(act())

    assert sockets.away == []


def test_a_proxy_of_the_environment_never_sees_a_local_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever variables name one, in both spellings, and for both kinds of SDK."""

    async def act() -> tuple[int, int]:
        async with Loopback({}) as proxy, OpenAIServer() as one, OllamaServer() as other:
            for name in ("http_proxy", "https_proxy", "all_proxy"):
                monkeypatch.setenv(name, proxy.root)
                monkeypatch.setenv(name.upper(), proxy.root)
            monkeypatch.delenv("no_proxy", raising=False)
            monkeypatch.delenv("NO_PROXY", raising=False)
            assert isinstance(one, OpenAIServer)
            assert isinstance(other, OllamaServer)
            opened: list[Any] = [
                OpenAIModel("a", "tiny", PRESETS["lmstudio"], provider="lmstudio", url=one.url, local=True),
                OllamaModel("b", "tiny", url=other.url),
            ]
            for model in opened:
                await model.generate(REQUEST, lambda _: None)
                await model.close()
            return len(proxy.seen), len(one.seen) + len(other.seen)

    through_proxy, direct = asyncio.run(act())

    assert through_proxy == 0
    assert direct > 0


@pytest.mark.parametrize("url", ["http://localhost:1/x", "https://localhost:9/x", "http://example.com:9/x"])
def test_a_request_goes_to_the_place_it_was_made_for_and_nowhere_else(url: str, sockets: Watch) -> None:
    """Another port or scheme is another place."""

    async def act() -> None:
        http = client(httpx2, place_of("http://localhost:9"), lookup=Names(["127.0.0.1"]))
        with pytest.raises(ProviderError, match="on the way to"):
            await http.get(url)
        await http.aclose()

    asyncio.run(act())

    assert sockets.tried == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int, sockets: Watch) -> None:
    """Not even to the same machine."""

    async def away(exchange: Exchange) -> None:
        await exchange.send(status, b"", location=f"http://{AWAY}/x")

    async def act() -> None:
        async with Loopback({"/x": away}) as server:
            chat = ChatServer(server.root, model="m", patience=ONCE)
            with pytest.raises(ProviderError, match="redirects"):
                await chat.get("/x")
            await chat.close()

    asyncio.run(act())

    assert sockets.away == []


def test_a_local_ollama_is_asked_again_whether_its_weights_are_still_here() -> None:
    """Who puts a forwarding model under the same name while a run goes on gets no further prompt."""

    async def act() -> int:
        async with OllamaServer() as server:
            assert isinstance(server, OllamaServer)
            model = OllamaModel("small", "tiny", url=server.url, patience=ONCE, attest=0.0)
            await model.generate(REQUEST, lambda _: None)
            server.shown["remote_host"] = "https://ollama.example:443"
            with pytest.raises(PrivacyError, match=r"ollama\.example"):
                await model.generate(REQUEST, lambda _: None)
            await model.close()
            return len(server.calls(server.chat))

    assert asyncio.run(act()) == 1
