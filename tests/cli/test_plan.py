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
    """A cloud model is said to be one, with what would go there, how often and at what price."""
    public = FLOW.replace('"[string]"', '{type: "[string(80)]", label: public}')
    public = public.replace("default: warm", "default: warm, label: public")
    Path("flow.yaml").write_text(public, encoding="utf-8")

    result = orch("-m", "warm=openai:gpt-5-mini", "-i", 'lines=["a"]')

    assert "reply      warm (openai:gpt-5-mini)  always" in result.stdout
    assert "prompt (public)" in result.stdout
    assert "OFF this machine" in result.stdout
    assert "per million tokens in / out (genai-prices" in result.stdout


def test_a_model_that_may_not_see_what_it_would_get_cannot_be_put_in() -> None:
    """The proof is made for the models that the run would have."""
    result = orch("-m", "warm=openai:gpt-5-mini")

    assert result.exit_code == 2
    assert "ORCH700" in result.stderr
    assert "inputs.tone → reply.prompt" in result.stderr


HYBRID = """orch: 1
name: hybrid
inputs: {text: {type: "string(500)", label: public}}
models: {cloud: {use: openai:gpt-5-mini, price: {input: 1, output: 2}}}
budget: {usd: 0.5, cloud_calls: 3, then: stay-local}
steps:
  a: {agent: support, prompt: "Sort: {{ inputs.text }}", output: {kind: x | y}, escalate: {to: cloud, usd: 0.0005}}
"""


def test_what_may_leave_is_counted_and_priced() -> None:
    """By step and model: bytes, calls, a call, all of it; and what bounds it."""
    Path("flow.yaml").write_text(HYBRID, encoding="utf-8")

    plan = data()

    (way,) = plan["leaves"]
    assert (way["step"], way["model"], way["escalation"], way["calls"]) == ("a", "cloud", True, 2)
    assert way["bytes"] > 2000  # 500 characters of four bytes each
    assert way["usd_per_call"] == 0.0005
    assert plan["usd_worst"] == 0.001
    (exit_,) = plan["exits"]
    assert (exit_["sink"], exit_["label"], exit_["clearance"]) == ("cloud", "public", "public")
    printed = orch().stdout
    assert "$0.00050 (escalate.usd)" in printed
    assert "at most $0.0010 in all" in printed
    assert "budget.usd allows $0.5; then it stays local" in printed
    assert "budget.cloud_calls allows 3 calls" in printed


def test_a_plan_of_an_offline_run_says_that_nothing_leaves() -> None:
    """No row, no dollars."""
    Path("flow.yaml").write_text(HYBRID, encoding="utf-8")

    printed = orch("--local-only").stdout

    assert "leaves this machine: nothing; this run is offline" in printed
    assert "may leave" not in printed
    assert data("--local-only")["leaves"] == []


def test_a_model_without_a_price_has_no_bound() -> None:
    """Said, and what to do about it is the price of the model."""
    text = HYBRID.replace("openai:gpt-5-mini, price: {input: 1, output: 2}", "openai:nobody-knows")
    Path("flow.yaml").write_text(
        text.replace("usd: 0.5, ", "").replace(", usd: 0.0005", ""), encoding="utf-8"
    )

    printed = orch().stdout

    assert "price unknown" in printed
    assert "nobody knows what openai:nobody-knows costs" in printed


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


def test_the_plan_says_how_often_models_are_loaded_and_how_much_is_read() -> None:
    """A role counts once for the one model behind both names; each item counts."""
    plan = data("-i", f"lines={json.dumps(['x' * 40] * 10)}")

    assert plan["loads"] == 1
    assert plan["prompt_tokens"]["shared"] < plan["prompt_tokens"]["whole"]
    assert "begin alike read once" in orch("-i", 'lines=["a", "b"]').stdout


def test_more_models_than_may_be_loaded_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a setting that is no number is said to be none."""
    text = FLOW.replace('warm: {use: "llamacpp:smollm2-135m"', 'warm: {use: "llamacpp:qwen2.5-0.5b"')
    Path("flow.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("ORCH_MODELS_MAX", "1")

    assert "loads: 2 local models, each once; they take turns: ORCH_MODELS_MAX is 1" in orch().stdout

    monkeypatch.setenv("ORCH_MODELS_MAX", "none")

    assert "ORCH_MODELS_MAX is 'none'" in orch().stderr


def test_what_a_prompt_reads_of_unknown_length_is_no_part_of_the_number() -> None:
    """So the line names it, as the table does, for people and for programs."""
    text = FLOW.replace("{{ inputs.tone }}:", "{{ first }}:").replace(
        "  reply:", "  first: {agent: a, prompt: Begin}\n  reply:"
    )
    Path("flow.yaml").write_text(text, encoding="utf-8")

    lines = ("-i", 'lines=["a"]')
    (line,) = [one for one in orch(*lines).stdout.splitlines() if one.startswith("prompts to read")]

    assert "tokens + first" in line
    assert line.endswith("+ the same without")
    assert data(*lines)["prompt_tokens"]["open"] == ["first", "triage"]


def test_a_provider_that_does_not_exist_is_said_before_anything_of_labels() -> None:
    """Private inputs may go nowhere unknown, but that is not the mistake."""
    result = orch("-m", "tiny=nosuch:x")

    assert result.exit_code == 2
    assert "-m tiny=nosuch:x: there is no provider 'nosuch'" in result.stderr
    assert "ORCH700" not in result.stderr


def test_a_file_with_a_provider_that_does_not_exist_has_this_one_error() -> None:
    """With a private input in the prompt that would go there."""
    Path("flow.yaml").write_text(FLOW.replace("llamacpp:smollm2-135m", "lamacpp:x", 1), encoding="utf-8")

    result = orch()

    assert "there is no provider 'lamacpp'" in result.stderr
    assert "did you mean 'llamacpp'?" in result.stderr
    assert "ORCH700" not in result.stderr
