"""A request in the line of a host that others fill: it is not the model that is silent."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib import import_module
from typing import Any

import pytest

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, Request
from orchestrator.ports import Emit
from orchestrator.providers.chat import ChatServer
from orchestrator.providers.tries import Patience, try_often
from orchestrator.providers.waiting import in_line
from tests.providers.contract import ignore
from tests.providers.loopback import Exchange
from tests.providers.servers import OpenAIServer

LOOK = 0.05
ASKED = Request((Message("user", "hello"),), 24, idle=60.0)


class FullHost(OpenAIServer):
    """Two slots, both at work for others until it was looked at so often."""

    def __init__(self, looks: float, *, moves: bool = True) -> None:
        super().__init__()
        self.looked = 0
        self.free = asyncio.Event()
        self._looks = looks
        self._moves = moves
        self.routes["/slots"] = self.slots

    async def slots(self, exchange: Exchange) -> None:
        self.looked += 1
        if self.looked >= self._looks:
            self.free.set()
        done = self.looked if self._moves else 0
        slot = {"is_processing": not self.free.is_set(), "next_token": [{"n_decoded": done}]}
        await exchange.send_json([{"id": 0, **slot}, {"id": 1, **slot}])

    async def good(self, exchange: Exchange) -> None:
        await self.free.wait()
        await super().good(exchange)


@pytest.fixture(scope="module", autouse=True)
def library() -> None:
    """To import it takes its time, which is not the host's."""
    import_module("httpx2")


async def waiting(client: ChatServer, request: Request, emit: Emit, **more: Any) -> Completion:
    async with in_line(client, request, emit, **more) as hear:
        return await client.chat_once(request, hear)


def answered(
    host: Callable[[], OpenAIServer],
    request: Request = ASKED,
    emit: Emit = ignore,
    *,
    look: float = LOOK,
    **more: Any,
) -> Completion:
    """What a host answers to a request that waits in its line."""

    async def run() -> Completion:
        async with host() as server:
            client = ChatServer(server.root, model="tiny", patience=Patience(tries=1))
            try:
                once = partial(waiting, client, request, look=look, **more)
                return await try_often("tiny", request, emit, once, Patience(tries=1))
            finally:
                await client.close()

    return asyncio.run(run())


def test_waiting_behind_others_is_not_silence() -> None:
    """Each look at a host that gets on is a sign of life, and says what it waits for."""
    told, pieces = list[str](), list[str]()

    completion = answered(lambda: FullHost(5), replace(ASKED, waits=told.append), pieces.append)

    assert completion.text == "".join(pieces)
    assert pieces[:4] == [""] * 4
    assert told == ["waiting for a slot: 2 other requests"] * 4


def test_a_wall_bounds_the_waiting_too() -> None:
    """Who cannot wait says so."""
    with pytest.raises(ProviderError, match=r"took longer than its wall of 0\.5 s"):
        answered(lambda: FullHost(math.inf), replace(ASKED, wall=0.5))


def test_a_host_that_stands_still_is_not_waited_for() -> None:
    """All its slots work for others, and nothing changes."""
    with pytest.raises(ProviderError, match="no slot free: 2 other requests without progress") as caught:
        answered(lambda: FullHost(math.inf, moves=False), stuck=0.2)

    assert caught.value.kind == "timeout"
    assert "orch models stop" in str(caught.value.hint)


@pytest.mark.parametrize("looks", [0, None])
def test_silence_with_a_slot_is_silence(looks: float | None) -> None:
    """A slot is free, or the host does not tell: then it is the model that says nothing."""

    def silent() -> OpenAIServer:
        server = OpenAIServer() if looks is None else FullHost(looks)
        server.faults.append("hang")
        return server

    with pytest.raises(ProviderError, match=r"was silent for 0\.3 s"):
        answered(silent, replace(ASKED, idle=0.3))


def test_nobody_looks_at_the_slots_while_an_answer_flows() -> None:
    """The first piece says that the request has one."""
    host = FullHost(math.inf)
    host.free.set()

    assert answered(lambda: host, look=60.0).text
    assert host.looked == 0
