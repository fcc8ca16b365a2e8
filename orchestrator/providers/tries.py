"""One call of a model, tried again when the transport fails: the only place that retries.

A try that breaks off is begun again from the start. What was shown of it stays shown: the next try's text is held
back until it goes on behind it, so nobody reads a beginning twice. Knows no protocol and no library.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Request
from orchestrator.ports import Emit

Once = Callable[[Emit], Awaitable[Completion]]
"""Tries the call once; its argument takes the pieces, and an empty piece means: alive."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long. Seconds; the pauses grow from `first` by doubling, half of each is left to chance.

    `longest` is the longest pause a server may ask for with Retry-After; more is an error that says so.
    """

    tries: int = 3
    first: float = 0.5
    longest: float = 60.0
    connect: float = 10.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random

    def pause(self, tried: int, error: ProviderError) -> float:
        """Seconds before the next try."""
        if error.retry_after is not None:
            return error.retry_after
        return float(self.first * 2 ** (tried - 1) * (0.5 + self.chance() / 2))


class Preview:
    """What a reader has seen of an answer, over several tries."""

    __slots__ = ("_emit", "_shown", "_text")

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._shown = ""
        self._text: list[str] = []

    def restart(self) -> None:
        text = "".join(self._text)
        if text.startswith(self._shown):
            self._shown = text
        self._text = []

    def __call__(self, piece: str) -> None:
        if not piece or not self._shown:
            self._text.append(piece)
            self._emit(piece)
            return
        self._text.append(piece)
        text = "".join(self._text)
        if not text.startswith(self._shown):
            self._emit("")  # what is shown, or goes on differently: the completion is the truth
            return
        new, self._shown = text[len(self._shown) :], text
        self._emit(new)


async def try_often(
    name: str, request: Request, emit: Emit, once: Once, patience: Patience | None = None
) -> Completion:
    """The answer, within the deadlines of the request. Raises ProviderError."""
    patience = patience or Patience()
    loop = asyncio.get_running_loop()
    latest = None if request.wall is None else loop.time() + request.wall

    def deadline(more: float = 0.0) -> float:
        silence = loop.time() + request.idle + more
        return silence if latest is None else min(silence, latest)

    try:
        async with asyncio.timeout_at(deadline()) as limit:

            def alive(piece: str) -> None:
                limit.reschedule(deadline())
                emit(piece)

            async def pause(seconds: float) -> None:
                alive("")  # whoever watches from outside sees a sign of life before and after
                limit.reschedule(deadline(seconds))
                await patience.sleep(seconds)
                alive("")

            return await _tries(request, Preview(alive), once, patience, pause)
    except TimeoutError:
        over = latest is not None and loop.time() >= latest
        said = (
            f"took longer than its wall of {request.wall:g} s"
            if over
            else f"was silent for {request.idle:g} s"
        )
        raise ProviderError(
            "timeout", f"model '{name}' {said}", hint="raise `timeout` or `wall` of the step"
        ) from None


async def _tries(
    request: Request,
    preview: Preview,
    once: Once,
    patience: Patience,
    pause: Callable[[float], Awaitable[None]],
) -> Completion:
    tried = 0
    while True:
        tried += 1
        try:
            completion = await once(preview)
        except ProviderError as error:
            wait = patience.pause(tried, error)
            too_long = wait > patience.longest or wait >= request.idle
            if not error.retryable or tried >= patience.tries or too_long:
                raise
            if request.again is not None and not await request.again(error):
                raise
            preview.restart()
            await pause(wait)
        else:
            return replace(completion, retries=tried - 1) if tried > 1 else completion
