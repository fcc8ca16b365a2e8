"""A cloud that fails in every way: the local answer stays, the fault has a kind, and nothing private is told or written.

Its error messages quote what it was sent, the key as well, as real ones do.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.run import Ports
from orchestrator.engine.start import Engine, Result
from orchestrator.events import AttemptFinished, Decided, Event, Warned, encode
from orchestrator.graph.open import open_workflow
from orchestrator.policy.secrets import Secrets
from orchestrator.providers.openai import OpenAIModel
from orchestrator.providers.presets import PRESETS
from orchestrator.providers.scripted import ScriptedModel
from orchestrator.providers.tries import Patience
from tests.engine.harness import MemoryJournal
from tests.privacy.canaries import sightings, world
from tests.providers.loopback import Exchange
from tests.providers.servers import OpenAIServer

KEY = "keyqzwxvkjbmpqzwx"
WORKFLOW = """
orch: 1
keep: {private: hash}
inputs: {note: text, open: {type: text, label: public}}
models:
  tiny: "scripted:none"
  cloud: {use: "openai:tiny", key: env.CLOUD_KEY, where: cloud, price: {input: 1, output: 2}}
agents: {writer: {model: tiny, role: Count.}}
budget: {usd: 1, then: stay-local}
steps:
  read: {agent: writer, prompt: "Sum up {{ inputs.note }}"}
  n:
    agent: writer
    prompt: "How many? {{ inputs.open }}"
    output: int
    timeout: SILENCE
    escalate: {to: cloud, when: attempts > 0}
  again:
    needs: n
    agent: writer
    prompt: "How many more? {{ inputs.open }}"
    output: int
    escalate: {to: cloud, when: attempts > 0}
outputs: {n: "{{ n }}", again: "{{ again }}"}
"""
LOCAL, GOOD = 3, 42
FAULTS = {
    "429": "rate_limited",
    "429-long": "rate_limited",
    "500": "server",
    "503": "server",
    "401": "auth",
    "refused": "refused",
    "not-found": "not_found",
    "overflow": "overflow",
    "redirect": "refused",
    "html": "protocol",
    "image": "protocol",
    "reset": "protocol",
    "hang": "timeout",
    "stall": "timeout",
    "half": "protocol",
    "unfinished": "protocol",
    "malformed": "protocol",
    "null": "protocol",
    "empty": "protocol",
    "no-object": "protocol",
    "strange-finish": "protocol",
    "in-stream-error": "server",
}
"""The kind of each."""


class Quoting(OpenAIServer):
    """A server of one answer; whatever goes wrong, it says to whom and about what."""

    def __init__(self, text: str, served: str, bill: tuple[int, int]) -> None:
        super().__init__()
        self.text, self.served, self.bill = text, served, bill

    async def good(self, exchange: Exchange) -> None:
        delta = {"index": 0, "delta": {"content": self.text}, "finish_reason": "stop"}
        usage = {"prompt_tokens": self.bill[0], "completion_tokens": self.bill[1]}
        exchange.begin(self.stream)
        for chunk in ({"model": self.served, "choices": [delta]}, {"choices": [], "usage": usage}):
            await exchange.piece(
                self.wrapped(json.dumps({"id": "1", "object": "chat.completion.chunk", **chunk}))
            )
        await exchange.piece(b"data: [DONE]\n\n")
        await exchange.end()

    def error(self, message: str) -> Any:
        sent = [f"{x.headers.get('authorization')} {x.body}" for x in self.calls(self.chat)[-1:]]
        return {"error": {"message": f"{message}: you sent {sent}", "type": "test"}}


@dataclass
class Met:
    """A run, and everything that reached the server."""

    result: Result
    events: list[Event]
    sent: list[str]
    calls: int

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def record(self) -> str:
        return "\n".join(encode(event) for event in self.events)


def meet(
    root: Path,
    *faults: str,
    text: str = str(GOOD),
    served: str = "tiny",
    bill: tuple[int, int] = (12, 3),
) -> Met:
    """One run against a server with these faults, one after the other."""
    file = root / "workflow.yaml"
    silence = "500ms" if {"hang", "stall"} & set(faults) else "2m"
    file.write_text(WORKFLOW.replace("SILENCE", silence), encoding="utf-8")
    graph = open_workflow(file)
    journal = MemoryJournal()
    given = world(1)

    async def main() -> Met:
        async with Quoting(text, served, bill) as server:
            assert isinstance(server, Quoting)
            server.faults.extend(faults)
            cloud = _cloud(server)
            local = ScriptedModel(lambda request: str(LOCAL), name="tiny", ref="scripted:none")
            models: Mapping[str, Any] = {"tiny": local, "cloud": cloud}
            ports = Ports(journal=journal, secrets=Secrets.of({"CLOUD_KEY": KEY}), digest_key=b"key")
            inputs = {"note": given.inputs["note"], "open": given.inputs["open"]}
            try:
                result = await Engine(graph, inputs, models, ports, today="2026-01-31").execute()
            finally:
                await cloud.close()
            sent = [f"{exchange.path} {exchange.headers} {exchange.body}" for exchange in server.seen]
            return Met(result, journal.events, sent, len(server.calls(server.chat)))

    return asyncio.run(main())


async def _at_once(_: float) -> None:
    """No pause between tries."""


def _cloud(server: OpenAIServer) -> OpenAIModel:
    return OpenAIModel(
        "cloud",
        "tiny",
        PRESETS["openai"],
        provider="openai",
        url=server.url,
        key=KEY,
        patience=Patience(tries=1, sleep=_at_once),
    )


def nothing_private(met: Met) -> None:
    """Neither sent nor written down, and no key in the record."""
    given = world(1)
    assert met.sent
    assert sightings(met.sent, given.canaries) == []
    assert [word for word in given.canaries if word in met.record] == []
    assert KEY not in met.record


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_has_a_kind_and_the_local_answer_stays(fault: str, tmp_path: Path) -> None:
    """The next step may still ask the cloud: one fault closes nothing."""
    met = meet(tmp_path, fault)

    failed = [e for e in met.of(AttemptFinished) if e.model == "cloud" and e.outcome == "error"]
    stays = [e for e in met.of(Decided) if (e.choice, e.rule) == ("stay", "fault")]
    assert met.result.status == "done"
    assert met.result.outputs == {"n": LOCAL, "again": GOOD}
    assert [e.path for e in stays] == ["n"]
    assert len(failed) == 1
    assert failed[0].reason.partition(":")[0] == FAULTS[fault]
    nothing_private(met)


def test_an_answer_that_is_none_goes_back_once_and_the_local_one_stays(tmp_path: Path) -> None:
    """A cloud gets one repair, like `no number`, and no more."""
    met = meet(tmp_path, text="many")

    assert met.result.outputs == {"n": LOCAL, "again": LOCAL}
    assert met.calls == 4
    assert [e.outcome for e in met.of(AttemptFinished) if e.model == "cloud"] == ["invalid"] * 4
    nothing_private(met)


def test_a_server_where_another_model_answers_is_told_about(tmp_path: Path) -> None:
    """Its answer counts; the price may not."""
    met = meet(tmp_path, served="somebody-else")

    assert met.result.outputs == {"n": GOOD, "again": GOOD}
    assert len([e for e in met.of(Warned) if "somebody-else" in e.message]) == 1
    nothing_private(met)


def test_a_bill_above_what_was_reserved_closes_the_cloud(tmp_path: Path) -> None:
    """The answer was paid for and counts; no other call is made."""
    met = meet(tmp_path, bill=(500_000, 3))

    stays = [e for e in met.of(Decided) if e.choice == "stay"]
    assert met.result.outputs == {"n": GOOD, "again": LOCAL}
    assert met.calls == 1
    assert [(e.path, e.rule) for e in stays] == [("again", "budget")]
    assert any("overrun" in e.message for e in met.of(Warned))
    nothing_private(met)
