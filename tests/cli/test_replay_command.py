"""`orch replay` as a shell meets it: what a record without the large model, and a file that changed, come to."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

FLOW = """orch: 1
inputs: {text: {type: string(50), label: public, default: hello}}
models: {small: "scripted:answers.yaml", cloud: {use: "openai:gpt-5-mini", key: env.OPENAI_API_KEY}}
agents: {writer: {model: small, role: You write.}}
steps:
  draft:
    agent: writer
    prompt: "Write {{ inputs.text }}"
    escalate: {to: cloud, usd: 0.01}
"""


def orch(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run whose model was never unsure, so that nobody reached the one in the cloud; its file."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    Path(".git").mkdir()
    Path("answers.yaml").write_text("- {match: Write, text: Good day.}\n", encoding="utf-8")
    Path("flow.yaml").write_text(FLOW, encoding="utf-8")
    assert orch("run", "flow.yaml", "-q").exit_code == 0
    return Path("flow.yaml")


def test_a_model_that_the_run_never_reached_costs_what_the_list_says(played: Path) -> None:
    """Its price is not on record: `escalate.usd` needs one all the same, as before a run."""
    assert "price" not in played.read_text(encoding="utf-8")

    found = orch("replay", "last")

    assert (found.exit_code, found.stderr) == (0, "")
    assert "as recorded: 1 request" in found.stdout


def test_a_prompt_that_changed_is_shown_as_a_diff(played: Path) -> None:
    """With its own exit code, and the line before and after."""
    played.write_text(FLOW.replace("Write {{", "Please write {{"), encoding="utf-8")

    found = orch("replay", "last")

    assert found.exit_code == 8
    assert "  -Write hello\n  +Please write hello\n" in found.stdout
