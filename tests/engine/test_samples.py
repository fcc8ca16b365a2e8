"""`samples` and `pick`: several answers to one prompt, and which becomes the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.events import AttemptStarted, Decided, StepFinished
from orchestrator.messages import Request
from orchestrator.spec.diagnostics import SpecError
from tests.engine.harness import Played, again, play

VOTE = "steps: {vote: {agent: writer, prompt: Which?, samples: 3, output: {team: red | blue}}}"
JUDGED = """
orch: 1
models: {tiny: 'scripted:none'}
agents:
  writer: {model: tiny}
  critic: {model: tiny, role: You judge.}
steps: {text: {agent: writer, prompt: Say hello., samples: 3, pick: critic}}
"""


def by_seed(answers: dict[int, Any]) -> Any:
    """Sample 1 has no seed of its own."""

    def answer(request: Request) -> str:
        found = answers[request.params.get("seed", 1)]
        return found if isinstance(found, str) else json.dumps(found)

    return answer


def judge(best: int, texts: dict[int, str]) -> Any:
    def answer(request: Request) -> str:
        if "Which answer" in request.messages[-1].content:
            return json.dumps({"best": best})
        return texts[request.params.get("seed", 1)]

    return answer


def picked(played: Played) -> list[str]:
    return [f"{event.to}: {event.reason}" for event in played.of(Decided)]


def test_the_majority_of_closed_answers_is_the_value(project: Path) -> None:
    """Asked with seeds of their own; the choice is written down."""
    played = play(project, VOTE, by_seed({1: {"team": "red"}, 2: {"team": "blue"}, 3: {"team": "blue"}}))

    assert played.outputs == {"team": "blue"}
    assert picked(played) == ["#2: 2 of 3 say it"]
    assert [event.path for event in played.of(StepFinished)] == ["vote#1", "vote#2", "vote#3", "vote"]


def test_an_invalid_sample_does_not_count(project: Path) -> None:
    """As long as another one is valid."""
    played = play(project, VOTE, by_seed({1: "hm", 2: {"team": "blue"}, 3: {"team": "blue"}}))

    assert played.outputs == {"team": "blue"}


def test_the_step_fails_when_all_samples_do(project: Path) -> None:
    """With the error of the first."""
    played = play(project, VOTE, lambda _: "hm")

    assert played.result.status == "failed"
    assert "none valid" in str(played.result.error)


def test_a_judge_chooses_among_texts(project: Path) -> None:
    """It reads the task and the different answers."""
    played = play(project, JUDGED, judge(2, {1: "Hi.", 2: "Hello!", 3: "Hello!"}))

    assert played.outputs == "Hello!"
    assert picked(played) == ["#2: critic chose it among 2 different ones"]
    asked = played.requests[-1].messages
    assert asked[0].content.startswith("You judge.")
    assert "Say hello." in asked[-1].content


def test_a_judge_with_examples_of_its_own_work_chooses_without_them(project: Path) -> None:
    """They have another output than a number."""
    (project / "cases.jsonl").write_text('{"input": "a", "output": "b"}\n')
    flow = JUDGED.replace("role: You judge.", "role: You judge., examples: {from: cases.jsonl}")

    played = play(project, flow, judge(2, {1: "Hi.", 2: "Hello!", 3: "Hey."}))

    assert played.outputs == "Hello!"


def test_nobody_is_asked_when_all_samples_say_the_same(project: Path) -> None:
    """A judge costs a call."""
    played = play(project, JUDGED, judge(2, {1: "Hi.", 2: "Hi.", 3: "Hi."}))

    assert played.outputs == "Hi."
    assert len(played.of(AttemptStarted)) == 3


def test_a_judge_is_asked_for_as_many_as_there_are(project: Path) -> None:
    """Each of many items has its own number of different answers, and what was made for another one is not taken."""
    flow = JUDGED.replace("prompt: Say hello.", "foreach: inputs.of, prompt: '{{ item }} Say hello.'")
    flow = flow.replace("steps:", "inputs: {of: [int]}\nsteps:")

    def answer(request: Request) -> str:
        content = request.messages[-1].content
        if "Which answer" in content:
            most = 3 if "Answer 3:" in content else 2
            assert f"int(1..{most})" in request.messages[0].content
            return json.dumps({"best": most})
        seed, third = request.params.get("seed", 1), int(content.split()[0]) % 3 == 0
        return "Hi 1." if third and seed == 2 else f"Hi {seed}."

    played = play(project, flow, answer, inputs={"of": list(range(60))})

    assert played.result.status == "done", played.result.error
    assert len(picked(played)) == 60


def test_a_resumed_run_asks_only_for_what_is_missing(project: Path) -> None:
    """Each sample is finished for itself."""
    answers = judge(2, {1: "Hi.", 2: "Hello!", 3: "Hey."})
    first = play(project, JUDGED, answers)
    for cut, event in enumerate(first.events):
        if isinstance(event, StepFinished) and event.path == "text#2":
            known = Played(first.result, first.events[: cut + 1])

    resumed = play(project, JUDGED, answers, recovered=again(known))

    assert resumed.outputs == first.outputs
    assert "text#2" not in [event.path for event in resumed.of(AttemptStarted)]


def test_samples_nobody_can_choose_among_are_refused(project: Path) -> None:
    """Before the run."""
    with pytest.raises(SpecError, match="no two texts are the same"):
        play(project, "steps: {one: {agent: writer, prompt: Hi., samples: 3}}")
