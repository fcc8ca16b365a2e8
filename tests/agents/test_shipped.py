"""Every specialist that ships is complete, short, and measured by cases that fit it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.agents import cases_in
from orchestrator.library import shipped_agents
from orchestrator.policy.grade import Case, right
from orchestrator.policy.validate import Valid, read_answer
from orchestrator.spec.load import read_agent
from orchestrator.spec.model import AgentSpec
from orchestrator.spec.schema import json_schema

FOLDERS = sorted(path.parent for path in shipped_agents().glob("*/agent.yaml"))
TEAMS = ("support", "code", "judge", "router", "triage", "coder", "committer")
"""Specialists of the teams that have at least sixty cases."""
PROMPT_BYTES = 480
"""About 120 tokens: a small model loses the thread of a longer role."""

every = pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])


def spec_of(folder: Path) -> AgentSpec:
    reading = read_agent((folder / "agent.yaml").read_text(encoding="utf-8"), str(folder / "agent.yaml"))
    assert reading.diagnostics == ()
    assert reading.value is not None
    return reading.value


def test_the_team_is_complete() -> None:
    """Four specialists, and the helpers that teams need."""
    specialists = {"code", "support", "data", "creative"}
    helpers = {"judge", "router", "summarizer", "extractor", "redactor", "translator"}

    assert specialists | helpers | {"triage", "coder", "committer", "analyst", "analyst_sql"} <= {
        folder.name for folder in FOLDERS
    }


@every
def test_a_specialist_says_what_it_is_for(folder: Path) -> None:
    """One sentence, and a temperature that somebody decided."""
    spec = spec_of(folder)

    assert spec.description
    assert spec.description.endswith(".")
    assert spec.params is not None
    assert spec.params.temperature is not None


@every
def test_the_model_of_a_specialist_is_left_to_the_user(folder: Path) -> None:
    """None names one."""
    assert spec_of(folder).model is None


@every
def test_a_prompt_is_short(folder: Path) -> None:
    """Small models follow short roles."""
    prompt = (folder / "prompt.j2").read_text(encoding="utf-8")

    assert 20 < len(prompt.encode()) <= PROMPT_BYTES


@every
def test_there_are_enough_different_cases(folder: Path) -> None:
    """At least twenty, sixty for those that the teams stand on, and no input twice."""
    cases = cases_in(folder)

    assert len(cases) >= (60 if folder.name in TEAMS else 20)
    assert len({case.input for case in cases}) == len(cases)


@every
def test_the_good_answer_of_every_case_is_valid_and_right(folder: Path) -> None:
    """What stands in `output` satisfies the specialist's own type and the case's own graders."""
    spec = spec_of(folder)
    schema = None if spec.output is None else json_schema(spec.output)

    for case in cases_in(folder):
        text = case.output if isinstance(case.output, str) else json.dumps(case.output)
        answer = read_answer(text, spec.output, schema, "stop")
        assert isinstance(answer, Valid), f"{case.input!r}: {answer}"
        assert right(case, answer.value), case.input


def test_a_grader_sees_what_is_missing_and_what_must_not_be_there() -> None:
    """`contains`, alternatives, `lacks` and `max_words`."""
    case = Case("x", "The big dog.", contains=("dog", ["big", "large"]), lacks=("cat",), max_words=4)

    assert right(case, "A LARGE dog.")
    assert not right(case, "A dog.")
    assert not right(case, "A large dog, a cat.")
    assert not right(case, "This is a large dog indeed.")


def test_typed_answers_are_compared_field_by_field_but_not_their_reasons() -> None:
    """`why` is free text; everything else has to be equal."""
    case = Case("x", {"ok": True, "why": "because"})

    assert right(case, {"ok": True, "why": "something else"})
    assert not right(case, {"ok": False, "why": "because"})
    assert not right(case, None)
