"""The embedded model answers for real: text, JSON, log-probabilities, counts, and what happens when its host dies."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, Request
from orchestrator.policy.confidence import confidence
from orchestrator.providers.gguf import Header
from orchestrator.providers.llamacpp import LlamaCpp, shape
from orchestrator.spec.schema import json_schema
from orchestrator.spec.types import Bool
from tests.providers.embedded import Embedded, embedded

__all__ = ["embedded"]

pytestmark = pytest.mark.real_model
T = TypeVar("T")

COLOURS = (Message("system", "You answer briefly."), Message("user", "Name three colours."))
GREEDY = {"temperature": 0, "seed": 1}


def request(messages: tuple[Message, ...] = COLOURS, *, tokens: int = 12, **more: Any) -> Request:
    return Request(messages, tokens, params=GREEDY, idle=120.0, **more)


def ignore(_piece: str) -> None:
    """Nobody watches."""


def using(model: LlamaCpp, work: Callable[[LlamaCpp], Awaitable[T]]) -> T:
    """Run it in a loop of its own and give the host back."""

    async def run() -> T:
        try:
            return await work(model)
        finally:
            await model.close()

    return asyncio.run(run())


async def host_pid(model: LlamaCpp, embedded: Embedded) -> int:
    """The process that serves a model."""
    endpoint = (await model.prepare()).endpoint
    return next(h.state.pid for h in embedded.hosts.running() if h.state and h.state.url == endpoint)


def test_it_says_what_it_is(embedded: Embedded) -> None:
    """Context per request, slots, and a digest of weights and engine."""
    info = using(embedded.model(), lambda model: model.prepare())

    assert (info.provider, info.context, info.slots, info.local) == ("llamacpp", 1024, 4, True)
    assert embedded.weights.sha256 in info.digest
    assert "xllamacpp" in info.digest
    assert "<|im_start|>" in info.chat_template


def test_it_answers_and_streams_what_it_says(embedded: Embedded) -> None:
    """The pieces are the answer; tokens and times come from the engine."""
    pieces: list[str] = []

    answer = using(embedded.model(), lambda model: model.generate(request(), pieces.append))

    assert answer.text.strip()
    assert "".join(pieces) == answer.text
    assert len(pieces) > 3
    assert answer.usage.completion == 12
    assert not answer.usage.estimated
    assert answer.finish == "length"
    assert answer.timings.first is not None
    assert answer.timings.generation_rate


def test_the_same_prefix_is_not_read_twice(embedded: Embedded) -> None:
    """The second request of one agent reuses what the first has read."""

    async def twice(model: LlamaCpp) -> Completion:
        await model.generate(request(), ignore)
        return await model.generate(request(), ignore)

    assert using(embedded.model(), twice).usage.cached > 0


def test_agents_that_take_turns_keep_their_prefixes(embedded: Embedded) -> None:
    """Two roles that begin alike do not push each other out of the cache."""
    roles = [f"You are a patient specialist for {topic}. {'Be precise. ' * 40}" for topic in ("tea", "rain")]

    async def turns(model: LlamaCpp) -> list[Completion]:
        done = []
        for question in ("First?", "Second?"):
            for role in roles:
                messages = (Message("system", role), Message("user", question))
                done.append(await model.generate(request(messages, tokens=2, affinity=role), ignore))
        return done

    answers = using(embedded.model(), turns)

    assert all(answer.usage.cached > answer.usage.prompt * 0.8 for answer in answers[2:])


def test_an_answer_is_what_its_schema_says(embedded: Embedded) -> None:
    """Even a tiny model cannot answer anything else: the grammar forbids it."""
    schema = {
        "type": "object",
        "properties": {"colour": {"enum": ["red", "green"]}, "count": {"type": "integer"}},
        "required": ["colour", "count"],
        "additionalProperties": False,
    }

    answer = using(embedded.model(), lambda model: model.generate(request(tokens=80, schema=schema), ignore))

    value = json.loads(answer.text)
    assert value["colour"] in ("red", "green")
    assert isinstance(value["count"], int)


def test_log_probabilities_come_with_alternatives(embedded: Embedded) -> None:
    """One entry per token, none above zero."""
    answer = using(embedded.model(), lambda model: model.generate(request(tokens=4, logprobs=True), ignore))

    assert answer.logprobs is not None
    assert len(answer.logprobs) == 4
    assert all(token.logprob <= 0 and token.top for token in answer.logprobs)


def test_of_two_values_the_one_it_writes_is_the_surer_one(embedded: Embedded) -> None:
    """The engine tells of all tokens, before the grammar: among the allowed ones the written value has most."""
    asked = (Message("user", "Is the sky green? Answer true or false."),)

    answer = using(
        embedded.model(),
        lambda model: model.generate(request(asked, schema=json_schema(Bool()), logprobs=True), ignore),
    )

    sure = confidence(answer, Bool())
    assert answer.text in ("true", "false")
    assert sure is not None
    assert 0.5 <= sure < 1


def test_prompts_are_counted_as_the_engine_counts_them(embedded: Embedded) -> None:
    """The count before the call is the usage after it, to the token."""

    async def both(model: LlamaCpp) -> tuple[int, bool, int]:
        count = await model.count(COLOURS)
        answer = await model.generate(request(tokens=1), ignore)
        return count.tokens, count.exact, answer.usage.prompt

    tokens, exact, used = using(embedded.model(), both)

    assert exact
    assert tokens == used


def test_a_prompt_that_does_not_fit_is_an_overflow_with_its_sizes(embedded: Embedded) -> None:
    """Nothing is cut off silently."""
    long = (Message("user", "word " * 3000),)

    with pytest.raises(ProviderError, match=r"takes \d+ tokens.*1024") as caught:
        using(embedded.model(), lambda model: model.generate(request(long), ignore))

    assert caught.value.kind == "overflow"


def test_four_at_once_answer_each_their_own(embedded: Embedded) -> None:
    """Concurrent requests do not mix, and one alone gives the same words."""
    words = ("apple", "river", "seven", "Tuesday")

    async def together(model: LlamaCpp) -> list[Completion]:
        one = [request((Message("user", f"Repeat this word: {word}"),), tokens=12) for word in words]
        return list(await asyncio.gather(*(model.generate(each, ignore) for each in one)))

    answers = using(embedded.model(), together)

    assert len({answer.text for answer in answers}) == 4


def test_a_host_that_dies_in_mid_stream_is_replaced_once(embedded: Embedded) -> None:
    """The caller sees one whole answer, and that it took a second try."""
    pieces: list[str] = []

    async def killed(model: LlamaCpp) -> Completion:
        pid = await host_pid(model, embedded)

        def emit(piece: str) -> None:
            pieces.append(piece)
            if len(pieces) == 5:
                os.kill(pid, signal.SIGKILL)

        return await model.generate(request(), emit)

    answer = using(embedded.model(context=512), killed)

    assert answer.retries == 1
    assert len(pieces) > 5
    assert "".join(pieces) == answer.text


def test_a_host_that_was_stopped_between_calls_is_started_again(embedded: Embedded) -> None:
    """`orch models stop` frees memory; it does not fail the next call, nor a count."""

    async def stopped(model: LlamaCpp) -> tuple[int, str]:
        os.kill(await host_pid(model, embedded), signal.SIGKILL)
        count = await model.count((Message("user", "Good day"),))
        os.kill(await host_pid(model, embedded), signal.SIGKILL)
        return count.tokens, (await model.generate(request(), ignore)).text

    tokens, text = using(embedded.model(context=512), stopped)

    assert tokens > 0
    assert text


def test_cancelling_stops_the_generation_on_the_host(embedded: Embedded) -> None:
    """No slot goes on working for nobody."""
    began = asyncio.Event()

    async def cancelled(model: LlamaCpp) -> Completion:
        long = asyncio.create_task(model.generate(request(tokens=900), lambda _: began.set()))
        await began.wait()
        long.cancel()
        with pytest.raises(asyncio.CancelledError):
            await long
        # all four slots are free for others: a fifth request in line would wait for 900 tokens
        return (await asyncio.gather(*(model.generate(request(), ignore) for _ in range(4))))[0]

    assert using(embedded.model(), cancelled).text


def test_a_file_beside_the_workflow_is_a_model(embedded: Embedded) -> None:
    """`llamacpp:./x.gguf` is relative to the file that writes it, and shares the host of the same weights."""
    link = embedded.config.cwd / "mine.gguf"
    link.symlink_to(embedded.weights.path)

    info = using(embedded.model(use="llamacpp:./mine.gguf"), lambda model: model.prepare())

    assert embedded.weights.sha256 in info.digest


def test_a_file_that_is_no_model_is_refused_before_it_is_loaded(embedded: Embedded) -> None:
    """A picture is not given to the engine."""
    (embedded.config.cwd / "cat.gguf").write_bytes(b"\x89PNG")

    with pytest.raises(ProviderError, match="no model file"):
        using(embedded.model(use="llamacpp:./cat.gguf"), lambda model: model.prepare())


def test_damaged_weights_are_refused_before_they_are_loaded(embedded: Embedded, tmp_path: Path) -> None:
    """The sha256 is checked in front of the engine, and the message says how to repair it."""
    from dataclasses import replace
    from shutil import copytree

    home = tmp_path / "home"
    copytree(
        embedded.config.models, home / "models", ignore=lambda _, names: [n for n in names if "fetching" in n]
    )
    original = f"sha256-{embedded.weights.made.parent}" if embedded.weights.made else ""
    for name in {embedded.weights.path.name, original} - {""}:
        with (home / "models" / "blobs" / name).open("r+b") as file:
            file.seek(50_000_000)
            file.write(b"\x00\x01\x02\x03")
    model = Embedded(replace(embedded.config, data=home), embedded.weights, embedded.hosts).model()

    with pytest.raises(ProviderError, match="damaged") as caught:
        using(model, lambda m: m.prepare())

    assert "orch models pull" in caught.value.hint


def test_a_host_speaks_to_any_openai_client(embedded: Embedded) -> None:
    """A second host, spoken to as a stranger's server would be: through the OpenAI client."""
    from openai import OpenAI

    lease = embedded.hosts.acquire(embedded.launch(context=700))
    with OpenAI(base_url=f"{lease.state.url}/v1", api_key=lease.state.key, max_retries=0) as client:
        answer = client.chat.completions.create(
            model="smollm2-135m", messages=[{"role": "user", "content": "Say hi."}], max_tokens=8
        )
    lease.release()

    assert answer.choices[0].message.content


SMALL = Header("llama", "", 8192, 23_040, embedding=False, has_template=True)
LARGE = Header("llama", "", 131_072, 131_072, embedding=False, has_template=True)


@pytest.mark.parametrize(
    ("wanted", "header", "gigabytes", "expected"),
    [
        (None, SMALL, 16, (8192, 4)),
        (None, SMALL, 1, (4096, 2)),
        (2048, SMALL, 16, (2048, 4)),
        (None, LARGE, 64, (8192, 4)),
        (None, LARGE, 8, (8192, 2)),
        (None, LARGE, 2, (4096, 1)),
        (65_536, LARGE, 8, (65_536, 1)),
    ],
)
def test_context_and_slots_fit_the_machine(
    wanted: int | None, header: Header, gigabytes: int, expected: tuple[int, int]
) -> None:
    """What was asked for is kept; defaults leave two thirds of the memory to others."""
    assert shape(wanted, header, 100 << 20, gigabytes << 30) == expected


NEWS = (
    "In March a pipe burst in the cellar and 1,300 old newspapers got wet; volunteers carried them to the gymnasium.",
    "The repair café meets on the first Thursday; Nadia, who is 14, has mended 310 toasters, bicycles and lamps.",
    "The council lent 61,000 pounds for a new roof of the fire station, to be paid back by December 2031.",
    "Heating costs fell by a fifth after the windows of the upper hall were sealed by the carpenter Olsen.",
    "The choir of Brindley sang in Rotterdam before 2,200 listeners and came home with a silver harp.",
    "A fox was seen near the bakery on Juniper Lane; the baker, Priya, now locks up her almond croissants.",
)
LETTERS = (
    "Please call Laura Bennett at 555-0142 about the piano she wants to sell.",
    "Tom Okafor wrote from tom@okafor.example that his umbrella is still in your office.",
    "Maria Lopez and Henry Walsh share a flat with a green door at 17 Harbour Street.",
    "Send the invoice of Ingrid Solberg to the accountant before the twelfth of August.",
    "The meeting with Aisha Khan moved to Friday, because her violin lesson is on Monday.",
    "Peter Brandt ordered forty sacks of cement and a wheelbarrow for the garden wall.",
)
RARE = re.compile(r"[A-Z][a-z]{3,}|\d[\d,-]{2,}\d")


def test_answers_never_hold_text_of_other_prompts(embedded: Embedded) -> None:
    """Two clients of one host with several agents, more requests than slots: each answer speaks of its own prompt."""
    roles = (
        "Summarize the news in one sentence.",
        "Copy the letter, but replace every name and number by dots.",
    )
    texts = [text for pair in zip(NEWS, LETTERS, strict=True) for text in pair] * 2

    async def ask(model: LlamaCpp, number: int) -> str:
        role = roles[number % 2]
        messages = (Message("system", role), Message("user", texts[number]))
        return (await model.generate(request(messages, tokens=40, affinity=role), ignore)).text

    async def act() -> list[str]:
        clients = embedded.model(), embedded.model()
        try:
            for n in range(len(texts) // 2):  # so that every prompt is in the host's cache
                await ask(clients[0], n)
            return await asyncio.gather(*(ask(clients[n % 3 % 2], n) for n in range(len(texts))))
        finally:
            for client in clients:
                await client.close()

    answers = asyncio.run(act())

    own = [set(RARE.findall(text)) for text in texts]
    everything = set().union(*own)
    said = [set(RARE.findall(answer)) for answer in answers]
    assert not [
        words & (everything - mine)
        for words, mine in zip(said, own, strict=True)
        if words & (everything - mine)
    ]
    assert any(words & mine for words, mine in zip(said, own, strict=True))
