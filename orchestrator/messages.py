"""What goes to a model and what comes back, in the words every provider shares. Knows no provider."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from orchestrator.light import light

if TYPE_CHECKING:
    from orchestrator.errors import ProviderError

Role = Literal["system", "user", "assistant"]
Again: TypeAlias = "Callable[[ProviderError], Awaitable[bool]]"
"""Asked before a request is sent once more after this fault: whether it may be."""
Waits: TypeAlias = "Callable[[str], None]"
"""Told why a call waits."""


@light(frozen=True, slots=True)
class Image:
    """An image for a model that sees: raw bytes and their media type, e.g. `image/png`."""

    data: bytes
    media_type: str


@light(frozen=True, slots=True)
class Message:
    role: Role
    content: str
    images: tuple[Image, ...] = ()


@light(frozen=True, slots=True)
class Request:
    """One call of a model.

    `schema` is a JSON Schema the answer must satisfy (the provider turns it into a grammar).
    `params` holds sampling parameters in the common names: temperature, top_p, top_k, min_p, seed,
    repeat_penalty, stop; a provider ignores none of them silently, it maps or refuses them.
    `max_tokens` bounds the answer. `idle` is the longest silence allowed, in seconds, from sending
    to the first token and from token to token; `wall` bounds the whole call.
    `affinity` names who asks (an agent): requests of one affinity share a prompt prefix. Whoever sends it once more
    after a fault asks `again` first: each time is paid for. `waits` is told while the call waits for those of others.
    """

    messages: tuple[Message, ...]
    max_tokens: int
    schema: Mapping[str, Any] | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    logprobs: bool = False
    idle: float = 300.0
    wall: float | None = None
    affinity: str = ""
    again: Again | None = field(default=None, compare=False, repr=False)
    waits: Waits | None = field(default=None, compare=False, repr=False)


@light(frozen=True, slots=True)
class Usage:
    """Tokens as the engine counted them; `cached` prompt tokens were not read again."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    estimated: bool = False


@light(frozen=True, slots=True)
class Timings:
    """Seconds: `first` from sending to the first token, `total` to the last; rates in tokens/s."""

    total: float = 0.0
    first: float | None = None
    prompt_rate: float | None = None
    generation_rate: float | None = None


@light(frozen=True, slots=True)
class TokenLogprob:
    """One generated token, its natural-log probability and the best alternatives `(token, logprob)`."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@light(frozen=True, slots=True)
class Completion:
    """A finished answer. `finish` is `length` when the token bound cut it off. `retries` counts transport retries.

    `sure` is how sure the model was, where that is on record already and not to be worked out of log-probabilities.
    """

    text: str
    finish: Literal["stop", "length"]
    usage: Usage
    timings: Timings = Timings()
    model: str = ""
    thinking: str = ""
    logprobs: tuple[TokenLogprob, ...] | None = None
    retries: int = 0
    sure: float | None = None


@light(frozen=True, slots=True)
class TokenCount:
    """Tokens of a prompt; `exact` when the model's own tokenizer and chat template counted them."""

    tokens: int
    exact: bool


@light(frozen=True, slots=True)
class ModelInfo:
    """What is known of a model once it answers.

    `context` is in tokens, for one request. `slots` is how many requests it serves at once.
    `digest` identifies weights and engine build (empty where the server does not say).
    `local` means: the endpoint is on this machine and the provider attests the weights.
    `takes` are the sampling parameters it takes, None for all of them; a temperature of 0 always goes.
    `prefixes` means: each slot keeps the prompt of its last request, and what another one begins alike is not read again.
    """

    name: str
    ref: str
    provider: str
    context: int
    slots: int
    local: bool
    digest: str = ""
    endpoint: str = ""
    sees: bool = False
    logprobs: bool = False
    chat_template: str = ""
    takes: frozenset[str] | None = None
    prefixes: bool = False
