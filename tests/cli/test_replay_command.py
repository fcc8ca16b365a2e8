"""`orch replay` as a shell meets it: what a record without the large model, and a file that changed, come to."""

from __future__ import annotations

import json
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


def test_a_change_that_no_request_shows_is_said(played: Path) -> None:
    """Another temperature may give another answer: "as recorded" alone would say too much."""
    played.write_text(
        FLOW.replace("role: You write.", "role: You write., params: {temperature: 1}"), encoding="utf-8"
    )

    found, as_json = orch("replay", "last"), orch("replay", "last", "--json")

    assert found.exit_code == 0
    assert "changed in the file, with no difference here: draft: sampling parameters" in found.stdout
    assert json.loads(as_json.stdout)["changed_unseen"] == ["draft"]


def test_a_step_that_is_gone_is_not_called_unknown(played: Path) -> None:
    """Its request is that of nobody any more; the step that took its place has none on record."""
    played.write_text(FLOW.replace("  draft:", "  letter:"), encoding="utf-8")

    found = orch("replay", "last")

    assert found.exit_code == 8
    assert "not compared: draft: its step is not in the file any more" in found.stdout
    assert "letter: request 1" in found.stdout


@pytest.mark.parametrize("words", [("replay", "last"), ("fork", "last", "--at", "draft")])
def test_a_file_that_was_moved_is_asked_for(played: Path, words: tuple[str, ...]) -> None:
    """With what to do: the run knows where its file lay."""
    played.rename("desk.yaml")

    gone = orch(*words)
    Path("flow.yaml").symlink_to("desk.yaml")
    back = orch(*words)

    assert gone.exit_code == 2
    assert "does not exist any more" in gone.stderr
    assert "ln -s NEW" in gone.stderr
    assert back.exit_code == 0
