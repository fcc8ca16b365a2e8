"""Retries, deadlines and what a reader sees meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from orchestrator.errors import ProviderError, ProviderKind
from orchestrator.messages import Completion, Message, Request, Usage
from orchestrator.ports import Emit
from orchestrator.providers.tries import Patience, Preview, try_often


def _request(idle: float = 60.0, wall: float | None = None) -> Request:
    return Request(messages=(Message("user", "hi"),), max_tokens=8, idle=idle, wall=wall)


def _run(
    tries: list[Callable[[Emit], str]], request: Request | None = None
) -> tuple[Completion, list[str], list[float]]:
    """Each try in turn; how long was slept between them."""
    pieces: list[str] = []
    slept: list[float] = []
    left = iter(tries)

    async def once(emit: Emit) -> Completion:
        text = next(left)(emit)
        return Completion(text, "stop", Usage())

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def act() -> Completion:
        patience = Patience(sleep=sleep, chance=lambda: 0.0)
        return await try_often("small", request or _request(), pieces.append, once, patience)

    return asyncio.run(act()), pieces, slept


def _breaks(
    *shown: str, kind: ProviderKind = "protocol", after: float | None = None
) -> Callable[[Emit], str]:
    def once(emit: Emit) -> str:
        for piece in shown:
            emit(piece)
        raise ProviderError(kind, "it broke", retry_after=after)

    return once


def _answers(*shown: str) -> Callable[[Emit], str]:
    def once(emit: Emit) -> str:
        for piece in shown:
            emit(piece)
        return "".join(shown)

    return once


def test_the_first_answer_passes_through() -> None:
    """No retry, no pause, the pieces as they are."""
    completion, pieces, slept = _run([_answers("a", "b")])

    assert (completion.text, completion.retries) == ("ab", 0)
    assert pieces == ["a", "b"]
    assert slept == []


def test_a_beginning_is_not_shown_twice() -> None:
    """The second try goes on where the first broke off, however it is cut into pieces."""
    completion, pieces, _ = _run([_breaks("one ", "two"), _answers("o", "ne two th", "ree")])

    assert completion.retries == 1
    assert "".join(pieces) == "one two three"


def test_another_beginning_is_not_shown() -> None:
    """A second answer that differs would read as nonsense behind the first; the completion has it whole."""
    completion, pieces, _ = _run([_breaks("red"), _answers("blue", "berry")])

    assert completion.text == "blueberry"
    assert "".join(pieces) == "red"
    assert pieces.count("") >= 2


def test_pauses_shrink_by_chance_to_one_half() -> None:
    """So that many steps do not come back in the same moment."""
    _, _, slept = _run([_breaks(), _breaks(), _answers("a")])

    assert slept == [0.25, 0.5]


def test_a_fault_that_stays_is_not_retried() -> None:
    """Asking again would get the same answer."""
    with pytest.raises(ProviderError):
        _run([_breaks(kind="auth"), _answers("never")])


def test_a_pause_that_is_too_long_is_an_error() -> None:
    """The error keeps what the server asked for."""
    with pytest.raises(ProviderError) as error:
        _run([_breaks(kind="rate_limited", after=61.0), _answers("never")])

    assert error.value.retry_after == 61.0


def test_a_pause_does_not_count_as_silence() -> None:
    """The deadline moves with it."""

    async def act() -> Completion:
        tried: list[int] = []

        async def once(emit: Emit) -> Completion:
            tried.append(1)
            if len(tried) == 1:
                raise ProviderError("server", "busy", retry_after=0.2)
            emit("x")
            return Completion("x", "stop", Usage())

        return await try_often("small", _request(idle=0.3), lambda _: None, once, Patience())

    assert asyncio.run(act()).text == "x"


def test_the_wall_covers_all_tries() -> None:
    """Trying again does not buy time."""

    async def act() -> None:
        async def once(_emit: Emit) -> Completion:
            raise ProviderError("server", "busy", retry_after=5.0)

        await try_often("small", _request(wall=0.05), lambda _: None, once, Patience())

    with pytest.raises(ProviderError) as error:
        asyncio.run(act())

    assert error.value.kind == "timeout"
    assert "wall" in error.value.message


def test_a_preview_goes_on_after_several_breaks() -> None:
    """The longest beginning shown counts."""
    pieces: list[str] = []
    preview = Preview(pieces.append)

    for text in ("abc", "ab", "abcd"):
        preview.restart()
        for letter in text:
            preview(letter)

    assert "".join(pieces) == "abcd"
