"""What happens to calls of tools when a run is taken up again: none that counts is made twice, none is lost."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.recover import Recovered, recover
from orchestrator.errors import ToolError
from orchestrator.events import (
    CallFinished,
    CallStarted,
    Event,
    RunFailed,
    RunFinished,
    RunWaiting,
    StepFailed,
    StepFinished,
)
from orchestrator.messages import Request
from orchestrator.policy.secrets import Secrets
from orchestrator.spec.types import Unknown
from tests.engine.harness import play
from tests.engine.tools import FakeTool, equip, failing

HEAD = "orch: 1\ntools: {send: {mcp: {command: [server]}, clearance: private}}\n"
ONE = f"{HEAD}steps:\n  one: {{tool: send, with: {{to: me}}}}\n"


def until(events: Sequence[Event], last: Callable[[Event], bool]) -> Recovered:
    """What is known when the process dies behind the first event of this kind."""
    cut = next(n for n, event in enumerate(events) if last(event))
    return recover(events[: cut + 1])


def started(event: Event) -> bool:
    return isinstance(event, CallStarted)


def ended(event: Event) -> bool:
    return isinstance(event, CallFinished)


def test_a_call_that_ended_is_taken_from_the_record(tmp_path: Path) -> None:
    """Whatever its effects are: it is not made again."""
    tool = FakeTool()
    before = play(tmp_path, ONE, equip=equip(tool))

    after = play(tmp_path, ONE, equip=equip(tool), recovered=until(before.events, ended))

    assert len(tool.calls) == 1
    assert after.outputs == {"id": 1}
    assert after.of(CallStarted) == []


@pytest.mark.parametrize("effects", ["none", "idempotent"])
def test_a_call_that_may_be_repeated_is_made_again_with_the_same_key(tmp_path: Path, effects: Any) -> None:
    """The receiver knows by the key that it is the same."""
    tool = FakeTool(effects=effects)
    before = play(tmp_path, ONE, equip=equip(tool))

    after = play(tmp_path, ONE, equip=equip(tool), recovered=until(before.events, started))

    assert after.outputs == {"id": 1}
    assert [context.key for context in tool.contexts] == ["run-1/one", "run-1/one"]


def test_a_call_with_an_effect_that_did_not_end_stops_for_a_person(tmp_path: Path) -> None:
    """It is not made again, and the run says what it waits for and how to go on."""
    tool = FakeTool()
    before = play(tmp_path, ONE, equip=equip(tool))

    after = play(tmp_path, ONE, equip=equip(tool), recovered=until(before.events, started))

    assert len(tool.calls) == 1
    assert (after.result.status, after.result.exit_code) == ("waiting", 7)
    assert after.of(RunWaiting)[0].unknown == ("one",)
    error = after.result.unknown["one"]
    assert "nobody knows whether it happened" in error.message
    assert "--done one" in error.hint
    assert "--rerun one" in error.hint


@pytest.mark.parametrize(
    "handler", ["on_error: continue", "on_error: {value: {id: 0}}", "foreach: [1], on_item_error: keep"]
)
def test_no_handler_of_errors_decides_whether_it_happened(tmp_path: Path, handler: str) -> None:
    """Nor does anything that reads the step go on."""
    text = f'{HEAD}steps:\n  one: {{tool: send, {handler}, with: {{to: me}}}}\n  two: {{value: "{{{{ one }}}}"}}\n'
    tool = FakeTool()
    before = play(tmp_path, text, equip=equip(tool))

    after = play(tmp_path, text, equip=equip(tool), recovered=until(before.events, started))

    assert after.result.status == "waiting"
    assert after.of(StepFinished) == []


def test_what_does_not_depend_on_it_goes_on(tmp_path: Path) -> None:
    """All other work is done before the run stops."""
    text = f'{ONE}  two: {{value: 2}}\n  three: {{value: "{{{{ two + 1 }}}}"}}\n'
    tool = FakeTool()
    before = play(tmp_path, text, equip=equip(tool))

    after = play(tmp_path, text, equip=equip(tool), recovered=until(before.events, started))

    assert [event.path for event in after.of(StepFinished)] == ["two", "three"]


def settle(recovered: Recovered, outcome: Any, value: Any = None) -> Recovered:
    began = recovered.calls["one"][1].began
    recovered.call_finished(
        CallFinished(at=1.0, path="one", call=1, tool=began.tool, outcome=outcome, value=value, seconds=0.0)
    )
    return recovered


def test_a_person_may_say_that_it_happened(tmp_path: Path) -> None:
    """And what it gave."""
    tool = FakeTool()
    known = until(play(tmp_path, ONE, equip=equip(tool)).events, started)

    after = play(tmp_path, ONE, equip=equip(tool), recovered=settle(known, "ok", {"id": 7}))

    assert len(tool.calls) == 1
    assert after.outputs == {"id": 7}


def test_a_person_may_say_that_it_did_not_happen(tmp_path: Path) -> None:
    """Then it is called again."""
    tool = FakeTool()
    known = until(play(tmp_path, ONE, equip=equip(tool)).events, started)

    after = play(tmp_path, ONE, equip=equip(tool), recovered=settle(known, "error"))

    assert len(tool.calls) == 2
    assert after.outputs == {"id": 1}


def test_a_value_that_a_person_gives_has_the_type_of_the_result(tmp_path: Path) -> None:
    """Else the person is asked once more."""
    tool = FakeTool()
    known = until(play(tmp_path, ONE, equip=equip(tool)).events, started)

    after = play(tmp_path, ONE, equip=equip(tool), recovered=settle(known, "ok", {"id": "seven"}))

    assert after.result.status == "waiting"
    assert "does not fit" in after.result.unknown["one"].message


@pytest.mark.parametrize(
    ("error", "unknown"),
    [(ToolError("no such person"), False), (ToolError("the server is gone", unsure=True), True)],
)
def test_a_tool_says_itself_whether_it_may_have_happened(
    tmp_path: Path, error: ToolError, unknown: bool
) -> None:
    """What it refused is called again by a resume; what may have happened is not."""
    tool = FakeTool(do=failing(error))
    before = play(tmp_path, ONE, equip=equip(tool))
    assert before.of(RunFailed)

    after = play(tmp_path, ONE, equip=equip(tool), recovered=recover(before.events))

    assert len(tool.calls) == (1 if unknown else 2)
    assert after.result.status == ("waiting" if unknown else "done")


def test_an_effect_stays_when_its_step_failed_afterwards(tmp_path: Path) -> None:
    """A check that says no does not undo a mail; a resumed run looks at the same result again."""
    text = f"{HEAD}steps:\n  one: {{tool: send, with: {{to: me}}, check: {{big: output.id > 5}}}}\n"
    tool = FakeTool()
    before = play(tmp_path, text, equip=equip(tool))
    assert before.of(StepFailed)

    after = play(tmp_path, text, equip=equip(tool), recovered=recover(before.events))

    assert len(tool.calls) == 1
    assert after.of(StepFailed)[0].error_kind == "check"


def test_a_step_has_one_effect_whatever_it_is_called_with_now(tmp_path: Path) -> None:
    """What was made of it stays, as with every value."""
    tool = FakeTool()
    before = play(tmp_path, ONE, equip=equip(tool))

    after = play(tmp_path, ONE.replace("me", "you"), equip=equip(tool), recovered=until(before.events, ended))

    assert [call["to"] for call in tool.calls] == ["me"]
    assert after.outputs == {"id": 1}


def test_a_result_that_was_not_kept_is_asked_for_and_not_made_again(tmp_path: Path) -> None:
    """`keep: none` may not send a mail twice."""
    text = (
        HEAD
        + 'keep: {private: none}\ninputs: {who: string}\nsteps:\n  one: {tool: send, with: {to: "{{ inputs.who }}"}}\n'
    )
    tool = FakeTool()
    before = play(tmp_path, text, inputs={"who": "Ada"}, equip=equip(tool))
    cut = [event for event in before.events if not isinstance(event, RunFinished)]

    after = play(tmp_path, text, inputs={"who": "Ada"}, equip=equip(tool), recovered=recover(cut))

    assert len(tool.calls) == 1
    assert "was not kept" in after.result.unknown["one"].message


def test_arguments_with_a_secret_are_known_again(tmp_path: Path) -> None:
    """Although the record holds its name only."""
    secrets = Secrets.of({"TOKEN": "abcdefgh"})
    text = (
        ONE.replace("steps:", "keep: {secret: full}\nsteps:")
        .replace("private}", "secret}")
        .replace("to: me", 'to: "{{ env.TOKEN }}"')
    )
    wired = equip(tool := FakeTool(effects="none"), secrets=secrets, env={"TOKEN": "abcdefgh"})
    before = play(tmp_path, text, equip=wired)
    assert "abcdefgh" not in str(before.events)

    after = play(tmp_path, text, equip=wired, recovered=until(before.events, ended))

    assert len(tool.calls) == 1
    assert after.outputs == {"id": 1}


def test_the_last_of_several_tries_is_the_one_that_counts(tmp_path: Path) -> None:
    """A crash behind the try that worked repeats none of them."""
    text = ONE.replace("private}", "private, effects: none}").replace("with:", "retry: 2, with:")
    tool = FakeTool(effects="none", do=failing(ToolError("busy")))
    before = play(tmp_path, text, equip=equip(tool))
    cut = next(n for n, e in enumerate(before.events) if isinstance(e, StepFinished))

    after = play(tmp_path, text, equip=equip(tool), recovered=recover(before.events[:cut]))

    assert len(tool.calls) == 2
    assert after.outputs == {"id": 1}


def test_a_call_of_another_tool_by_the_same_step_is_not_mistaken_for_it(tmp_path: Path) -> None:
    """The record is of what was called, not only of its number."""
    tool = FakeTool(effects="none")
    before = play(tmp_path, ONE, equip=equip(tool))
    events = [
        replace(e, tool="other") if isinstance(e, CallStarted | CallFinished) else e for e in before.events
    ]

    play(tmp_path, ONE, equip=equip(tool), recovered=until(events, ended))

    assert len(tool.calls) == 2


def test_what_is_very_large_is_written_down_once(tmp_path: Path) -> None:
    """Arguments as their size and digest, a result with its step; a crash before that has it made again."""
    big = "x" * 200_000
    text = ONE.replace("private}", "private, effects: none}").replace("to: me", 'to: "{{ inputs.big }}"')
    text = text.replace("steps:", "inputs: {big: text}\nsteps:")
    tool = FakeTool(effects="none", do=lambda *_: {"id": 1, "text": big}, result=Unknown())

    before = play(tmp_path, text, inputs={"big": big}, equip=equip(tool))
    after = play(
        tmp_path, text, inputs={"big": big}, equip=equip(tool), recovered=until(before.events, ended)
    )

    assert tool.calls[0]["to"] == big
    calls = [event for event in before.events if isinstance(event, CallStarted | CallFinished)]
    assert big not in str(calls)
    assert "text of 200,000 characters, sha256 " in str(calls)
    assert len(tool.calls) == 2
    assert after.outputs["text"] == big


def test_a_large_argument_is_known_again(tmp_path: Path) -> None:
    """By its digest."""
    text = ONE.replace("to: me", 'to: "{{ inputs.big }}"').replace("steps:", "inputs: {big: text}\nsteps:")
    big = "x" * 200_000
    tool = FakeTool()
    before = play(tmp_path, text, inputs={"big": big}, equip=equip(tool))

    after = play(
        tmp_path, text, inputs={"big": big}, equip=equip(tool), recovered=until(before.events, ended)
    )

    assert len(tool.calls) == 1
    assert after.outputs == {"id": 1}


def test_an_agent_does_not_hear_of_an_effect_that_may_have_happened(tmp_path: Path) -> None:
    """It would try again; the run stops for a person, and goes on with the same calls when that one has spoken."""
    text = f"""{HEAD}
models: {{tiny: "scripted:none"}}
agents: {{clerk: {{model: tiny, tools: [send], label: public}}}}
steps:
  one: {{agent: clerk, prompt: Write to me., on_error: continue}}
"""

    def answer(request: Request) -> str:
        if "send" not in str(request.schema):
            return "done"
        over = len(request.messages) > 2
        return '{"tool": "answer"}' if over else '{"tool": "send", "arguments": {"to": "me"}}'

    tool = FakeTool(do=failing(ToolError("the server is gone", unsure=True)))

    before = play(tmp_path, text, answer, equip=equip(tool))
    waits = play(tmp_path, text, answer, equip=equip(tool), recovered=recover(before.events))
    known = settle(recover(before.events), "ok", {"id": 7})
    after = play(tmp_path, text, answer, equip=equip(tool), recovered=known)

    assert (before.result.status, waits.result.status) == ("waiting", "waiting")
    assert after.outputs == "done"
    assert len(tool.calls) == 1
