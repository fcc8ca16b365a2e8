"""`orch plan`: what a run will do and take."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

FLOW = """orch: 1
name: demo
models:
  tiny: llamacpp:smollm2-135m
  warm: {use: "llamacpp:smollm2-135m", params: {temperature: 0.8}}
agents: {a: {role: Sort., model: tiny}}
inputs: {lines: "[string]", tone: {type: string, default: warm}}
steps:
  triage: {foreach: inputs.lines, agent: a, prompt: "Line {{ item }}", output: {kind: x | y}}
  reply: {agent: a, model: warm, prompt: "{{ inputs.tone }}: {{ triage | length }}", repair: 0}
  send: {ask: "Send {{ reply }}?"}
"""


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, ["plan", "flow.yaml", *args])


def data(*args: str) -> dict[str, Any]:
    result = orch(*args, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCH_HOME", str(tmp_path / "home"))
    Path("flow.yaml").write_text(FLOW, encoding="utf-8")


def test_the_plan_shows_order_models_calls_and_what_leaves() -> None:
    """Everything a person wants to know before the first token."""
    result = orch("-i", 'lines=["a", "bb"]')

    assert (result.exit_code, result.stderr) == (0, "")
    assert "demo: 3 steps, at most 5 model calls" in result.stdout
    assert "2 items × 2 attempts" in result.stdout
    assert "leaves this machine: nothing" in result.stdout
    assert "a person decides at: send" in result.stdout
    assert "98 MB" in result.stdout


def test_without_an_input_its_length_stays_an_unknown_and_it_is_asked_for() -> None:
    """A plan needs no input, it only knows less."""
    plan = data()

    assert plan["missing_inputs"] == ["lines"]
    assert plan["calls"] == "2 × len(inputs.lines) + 1"
    assert "not given yet: -i lines=…" in orch().stdout


def test_sampled_answers_are_not_reused_and_deterministic_ones_are() -> None:
    """Temperature 0 or a fixed seed."""
    assert [step["reused"] for step in data()["steps"]] == [True, False, None]


def test_prompts_are_estimated_from_the_longest_item() -> None:
    """Marked as an estimate, never as a count."""
    short = data("-i", 'lines=["a"]')
    long = data("-i", "lines=" + json.dumps(["a", "b" * 400]))

    assert short["steps"][0]["prompt"]["exact"] is False
    assert long["steps"][0]["prompt"]["tokens"] >= short["steps"][0]["prompt"]["tokens"] + 99


def test_another_model_can_be_planned_with() -> None:
    """A cloud model is said to be one, with the steps whose prompts would go there."""
    result = orch("-m", "warm=openai:gpt-5-mini")

    assert "the prompts of reply go to openai:gpt-5-mini" in result.stdout
    assert "OFF this machine" in result.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-i", "lines"), "-i lines: expected NAME=VALUE"),
        (("-i", "lnies=[]"), "lnies"),
        (("-m", "nobody=ollama:x"), "nobody"),
    ],
)
def test_a_wrong_option_is_a_sentence(args: tuple[str, ...], said: str) -> None:
    """Exit code 2, naming what was typed."""
    result = orch(*args)

    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


def test_planning_executes_nothing() -> None:
    """No store, no model, no directory comes into being."""
    orch("-i", 'lines=["a"]')

    assert sorted(path.name for path in Path().iterdir()) == ["flow.yaml"]
