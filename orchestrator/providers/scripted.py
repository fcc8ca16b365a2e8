"""A model that answers from a script: for tests, documentation and rehearsals. No server, no weights.

The script is a function, a list of answers in order, a map from a part of the prompt to its answer, one constant
text, or a file (see `script.py`). Everything it was asked stands in `requests`.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from orchestrator.errors import ProviderError, ProviderKind
from orchestrator.light import light
from orchestrator.messages import (
    Completion,
    Message,
    ModelInfo,
    Request,
    Timings,
    TokenCount,
    TokenLogprob,
    Usage,
)
from orchestrator.ports import Emit


@light(frozen=True, slots=True)
class Reply:
    """One scripted answer: `text`, or a `value` that becomes JSON, or a `fault` to end with.

    `chunks` are the pieces it is streamed in (default: one). `delay` is in seconds, before the first piece.
    """

    text: str = ""
    value: Any = None
    chunks: tuple[str, ...] = ()
    thinking: str = ""
    delay: float = 0.0
    finish: Literal["stop", "length"] = "stop"
    fault: ProviderKind | None = None
    message: str = ""
    logprobs: tuple[TokenLogprob, ...] | None = None
    usage: tuple[int, int] | None = None
    """Tokens read and written, as its bill says; by default the words."""
    model: str = ""
    """Which model it says it is, when that is not the one that was asked."""

    def written(self) -> str:
        """The whole text of the answer."""
        if self.value is not None:
            return json.dumps(self.value, ensure_ascii=False)
        return self.text or "".join(self.chunks)


Answer: TypeAlias = Any
"""A `Reply`, its text, or a value that becomes JSON."""
Script: TypeAlias = Callable[[Request], Answer] | Mapping[str, Answer] | Sequence[Answer] | str


@dataclass(slots=True)
class ScriptedModel:
    """Answers as the script says. `context` in tokens (words), `delay` in seconds before each answer."""

    answer: Script
    name: str = "scripted"
    context: int = 8192
    slots: int = 8
    delay: float = 0.0
    ref: str = "scripted:"
    digest: str = ""
    local: bool = True
    """False: it plays a model off this machine."""
    tells: bool = True
    """Whether it gives log-probabilities."""
    takes: frozenset[str] | None = None
    """Sampling parameters it takes; None for all."""
    prefixes: bool = False
    remembers: bool = True
    """Whether `requests` holds everything it was asked; a long run has no room for that."""
    requests: list[Request] = field(default_factory=list)
    _ask: Callable[[Request], Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._ask = _asker(self.answer, self.name)

    async def prepare(self) -> ModelInfo:
        return ModelInfo(
            name=self.name,
            ref=self.ref,
            provider="scripted",
            context=self.context,
            slots=self.slots,
            local=self.local,
            digest=self.digest,
            sees=True,
            logprobs=self.tells,
            takes=self.takes,
            prefixes=self.prefixes,
        )

    async def count(self, messages: Sequence[Message]) -> TokenCount:
        """One token per word and one per message: exact, because this model has no other tokens."""
        return TokenCount(_words(messages), exact=True)

    async def generate(self, request: Request, emit: Emit) -> Completion:
        if self.remembers:
            self.requests.append(request)
        began = time.monotonic()
        answer = self._ask(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, str):
            if self.delay:
                await asyncio.sleep(self.delay)
            emit(answer)
            return _completion(answer, request, self.name, began)
        reply = answer if isinstance(answer, Reply) else Reply(value=answer)
        return await self._reply(reply, request, emit, began)

    async def close(self) -> None:
        """Nothing is held."""

    async def _reply(self, reply: Reply, request: Request, emit: Emit, began: float) -> Completion:
        if delay := reply.delay or self.delay:
            await asyncio.sleep(delay)
        text = reply.written()
        if reply.fault is not None:
            for chunk in reply.chunks:
                emit(chunk)
            raise ProviderError(reply.fault, reply.message or f"the script says: {reply.fault}")
        for chunk in reply.chunks or (text,):
            emit(chunk)
        logprobs = reply.logprobs if request.logprobs else None
        model = reply.model or self.name
        completion = _completion(text, request, model, began, reply.finish, reply.thinking, logprobs)
        return completion if reply.usage is None else replace(completion, usage=Usage(*reply.usage))


def _completion(
    text: str,
    request: Request,
    model: str,
    began: float,
    finish: Literal["stop", "length"] = "stop",
    thinking: str = "",
    logprobs: tuple[TokenLogprob, ...] | None = None,
) -> Completion:
    usage = Usage(_words(request.messages), len(text.split()) or 1)
    return Completion(text, finish, usage, Timings(time.monotonic() - began), model, thinking, logprobs)


def _words(messages: Sequence[Message]) -> int:
    total = len(messages)
    for message in messages:
        total += len(message.content.split())
    return total


# ------------------------------------------------------------------------------------------------ scripts


def _asker(script: Script, name: str) -> Callable[[Request], Any]:
    """One function for every form a script may have."""
    if callable(script):
        return script
    if isinstance(script, str):
        return lambda _request: script
    if isinstance(script, Mapping):
        return lambda request: _matching(script, request, name)
    return _in_order(iter(script), name)


def _in_order(answers: Iterator[Answer], name: str) -> Callable[[Request], Any]:
    def ask(request: Request) -> Any:
        for answer in answers:
            return answer
        raise ProviderError(
            "refused",
            f"the script of model '{name}' has no answer left",
            hint=f"it was asked: {asked(request)[:200]}",
        )

    return ask


def _matching(script: Mapping[str, Answer], request: Request, name: str) -> Any:
    text = asked(request)
    for part, answer in script.items():
        if part in text:
            return answer
    raise ProviderError(
        "refused",
        f"no answer in the script of model '{name}' matches the prompt",
        hint=f"it was asked: {text[:200]}",
    )


def asked(request: Request) -> str:
    """The last user message."""
    return next((m.content for m in reversed(request.messages) if m.role == "user"), "")
