"""Agents as tools, of steps and of other agents: what they are handed, what comes back, what stays here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from orchestrator.engine.delegate import prompt_of
from orchestrator.events import AttemptStarted, CallFinished, StepFailed, StepFinished, StepStarted
from orchestrator.graph.open import check_workflow
from orchestrator.messages import Request
from orchestrator.spec.types import Field, Int, MapOf, Str
from tests.engine.harness import Played, again
from tests.engine.harness import play as play_any

HEAD = """
orch: 1
models: {tiny: 'scripted:none'}
agents:
  helper: {model: tiny, role: "You help {{ inputs.who }}.", takes: {topic: string, n: int}, output: {x: int}}
  plain: {model: tiny}
tools: {ask_helper: {agent: helper}}
inputs: {who: {type: string, default: Ada, label: public}}
steps:
"""


def play(root: Path, text: str, answer: Any, **more: Any) -> Played:
    """Answers are the same text every time, or a function's."""
    given = answer if callable(answer) else (lambda _: answer)
    return play_any(root, text, given, inputs={"who": "Ada"}, **more)


def test_an_agent_is_a_step_with_what_it_takes_as_its_prompt(tmp_path: Path) -> None:
    """Its role reads the inputs of the file, its answer has its type."""
    played = play(
        tmp_path,
        HEAD
        + '  one: {tool: "agent:helper", with: {topic: rain, n: 3}}\n  two: {value: "{{ one.x + 1 }}"}\n',
        '{"x": 41}',
    )

    assert played.outputs == 42
    (request,) = played.requests
    assert request.messages[0].content.startswith("You help Ada.")
    assert request.messages[1].content == "topic: rain\nn: 3"


def test_an_agent_that_says_nothing_takes_a_prompt(tmp_path: Path) -> None:
    """The text itself."""
    played = play(tmp_path, HEAD + '  one: {tool: "agent:plain", with: {prompt: "Say hello."}}\n', "hello")

    assert played.outputs == "hello"
    assert played.requests[0].messages[-1].content == "Say hello."


def test_a_declared_name_of_an_agent_is_that_agent(tmp_path: Path) -> None:
    """`tools: {ask_helper: {agent: helper}}`."""
    played = play(tmp_path, HEAD + "  one: {tool: ask_helper, with: {topic: rain, n: 3}}\n", '{"x": 1}')

    assert played.of(CallFinished)[0].tool == "ask_helper"
    assert played.outputs == {"x": 1}


def test_its_answer_has_a_path_below_the_call_and_its_figures_are_those_of_the_step(tmp_path: Path) -> None:
    """So that the trace shows who was asked what."""
    played = play(tmp_path, HEAD + "  one: {tool: ask_helper, with: {topic: rain, n: 3}}\n", '{"x": 1}')

    assert [event.path for event in played.of(StepStarted)] == ["one", "one@helper~1"]
    facts = played.of(StepFinished)[-1].facts
    assert facts["model"] == "tiny"
    assert facts["tokens"] > 0


def test_what_it_answered_is_not_asked_again(tmp_path: Path) -> None:
    """Although the call around it did not come to its end before the crash."""
    text = HEAD + "  one: {tool: ask_helper, with: {topic: rain, n: 3}}\n"
    before = play(tmp_path, text, '{"x": 5}')
    cut = next(n for n, event in enumerate(before.events) if isinstance(event, CallFinished))
    before.events[cut:] = []

    after = play(tmp_path, text, '{"x": 6}', recovered=again(before))

    assert after.outputs == {"x": 5}
    assert after.requests == []


def test_its_failure_is_a_fault_of_the_tool(tmp_path: Path) -> None:
    """In the words of the agent's step."""
    played = play(tmp_path, HEAD + "  one: {tool: ask_helper, with: {topic: rain, n: 3}}\n", "no json")

    failed = played.of(StepFailed)[-1]
    assert (failed.path, failed.error_kind) == ("one", "tool")
    assert failed.message.startswith("ask_helper: ")


def test_an_agent_calls_another_one_and_each_call_is_asked_anew(tmp_path: Path) -> None:
    """The first of two questions is not taken for the second."""

    def answer(request: Request) -> Any:
        if request.messages[0].content.startswith("You help"):
            return json.dumps({"x": int(request.messages[1].content[-1])})
        results = sum('"x"' in message.content for message in request.messages)
        if "ask_helper" not in str(request.schema):
            return "done"
        if results == 2:
            return '{"tool": "answer"}'
        return json.dumps({"tool": "ask_helper", "arguments": {"topic": "t", "n": results + 1}})

    head = HEAD.replace("plain: {model: tiny}", "plain: {model: tiny, tools: [ask_helper]}")
    played = play(tmp_path, head + "  one: {agent: plain, prompt: Go.}\n", answer)

    assert played.outputs == "done"
    asked = [event.path for event in played.of(AttemptStarted) if "@" in event.path]
    assert asked == ["one@helper~1", "one@helper~2"]
    assert [event.value for event in played.of(CallFinished)] == [{"x": 1}, {"x": 2}]


def test_a_delegate_whose_model_is_off_this_machine_after_all_gets_nothing_private(tmp_path: Path) -> None:
    """Its request is as private as the step that calls it."""
    text = HEAD.replace("label: public", "label: private") + (
        '  one: {tool: "agent:plain", with: {prompt: "{{ inputs.who }}"}}\n'
    )

    played = play(tmp_path, text, "hello", away=["tiny"])

    assert played.result.exit_code == 6
    assert played.requests == []


def test_the_role_of_a_delegate_reads_no_step(tmp_path: Path) -> None:
    """Whoever calls it, it sees the same names."""
    file = tmp_path / "workflow.yaml"
    text = (
        HEAD.replace("inputs.who", "before")
        + "  before: {value: 1}\n  one: {tool: ask_helper, with: {topic: a, n: 1}}\n"
    )
    file.write_text(text, encoding="utf-8")

    assert [d.code for d in check_workflow(file).diagnostics if d.severity == "error"] == ["ORCH201"]


def test_what_is_handed_over_is_checked_before_the_run(tmp_path: Path) -> None:
    """By what the agent takes, or a prompt where it says nothing."""
    file = tmp_path / "workflow.yaml"
    text = (
        HEAD + '  one: {tool: ask_helper, with: {topic: a}}\n  two: {tool: "agent:plain", with: {text: a}}\n'
    )
    file.write_text(text, encoding="utf-8")

    codes = [d.code for d in check_workflow(file).diagnostics if d.severity == "error"]
    assert codes == ["ORCH315", "ORCH315"]


def test_a_prompt_of_several_things_names_each() -> None:
    """And leaves out what is null."""
    takes = MapOf((Field("a", Str()), Field("b", Int(), optional=True), Field("c", Str(), optional=True)))

    assert prompt_of(takes, {"a": "x", "b": None, "c": {"d": 1}}) == 'a: x\nc: {"d": 1}'
