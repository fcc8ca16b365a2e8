"""Log-probabilities as servers send them: halves of characters, values that are none, and who gives any at all."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, Request
from orchestrator.policy.confidence import confidence
from orchestrator.providers.chunks import Chunks
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import PRESETS
from orchestrator.spec.types import Enum


def entry(raw: bytes, logprob: Any, *others: tuple[bytes, Any]) -> dict[str, Any]:
    """One token as llama.cpp and OpenAI write it."""
    top = [{"token": "\ufffd", "bytes": list(other), "logprob": value} for other, value in others]
    return {"token": "\ufffd", "bytes": list(raw), "logprob": logprob, "top_logprobs": top}


def read(text: str, *entries: dict[str, Any]) -> Completion:
    chunks = Chunks("http://127.0.0.1:1/v1", "tiny", lambda _: None)
    delta = {"delta": {"content": text}, "logprobs": {"content": list(entries)}}
    chunks.feed({"choices": [delta]})
    chunks.feed({"choices": [{"delta": {}, "finish_reason": "stop"}]})
    return chunks.completion()


def test_half_a_character_is_kept_as_bytes() -> None:
    """`ś` and `ż` begin with different bytes: what the server shows as a replacement still tells them apart."""
    completion = read(
        '"ś"', entry(b'"', 0.0), entry(b"\xc5", 0.0), entry(b"\x9b", -0.1, (b"\xbc", -2.5)), entry(b'"', 0.0)
    )

    assert "".join(t.token for t in completion.logprobs or ()) == '"\udcc5\udc9b"'
    assert confidence(completion, Enum(("ś", "ż"))) == pytest.approx(0.917, abs=0.001)


@pytest.mark.parametrize("logprob", [None, "x", float("nan"), [1]])
def test_values_that_are_none_are_the_servers_fault(logprob: Any) -> None:
    """And not a traceback, and not a confidence of NaN."""
    with pytest.raises(ProviderError, match="log-probabilities"):
        read("a", entry(b"a", logprob))


def test_bytes_that_are_none_are_the_servers_fault() -> None:
    """A byte has at most 255."""
    with pytest.raises(ProviderError, match="log-probabilities"):
        read("a", {"token": "a", "bytes": [999], "logprob": -1.0})


def test_a_probability_above_one_is_one() -> None:
    """Rounding on a server."""
    assert read("a", entry(b"a", 1e-7)).logprobs == read("a", entry(b"a", 0.0)).logprobs


@pytest.mark.parametrize(
    ("model", "gives"), [("gpt-4.1-mini", True), ("gpt-5-mini", False), ("o4-mini", False)]
)
def test_models_that_reason_give_none(model: str, gives: bool) -> None:
    """OpenAI refuses the parameter for them; a run has to know before it asks."""

    async def act() -> None:
        subject = OpenAIModel("big", model, PRESETS["openai"], provider="openai", url="http://127.0.0.1:9/v1")
        asked = Request((Message("user", "Hi"),), 9, logprobs=True)
        if gives:
            assert subject._body(asked)["top_logprobs"] == 20
        else:
            with pytest.raises(ProviderError, match="gives no log-probabilities"):
                await subject.generate(asked, lambda _: None)
        await subject.close()

    asyncio.run(act())
