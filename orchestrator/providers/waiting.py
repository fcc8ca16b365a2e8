"""Waiting for a slot of a host that other runs fill: not the silence of a model, as long as the host gets on.

Until the first piece of an answer, the host is asked about its slots: while all of them work and any of them moves, the
request waits its turn, which comes first come, first served. Knows llama.cpp's `/slots`, and nothing of what is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from orchestrator.errors import ProviderError
from orchestrator.ports import Emit

if TYPE_CHECKING:
    from orchestrator.messages import Request
    from orchestrator.providers.chat import ChatServer

LOOK = 1.0
"""Seconds without a piece before the slots are looked at, and between two looks."""
STUCK = 300.0
"""Seconds without any change in the slots after which the host counts as stuck, however long a step's `timeout`."""


@asynccontextmanager
async def in_line(
    server: ChatServer, request: Request, emit: Emit, *, look: float = LOOK, stuck: float = STUCK
) -> AsyncIterator[Emit]:
    """What to call with each piece of the answer, the first of which says that the request has a slot.

    Raises ProviderError (timeout) when the host answers others and stands still.
    """
    line = _Line(server, request, emit, stuck)
    loop = asyncio.get_running_loop()
    pause = min(look, request.idle / 3)
    later = loop.call_later(pause, line.watch, pause)
    try:
        async with asyncio.timeout(None) as line.limit:
            yield line.hear
    except TimeoutError:
        if line.fault is None:
            raise
        raise line.fault from None
    finally:
        later.cancel()
        line.end()


class _Line:
    """One request before its first piece."""

    def __init__(self, server: ChatServer, request: Request, emit: Emit, stuck: float) -> None:
        self.limit: asyncio.Timeout
        self.fault: ProviderError | None = None
        self._server = server
        self._request = request
        self._emit = emit
        self._stuck = stuck
        self._served = False
        self._watching: asyncio.Task[None] | None = None

    def hear(self, piece: str) -> None:
        if not self._served:
            self._served = True
            self.end()
        self._emit(piece)

    def watch(self, pause: float) -> None:
        if not self._served:
            self._watching = asyncio.create_task(self._watch(pause))

    def end(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    async def _watch(self, pause: float) -> None:
        loop = asyncio.get_running_loop()
        seen, since = None, loop.time()
        while (slots := await self._slots()) is not None:
            if all(slot.get("is_processing") is True for slot in slots):
                if slots != seen:
                    seen, since = slots, loop.time()
                elif loop.time() - since > self._stuck:
                    self._give_up(len(slots))
                    return
                self._wait(len(slots))
            await asyncio.sleep(pause)

    async def _slots(self) -> list[Mapping[str, Any]] | None:
        """The host's slots, at least one; None from a host that does not tell."""
        try:
            found = await self._server.get("/slots")
        except ProviderError:
            return None
        told = isinstance(found, list) and found and all(isinstance(slot, dict) for slot in found)
        return found if told else None

    def _wait(self, others: int) -> None:
        if self._request.waits is not None:
            self._request.waits(f"waiting for a slot: {_requests(others)}")
        self._emit("")

    def _give_up(self, others: int) -> None:
        self.fault = ProviderError(
            "timeout",
            f"model '{self._server.model}' has no slot free: {_requests(others)} without progress for {self._stuck:g} s",
            hint="`orch models ps` shows the host; `orch models stop` ends it, and the next call starts a fresh one",
        )
        self.limit.reschedule(asyncio.get_running_loop().time())


def _requests(count: int) -> str:
    return f"{count:,} other request{'' if count == 1 else 's'}"


__all__ = ["in_line"]
