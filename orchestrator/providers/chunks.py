"""Reads the chunks of a streamed chat completion into a Completion, strictly. Knows no HTTP.

A chunk is what the OpenAI API calls one; llama.cpp's `timings` and the `reasoning_content` of thinking models are read too.
An answer without a `finish_reason` was cut off, whatever the status said.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Literal

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Timings, TokenLogprob, Usage
from orchestrator.ports import Emit
from orchestrator.providers.faults import clip, of_body, protocol

_FINISH: Mapping[str, Literal["stop", "length"]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
}
_MOST = 2**53
"""Numbers of servers that are larger count as not told: no record could hold them."""


class Chunks:
    """The answer so far. Feed it every chunk, then ask for the completion."""

    __slots__ = (
        "_began", "_emit", "_finish", "_first", "_last", "_logprobs", "_model", "_pieces", "_served", "_text", "_thinking",
        "_timings", "_usage", "_where",
    )  # fmt: skip

    def __init__(self, where: str, model: str, emit: Emit) -> None:
        self._where = where
        self._model = model
        self._served = ""
        self._emit = emit
        self._began = time.monotonic()
        self._first: float | None = None
        self._last = self._began
        self._text: list[str] = []
        self._thinking: list[str] = []
        self._pieces = 0
        self._logprobs: list[TokenLogprob] | None = None
        self._usage: Mapping[str, Any] = {}
        self._timings: Mapping[str, Any] = {}
        self._finish = ""

    def feed(self, chunk: Mapping[str, Any]) -> None:
        """Take one chunk in. Raises ProviderError when it is malformed or carries an error."""
        if chunk.get("error"):
            raise of_body(chunk["error"], self._where)
        if isinstance(usage := chunk.get("usage"), Mapping):
            self._usage = usage
        if isinstance(timings := chunk.get("timings"), Mapping):
            self._timings = timings
        if isinstance(served := chunk.get("model"), str):
            self._served = served or self._served
        if "prompt_progress" in chunk:
            self._emit("")  # llama.cpp's, while it reads the prompt
        choices = chunk.get("choices")
        if not isinstance(choices, list):
            raise protocol(self._where, "sent a piece of an answer without choices")
        if not choices:
            return
        choice = choices[0]
        if not isinstance(choice, Mapping):
            raise protocol(self._where, "sent a piece of an answer whose choice is no object")
        self._delta(choice.get("delta"))
        if choice.get("logprobs"):
            self._read_logprobs(choice["logprobs"])
        if reason := choice.get("finish_reason"):
            self._finish = str(reason)

    def _delta(self, delta: Any) -> None:
        if delta is None:
            return
        if not isinstance(delta, Mapping):
            raise protocol(self._where, "sent a piece of an answer whose delta is no object")
        if refusal := delta.get("refusal"):
            raise ProviderError("refused", f"model '{self._model}' refuses to answer: {clip(str(refusal))}")
        thought = delta.get("reasoning_content") or delta.get("reasoning")
        if isinstance(thought, str) and thought:
            self._count()
            self._thinking.append(thought)
            self._emit("")
        piece = delta.get("content")
        if isinstance(piece, str):
            if piece and self._finish:
                raise protocol(self._where, "went on after the end of its answer")
            if piece:
                self._count()
                self._text.append(piece)
                self._emit(piece)
        elif piece is not None:
            raise protocol(self._where, "sent a piece of an answer that is no text")

    def _count(self) -> None:
        self._pieces += 1
        self._last = time.monotonic()
        if self._first is None:
            self._first = self._last

    def _read_logprobs(self, logprobs: Any) -> None:
        entries = logprobs.get("content") if isinstance(logprobs, Mapping) else None
        if not isinstance(entries, list):
            return
        if self._logprobs is None:
            self._logprobs = []
        try:
            self._logprobs.extend(_logprob(entry) for entry in entries)
        except (TypeError, KeyError, ValueError, AttributeError, OverflowError):
            raise protocol(self._where, "sent log-probabilities that are malformed") from None

    def completion(self) -> Completion:
        """The finished answer. Raises ProviderError when it is not finished, or not an answer."""
        if not self._finish:
            raise protocol(self._where, "cut the answer off in the middle")
        if self._finish == "content_filter":
            raise ProviderError("refused", f"{self._where} filtered the answer of model '{self._model}'")
        if self._finish not in _FINISH:
            raise protocol(self._where, f"ended the answer with '{clip(self._finish)}', which is no text")
        return Completion(
            text="".join(self._text),
            finish=_FINISH[self._finish],
            usage=self._counted(),
            timings=self._timed(),
            model=self._served or self._model,
            thinking="".join(self._thinking),
            logprobs=tuple(self._logprobs) if self._logprobs is not None else None,
        )

    def _counted(self) -> Usage:
        prompt, completion = (
            whole(self._usage.get("prompt_tokens")),
            whole(self._usage.get("completion_tokens")),
        )
        if prompt is None or completion is None:
            return Usage(prompt or 0, self._pieces, estimated=True)
        details = self._usage.get("prompt_tokens_details")
        cached = whole(details.get("cached_tokens")) if isinstance(details, Mapping) else None
        if cached is None:
            cached = whole(self._timings.get("cache_n"))
        return Usage(prompt, completion, cached or 0)

    def _timed(self) -> Timings:
        first = None if self._first is None else self._first - self._began
        rate = _number(self._timings, "predicted_per_second")
        if rate is None and self._first is not None and self._last > self._first:
            tokens = whole(self._usage.get("completion_tokens")) or self._pieces
            rate = (tokens - 1) / (self._last - self._first) or None
        return Timings(
            total=time.monotonic() - self._began,
            first=first,
            prompt_rate=_number(self._timings, "prompt_per_second"),
            generation_rate=rate,
        )


def _logprob(entry: Any) -> TokenLogprob:
    top = tuple((_token(other), below_one(other["logprob"])) for other in entry.get("top_logprobs") or ())
    return TokenLogprob(_token(entry), below_one(entry["logprob"]), top)


def _token(entry: Any) -> str:
    """The text of a token; where it is a part of a character, its bytes escaped, and not a replacement for them."""
    if raw := entry.get("bytes"):
        # as a list: a number would be taken for that many zeros
        return bytes(list(raw)).decode("utf-8", "surrogateescape")
    return str(entry["token"])


def below_one(value: Any) -> float:
    """A server's log-probability, never above zero. Raises ValueError, TypeError or OverflowError for none."""
    logprob = float(value)
    if logprob != logprob:
        raise ValueError("no number")
    return min(0.0, logprob)


def whole(value: Any) -> int | None:
    """A count that a server tells; None where it is no count."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST else None


def _number(holder: Mapping[str, Any], key: str) -> float | None:
    value = holder.get(key)
    return float(value) if isinstance(value, int | float) and 0 < value < _MOST else None
