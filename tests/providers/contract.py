"""The contract every provider keeps, as two classes of tests.

`AnswerContract` is about what a working model does and runs against real models too: give it an `opened` fixture.
`FaultContract` is about what goes wrong on the way, against a test server: give it a `subject` fixture.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest

from orchestrator.errors import ProviderError
from orchestrator.messages import Completion, Message, Request
from orchestrator.ports import Emit, Model
from orchestrator.providers.tries import Patience
from tests.providers.servers import SCHEMA, FakeServer

Opened = Callable[[], AbstractAsyncContextManager[Model]]
"""Opens a model for one test and closes it again."""


def ask(text: str = "Count to six.", **options: Any) -> Request:
    """A request that ends soon."""
    return Request(messages=(Message("user", text),), **{"max_tokens": 24, "idle": 120.0, **options})


def ignore(_piece: str) -> None:
    """Takes a piece of an answer."""


class AnswerContract:
    """What a model does when nothing goes wrong."""

    exact_count = True
    logprobs = True

    def test_it_says_what_it_is(self, opened: Opened) -> None:
        """Context and slots are known once it is prepared; preparing again is cheap and says the same."""

        async def act() -> None:
            async with opened() as model:
                info = await model.prepare()

                assert info.context >= 128
                assert info.slots >= 1
                assert ":" in info.ref
                assert await model.prepare() == info

        asyncio.run(act())

    def test_it_streams_its_answer(self, opened: Opened) -> None:
        """The pieces, put together, are the text; usage and timings are counted."""

        async def act() -> None:
            pieces: list[str] = []
            async with opened() as model:
                await model.prepare()
                completion = await model.generate(ask(), pieces.append)

            assert completion.text
            assert "".join(pieces) == completion.text
            assert len([piece for piece in pieces if piece]) > 1
            assert completion.usage.prompt > 0
            assert completion.usage.completion > 1
            assert not completion.usage.estimated
            assert completion.timings.total > 0
            assert completion.timings.first is not None
            assert completion.timings.generation_rate is not None
            assert completion.retries == 0

        asyncio.run(act())

    def test_a_schema_constrains_the_answer(self, opened: Opened) -> None:
        """The answer is JSON of that shape."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                completion = await model.generate(ask("Name a color as JSON.", schema=SCHEMA), ignore)

            assert json.loads(completion.text)["color"] in ("red", "blue")
            assert completion.finish == "stop"

        asyncio.run(act())

    def test_the_bound_of_tokens_cuts_the_answer(self, opened: Opened) -> None:
        """And it says so."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                completion = await model.generate(ask("Count to a hundred.", max_tokens=2), ignore)

            assert completion.finish == "length"
            assert completion.usage.completion <= 3

        asyncio.run(act())

    def test_log_probabilities_come_when_asked_for(self, opened: Opened) -> None:
        """One per token, never above zero, with alternatives; none when not asked for."""

        async def act() -> None:
            async with opened() as model:
                info = await model.prepare()
                assert info.logprobs == self.logprobs
                if not self.logprobs:
                    with pytest.raises(ProviderError) as refused:
                        await model.generate(ask(logprobs=True), ignore)
                    assert refused.value.kind == "refused"
                    return
                completion = await model.generate(ask(logprobs=True), ignore)
                without = await model.generate(ask(), ignore)

            assert completion.logprobs
            assert all(entry.logprob <= 0 for entry in completion.logprobs)
            assert all(entry.top for entry in completion.logprobs)
            assert without.logprobs is None

        asyncio.run(act())

    def test_it_counts_a_prompt(self, opened: Opened) -> None:
        """A longer prompt has more tokens; whether they are exact is said."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                short = await model.count([Message("user", "Hello")])
                long = await model.count(
                    [Message("system", "Be kind."), Message("user", "Hello there " * 50)]
                )

            assert 0 < short.tokens < long.tokens
            assert short.exact == long.exact == self.exact_count

        asyncio.run(act())

    def test_it_answers_after_a_cancelled_call(self, opened: Opened) -> None:
        """A call that was given up in mid-stream leaves nothing behind."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                await cancel_in_mid_stream(model, ask("Tell a long story.", max_tokens=100))
                completion = await model.generate(ask(), ignore)

            assert completion.text

        asyncio.run(act())

    def test_several_calls_at_once(self, opened: Opened) -> None:
        """Each gets its own answer."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                answers = await asyncio.gather(*(model.generate(ask(), ignore) for _ in range(4)))

            assert all(answer.text for answer in answers)

        asyncio.run(act())

    def test_an_unknown_parameter_is_refused(self, opened: Opened) -> None:
        """Nothing is dropped silently; the message names the parameter."""

        async def act() -> None:
            async with opened() as model:
                await model.prepare()
                with pytest.raises(ProviderError) as refused:
                    await model.generate(ask(params={"warmth": 3}), ignore)

            assert refused.value.kind == "refused"
            assert "warmth" in refused.value.message

        asyncio.run(act())


async def cancel_in_mid_stream(model: Caller, request: Request) -> bool:
    """Start a call and cancel it at its first piece. False when it was faster and had finished."""
    begun = asyncio.Event()
    task = asyncio.ensure_future(model.generate(request, lambda _: begun.set()))
    await begun.wait()
    task.cancel()
    await asyncio.wait([task])
    return task.cancelled()


# ------------------------------------------------------------------------------------------------- faults


class Caller(Protocol):
    """The part of a model that calls."""

    async def generate(self, request: Request, emit: Emit) -> Completion: ...

    async def close(self) -> None: ...


@dataclass
class Subject:
    """A provider and the test server that it speaks to."""

    name: str
    server: Callable[[], FakeServer]
    open: Callable[[FakeServer, Patience], Caller]
    flags: frozenset[str] = frozenset()


@dataclass
class Played:
    """What came of some calls."""

    error: ProviderError | None = None
    completion: Completion | None = None
    pieces: list[str] = field(default_factory=list)
    calls: int = 0
    slept: list[float] = field(default_factory=list)


def play(subject: Subject, faults: Sequence[str], request: Request | None = None) -> Played:
    """One call of a model whose server makes these faults in this order."""
    played = Played()

    async def sleep(seconds: float) -> None:
        played.slept.append(seconds)

    async def act() -> None:
        async with subject.server() as server:
            assert isinstance(server, FakeServer)
            server.faults.extend(faults)
            model = subject.open(server, Patience(sleep=sleep, chance=lambda: 1.0, connect=5.0))
            try:
                played.completion = await model.generate(request or ask(), played.pieces.append)
            except ProviderError as error:
                played.error = error
            finally:
                await model.close()
            played.calls = len(server.calls(server.chat))

    asyncio.run(act())
    return played


TRIES = Patience().tries
AGAIN_AND_AGAIN = {
    "500": "server",
    "503": "server",
    "reset": "protocol",
    "half": "protocol",
    "unfinished": "protocol",
    "malformed": "protocol",
    "list": "protocol",
    "html": "protocol",
    "image": "protocol",
    "gzip": "protocol",
    "null": "protocol",
    "empty": "protocol",
    "no-object": "protocol",
    "strange-finish": "protocol",
    "json-body": "protocol",
    "flood": "protocol",
    "in-stream-error": "server",
    "429": "rate_limited",
}
AT_ONCE = {
    "401": "auth",
    "429-long": "rate_limited",
    "redirect": "refused",
    "refused": "refused",
    "not-found": "not_found",
    "overflow": "overflow",
}
SILENT = ("hang", "drip", "stall")


class FaultContract:
    """What a provider makes of a server that does not do its part: a typed fault, soon, after few requests."""

    @pytest.mark.parametrize(("fault", "kind"), AGAIN_AND_AGAIN.items())
    def test_a_fault_that_may_pass_is_tried_again_and_then_told(
        self, subject: Subject, fault: str, kind: str
    ) -> None:
        """Three requests, two pauses, one typed error."""
        played = play(subject, [fault] * 9)

        assert played.error is not None
        assert played.error.kind == kind
        assert played.calls == TRIES
        assert len(played.slept) == TRIES - 1

    @pytest.mark.parametrize("fault", [fault for fault in AGAIN_AND_AGAIN if fault != "flood"])
    def test_a_fault_that_passes_does_not_show(self, subject: Subject, fault: str) -> None:
        """The second try answers; its beginning is not shown twice, and the retry is counted."""
        played = play(subject, [fault])

        assert played.completion is not None, played.error
        assert played.completion.text == "one two three four five six"
        assert "".join(played.pieces) == played.completion.text
        assert played.completion.retries == 1

    @pytest.mark.parametrize(("fault", "kind"), AT_ONCE.items())
    def test_a_fault_that_stays_is_told_at_once(self, subject: Subject, fault: str, kind: str) -> None:
        """One request, no pause."""
        played = play(subject, [fault] * 9)

        assert played.error is not None
        assert played.error.kind == kind
        assert played.calls == 1
        assert not played.slept

    @pytest.mark.parametrize("fault", SILENT)
    def test_silence_ends_the_call(self, subject: Subject, fault: str) -> None:
        """Bytes that carry no token are silence too."""
        played = play(subject, [fault] * 9, ask(idle=0.2))

        assert played.error is not None
        assert played.error.kind == "timeout"
        assert "silent for 0.2 s" in played.error.message
        assert played.calls <= 1

    def test_an_answer_that_never_ends_is_stopped_by_the_wall(self, subject: Subject) -> None:
        """Tokens keep it alive, but not for ever."""
        played = play(subject, ["endless"], ask(wall=0.3))

        assert played.error is not None
        assert played.error.kind == "timeout"
        assert "wall of 0.3 s" in played.error.message
        assert played.calls <= 1

    def test_the_server_says_when_to_come_back(self, subject: Subject) -> None:
        """Retry-After is the pause."""
        played = play(subject, ["429"])

        assert played.slept == [7.0]
        assert played.completion is not None

    def test_a_pause_longer_than_the_patience_of_the_step_is_an_error(self, subject: Subject) -> None:
        """A step that allows five seconds of silence does not wait seven."""
        played = play(subject, ["429"], ask(idle=5.0))

        assert played.error is not None
        assert played.error.kind == "rate_limited"
        assert played.error.retry_after == 7.0
        assert not played.slept

    def test_pauses_grow(self, subject: Subject) -> None:
        """Half a second, then one."""
        assert play(subject, ["500"] * 9).slept == [0.5, 1.0]

    def test_what_a_server_says_is_shown_on_one_line(self, subject: Subject) -> None:
        """Its words are data."""
        played = play(subject, ["refused"])

        assert played.error is not None
        assert "you may not ask this" in played.error.message

    def test_a_key_never_shows(self, subject: Subject) -> None:
        """Not in the error, not in the repr of the model, also when the server repeats it."""
        played = play(subject, ["401"])

        assert played.error is not None
        assert "sekret" not in f"{played.error} {played.error.hint}"

        async def act() -> None:
            async with subject.server() as server:
                assert isinstance(server, FakeServer)
                model = subject.open(server, Patience())
                try:
                    await model.generate(ask(), ignore)
                    sent = server.calls(server.chat)[0].headers["authorization"]
                    assert sent == "Bearer sekret"
                    assert "sekret" not in repr(model)
                finally:
                    await model.close()

        asyncio.run(act())

    def test_nothing_listens(self, subject: Subject) -> None:
        """The address is named."""
        slept: list[float] = []

        async def sleep(seconds: float) -> None:
            slept.append(seconds)

        async def act() -> None:
            async with subject.server() as server:
                assert isinstance(server, FakeServer)
                url = server.url
                model = subject.open(server, Patience(sleep=sleep))
            try:
                with pytest.raises(ProviderError) as error:
                    await model.generate(ask(), ignore)
            finally:
                await model.close()
            assert error.value.kind == "unreachable"
            assert url in error.value.message

        asyncio.run(act())

    def test_the_server_notices_a_cancelled_call(self, subject: Subject) -> None:
        """The connection is closed, so it stops generating."""

        async def act() -> None:
            async with subject.server() as server:
                assert isinstance(server, FakeServer)
                server.faults.append("stall")
                model = subject.open(server, Patience())
                assert await cancel_in_mid_stream(model, ask())
                await server.cancelled.wait()
                await model.close()

        asyncio.run(act())

    def test_connections_are_used_again(self, subject: Subject) -> None:
        """A second call needs no second connection, but behind a server that closes after each stream anyway."""
        wanted = 3 if "one connection per stream" in subject.flags else 1

        async def act() -> None:
            async with subject.server() as server:
                assert isinstance(server, FakeServer)
                model = subject.open(server, Patience())
                for _ in range(3):
                    await model.generate(ask(), ignore)
                await model.close()
                assert len({id(exchange.writer) for exchange in server.calls(server.chat)}) == wanted

        asyncio.run(act())

    def test_the_environment_puts_nothing_into_a_request(
        self, subject: Subject, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No proxy for this machine, no key, organisation or header of an SDK's own variables."""
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv("OPENAI_API_KEY", "leak")
        monkeypatch.setenv("OLLAMA_API_KEY", "leak")
        monkeypatch.setenv("OPENAI_ORG_ID", "leak")
        monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "X-Leak: leak")

        async def act() -> None:
            async with subject.server() as server:
                assert isinstance(server, FakeServer)
                model = subject.open(server, Patience())
                await model.generate(ask(), ignore)
                await model.close()
                headers = [exchange.headers for exchange in server.seen]

            assert not [value for sent in headers for value in sent.values() if "leak" in value]

        asyncio.run(act())
