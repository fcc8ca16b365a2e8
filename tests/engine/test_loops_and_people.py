"""`repeat`, `ask`, subworkflows, cancel and budget."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from orchestrator.engine.recover import recover
from orchestrator.events import AskAnswered, AskOpened, RunFailed, RunWaiting, StepFinished
from orchestrator.ports import Reply
from orchestrator.report.values import Values
from tests.engine.harness import again, play

LOOP = """
steps:
  reply:
    repeat: {until: judge.ok, max: 3, else: %s}
    steps:
      draft:
        agent: writer
        prompt: "Write.{%% if last %%} Not again: {{ last.draft }}{%% endif %%}"
      judge: {value: {ok: "{{ 'good' in draft }}"}}
  met: {value: "{{ [steps.reply.met, steps.reply.passes, reply.draft] }}"}
"""


def test_repeat_ends_when_until_is_true(project: Path) -> None:
    """The value is the last pass; `last` is the pass before."""
    played = play(project, LOOP % "fail", ["bad", "good"])

    assert played.outputs == [True, 2, "good"]
    assert played.requests[1].messages[-1].content == "Write. Not again: bad"
    assert "reply~2.draft" in [e.path for e in played.of(StepFinished)]
    (loop,) = (e for e in played.of(StepFinished) if e.path == "reply")
    assert loop.facts == {"container": "steps", "passes": 2, "met": True}


def test_what_never_got_good_is_a_failure(project: Path) -> None:
    """The default of `else` is fail."""
    played = play(project, LOOP % "fail", ["bad"] * 3)

    assert played.result.status == "failed"
    assert "3 passes" in str(played.result.error)


def test_else_keep_takes_the_last_pass(project: Path) -> None:
    """`met` says that it was not good."""
    played = play(project, LOOP % "keep", ["bad", "worse", "worst"])

    assert played.outputs == [False, 3, "worst"]


def test_the_value_of_else_is_in_the_record(project: Path) -> None:
    """It is made of nothing that the log holds, and a resumed run takes it from there."""
    played = play(project, LOOP % '{draft: "none", judge: {ok: false}}', ["bad", "worse", "worst"])
    values = Values()
    for event in played.events:
        values.add(event)

    assert played.outputs == [False, 3, "none"]
    assert values.of("reply") == {"draft": "none", "judge": {"ok": False}}
    assert again(played).done["reply"].value == values.of("reply")


ASK = """
steps:
  draft: {agent: writer, prompt: Write}
  ok: {ask: "Send {{ draft }}?", show: "{{ draft }}", choices: [send, drop]%s}
  sent: {when: ok == 'send', value: "sent {{ draft }}"}
"""


def test_a_question_at_the_terminal_is_answered_at_once(project: Path) -> None:
    """The value is the choice."""
    seen: list[Any] = []

    async def asker(path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None) -> Reply:
        seen.append((path, question, show, tuple(choices)))
        return Reply("send")

    played = play(project, ASK % "", ["a letter"], asker=asker)

    assert played.outputs == "sent a letter"
    assert seen == [("ok", "Send a letter?", "a letter", ("send", "drop"))]


def test_without_a_person_the_run_waits_and_goes_on_later(project: Path) -> None:
    """All other work is done first; resuming repeats nothing."""
    first = play(project, ASK % "", ["a letter"])
    assert first.result.exit_code == 7
    assert first.of(RunWaiting)[0].asks == ("ok",)
    answered = [*first.events, AskAnswered(at=1.0, path="ok", choice="send", by="ada")]

    second = play(project, ASK % "", [], recovered=recover(answered))

    assert second.outputs == "sent a letter"
    assert not second.requests
    assert not second.of(AskOpened)


def test_a_question_past_its_deadline_takes_then(project: Path) -> None:
    """The deadline is wall-clock time, kept in the log."""
    text = ASK % ", timeout: 1h, then: drop"
    first = play(project, text, ["a letter"])
    late = [
        AskOpened(e.at, e.path, e.question, e.show, e.choices, 1.0, e.then) if isinstance(e, AskOpened) else e
        for e in first.events
    ]

    second = play(project, text, [], recovered=recover(late))

    assert second.result.outputs is None
    assert [(e.choice, e.by) for e in second.of(AskAnswered)] == [("drop", "timeout")]


def test_a_rejection_ends_the_run_with_code_3(project: Path) -> None:
    """Nothing after the question runs."""
    first = play(project, ASK % "", ["a letter"])
    rejected = [*first.events, AskAnswered(at=1.0, path="ok", choice="", by="ada")]

    second = play(project, ASK % "", [], recovered=recover(rejected))

    assert second.result.exit_code == 3
    assert "ada" in second.of(RunFailed)[0].message


def test_ask_each_asks_per_item(project: Path) -> None:
    """The value is the list of choices in the order of the items."""

    async def asker(path: str, question: str, show: Any, choices: Sequence[str], edit: Any = None) -> Reply:
        return Reply("yes" if "1" in question else "no")

    played = play(project, "steps: {ok: {ask: 'Keep {{ item }}?', each: '[1, 2]'}}", asker=asker)

    assert played.outputs == ["yes", "no"]


def test_a_subworkflow_is_a_step(project: Path) -> None:
    """Its value is its outputs; its steps have paths below the step's."""
    (project / "child.yaml").write_text(
        """
orch: 1
inputs: {n: int, add: {type: int, default: 1}}
steps: {plus: {value: "{{ inputs.n + inputs.add }}"}}
outputs: {total: "{{ plus }}"}
""",
        encoding="utf-8",
    )
    played = play(
        project,
        """
        steps:
          sub: {workflow: child.yaml, with: {n: "{{ 41 }}"}}
          out: {value: "{{ sub.total }}"}
        """,
    )

    assert played.outputs == 42
    assert "sub.plus" in [e.path for e in played.of(StepFinished)]


def test_a_token_budget_stops_the_run_with_code_5(project: Path) -> None:
    """The worst case is reserved before the call, so the call is never made."""
    played = play(
        project,
        """
        budget: {tokens: 100}
        steps: {a: {agent: writer, prompt: A, params: {max_tokens: 500}}}
        """,
        ["x"],
    )

    assert played.result.exit_code == 5
    assert not played.requests


def test_a_wall_budget_stops_the_run(project: Path) -> None:
    """`budget.wall` bounds the whole run."""

    async def answer(_: object) -> str:
        await asyncio.sleep(3600)
        return ""

    played = play(
        project,
        """
        budget: {wall: 30ms}
        steps: {a: {agent: writer, prompt: A}}
        """,
        answer,
    )

    assert played.result.exit_code == 5


def test_resuming_a_finished_prefix_repeats_nothing(project: Path) -> None:
    """At every event boundary, what was finished is not asked again."""
    text = """
    steps:
      a: {foreach: [1, 2, 3], agent: writer, prompt: "a{{ item }}"}
      b: {agent: writer, prompt: "b {{ a | join }}"}
      c: {steps: {deep: {agent: writer, prompt: "deep {{ b }}"}}}
    """
    whole = play(project, text, lambda r: r.messages[-1].content.upper())
    for cut in range(1, len(whole.events)):
        prefix = whole.events[:cut]
        done = {e.path for e in prefix if isinstance(e, StepFinished)}

        rest = play(project, text, lambda r: r.messages[-1].content.upper(), recovered=recover(prefix))

        assert rest.outputs == whole.outputs
        repeated = {e.path for e in rest.of(StepFinished) if e.facts.get("attempts")} & done
        assert not repeated
    assert again(whole).done


def test_resuming_does_not_tell_again_that_a_container_ended(project: Path) -> None:
    """Groups and lists have one beginning and one end in the log, however often the run was resumed."""
    text = """
    steps:
      a: {foreach: [1, 2], steps: {inner: {value: "{{ item }}"}}}
      ok: {ask: "Go on with {{ a | length }}?"}
    """
    first = play(project, text)
    second = play(project, text, recovered=recover(first.events))
    answered = [*first.events, *second.events, AskAnswered(at=1.0, path="ok", choice="yes", by="ada")]

    third = play(project, text, recovered=recover(answered))

    assert third.outputs == "yes"
    assert [e.path for e in third.of(StepFinished)] == ["ok"]
    assert not second.of(StepFinished)
