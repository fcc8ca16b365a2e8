"""Texts of the right form that are no answers: a model declines, or goes round in circles."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from orchestrator.events import AttemptFinished, Decided, StepFailed
from orchestrator.messages import Request
from orchestrator.providers.scripted import Reply
from tests.engine.harness import Played, again, play

DECLINED = "I'm sorry, but I can't assist with that."
CIRCLING = "The answer lies in the light, and it is for you to find. " * 8
LETTER = "steps: {letter: {agent: writer, prompt: Write to Ada about her lost card.%s}}"
HYBRID = """
orch: 1
models:
  tiny: "scripted:none"
  cloud: {use: "scripted:none", where: cloud}
agents: {writer: {model: tiny}}
steps: {letter: {agent: writer, prompt: Write to Ada., escalate: {to: cloud, when: %s}}}
"""


def ends(played: Played) -> list[tuple[str, str]]:
    return [(event.outcome, event.decision) for event in played.of(AttemptFinished)]


def said(request: Request) -> str:
    return request.messages[-1].content


def test_a_model_that_declines_is_asked_for_the_task_itself(project: Path) -> None:
    """Without its refusal, which it would only repeat."""
    played = play(project, LETTER % "", [DECLINED, "Dear Ada"])

    assert played.outputs == "Dear Ada"
    assert ends(played) == [("refused", "repair"), ("ok", "keep")]
    first, second = played.requests
    assert len(second.messages) == len(first.messages)
    assert said(second) == f"{said(first)}\n\nAnswer the task itself."


def test_a_text_that_goes_round_in_circles_is_asked_for_once(project: Path) -> None:
    """Without that text, which would be continued."""
    played = play(project, LETTER % "", [CIRCLING, "Dear Ada"])

    assert played.outputs == "Dear Ada"
    assert ends(played) == [("repeated", "repair"), ("ok", "keep")]
    first, second = played.requests
    assert said(second) == f"{said(first)}\n\nYour answer repeats itself. Write it once, briefly."


def test_a_circle_that_was_cut_off_is_called_a_circle(project: Path) -> None:
    """A larger bound would not have ended it; that it shall be short helps most all the same."""
    cut = Reply(CIRCLING, finish="length")
    played = play(project, LETTER % "", [cut, Reply("Dear Ada, I write", finish="length")])

    assert ends(played) == [("repeated", "repair"), ("cut", "fail")]
    assert "`max_tokens`" in played.of(StepFailed)[0].hint
    assert said(played.requests[1]).endswith("lost card.\n\nAnswer briefly.")


def test_after_the_last_repair_the_step_fails_and_says_why(project: Path) -> None:
    """The kind is that of any invalid answer."""
    played = play(project, LETTER % "", [CIRCLING, DECLINED])

    failed = played.of(StepFailed)[0]
    assert failed.error_kind == "invalid"
    assert "`max_tokens`" not in failed.hint
    assert "2 answers from model 'tiny', none valid: the answer declines" in failed.message


def test_both_make_a_step_go_up(project: Path) -> None:
    """They are `invalid` and `failed` to a rule."""
    for bad in (DECLINED, CIRCLING):
        for rule in ("invalid", "failed"):
            played = play(project, HYBRID % rule, {"tiny": [bad, bad], "cloud": ["Dear Ada"]})

            assert played.outputs == "Dear Ada"
            assert [event.choice for event in played.of(Decided)] == ["climb"]


def test_a_cloud_that_declines_is_repaired_once_too(project: Path) -> None:
    """Its answer passes what the local one had to pass."""
    played = play(project, HYBRID % "failed", {"tiny": lambda _: CIRCLING, "cloud": [DECLINED, "Dear Ada"]})

    assert played.outputs == "Dear Ada"
    assert ends(played)[-2:] == [("refused", "repair"), ("ok", "keep")]


def test_a_request_for_such_words_is_answered_by_them(project: Path) -> None:
    """The role may say how to decline."""
    steps = """
    steps:
      letter: {agent: writer, role: "Where it is about the law, say: I can't help with that.", prompt: May I?}
    """
    assert play(project, steps, [DECLINED]).outputs == DECLINED


def test_texts_of_a_typed_answer_are_read_where_they_may_be_prose(project: Path) -> None:
    """A short field names something, also a refusal."""
    output: dict[str, Any] = {"kind": "DECLINES", "text": CIRCLING}
    typed = ", output: {kind: string(39), text: string(600)}"
    played = play(project, LETTER % typed, [json.dumps(output), json.dumps({**output, "text": "Dear Ada"})])

    assert played.outputs == {"kind": "DECLINES", "text": "Dear Ada"}
    assert ends(played) == [("repeated", "repair"), ("ok", "keep")]
    assert "`text` repeats itself" in played.of(AttemptFinished)[0].reason


def test_an_interrupted_run_decides_the_same_again(project: Path) -> None:
    """The local answer in the record is no better than it was, and is not asked for twice."""
    answers = {"tiny": [CIRCLING, CIRCLING], "cloud": ["Dear Ada"]}
    played = play(project, HYBRID % "invalid", answers)
    last = played.of(AttemptFinished)[ends(played).index(("repeated", "escalate"))]
    stopped = replace(played, events=played.events[: played.events.index(last) + 1])

    resumed = play(project, HYBRID % "invalid", answers, recovered=again(stopped))

    assert resumed.outputs == "Dear Ada"
    assert not resumed.models["tiny"].requests
