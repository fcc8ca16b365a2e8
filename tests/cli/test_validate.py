"""`orch validate`: everything that is wrong, at once, in four formats."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

GOOD = "orch: 1\ninputs: {x: string}\nsteps:\n  a: {value: '{{ inputs.x }}'}\n"
UNUSED = "orch: 1\nagents:\n  nobody: {role: x}\nsteps:\n  a: {value: x}\n"
WRONG = "orch: 1\nstep: {}\nsteps:\n  a: {value: '{{ inputs.x }}', whne: true}\n"


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, ["validate", *args])


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in {"good": GOOD, "unused": UNUSED, "wrong": WRONG}.items():
        Path(f"{name}.yaml").write_text(text, encoding="utf-8")


def test_a_valid_file_says_so_beside_an_empty_result() -> None:
    """Exit code 0, nothing on stdout."""
    result = orch("good.yaml")

    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "good.yaml is valid\n")


def test_all_errors_are_shown_at_once_with_their_places() -> None:
    """File, line and column, the source line with a caret, the nearest valid name; sorted by line."""
    result = orch("wrong.yaml")

    assert result.exit_code == 2
    assert result.stdout.index("wrong.yaml:2:1") < result.stdout.index("wrong.yaml:4:")
    assert "'when'" in result.stdout
    assert "^" in result.stdout
    assert "errors; `orch explain ORCH" in result.stderr


def test_warnings_are_errors_only_when_asked() -> None:
    """`--strict` for continuous integration."""
    relaxed, strict = orch("unused.yaml"), orch("--strict", "unused.yaml")

    assert (relaxed.exit_code, strict.exit_code) == (0, 2)
    assert "nobody" in relaxed.stdout
    assert "1 warning" in relaxed.stderr


def test_several_files_are_checked_and_one_that_is_missing_does_not_hide_the_others() -> None:
    """The missing one is named on stderr, the others' errors are the result."""
    result = orch("good.yaml", "missing.yaml", "wrong.yaml")

    assert result.exit_code == 2
    assert "missing.yaml does not exist" in result.stderr
    assert "wrong.yaml:2:1" in result.stdout


def test_json_is_a_list_of_diagnostics_also_when_it_is_empty() -> None:
    """For scripts."""
    found = json.loads(orch("--format", "json", "wrong.yaml").stdout)

    assert {d["code"] for d in found} >= {"ORCH101"}
    assert json.loads(orch("--format", "json", "good.yaml").stdout) == []


def test_github_annotations_are_workflow_commands() -> None:
    """They show up beside the line in a pull request."""
    lines = orch("--format", "github", "wrong.yaml").stdout.splitlines()

    assert lines
    assert all(line.startswith("::error file=wrong.yaml,line=") for line in lines)


def test_sarif_is_a_log_of_one_run() -> None:
    """Version 2.1.0, for code scanning."""
    log = json.loads(orch("--format", "sarif", "wrong.yaml").stdout)

    assert log["version"] == "2.1.0"
    assert log["runs"][0]["results"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.yaml", b""),
        ("binary.yaml", bytes(range(256))),
        ("latin1.yaml", "orch: 1\nname: \xe4\n".encode("latin-1")),
        ("bomb.yaml", b"a: &a [x,x]\nb: &b [*a,*a]\n" + b"c: [" + b"*b," * 500 + b"]\n"),
    ],
)
def test_whatever_is_in_a_file_the_answer_is_a_sentence(name: str, content: bytes) -> None:
    """Exit code 2 and no traceback."""
    Path(name).write_bytes(content)

    result = orch(name)

    assert result.exit_code == 2
    assert name in result.output
    assert "Traceback" not in result.output
    assert "defect" not in result.output


def test_a_directory_and_a_missing_file_are_sentences_too() -> None:
    """With what to do."""
    Path("folder").mkdir()

    for name in ("folder", "missing.yaml", "god.yaml"):
        result = orch(name)
        assert result.exit_code == 2
        assert "defect" not in result.output
    assert "did you mean good.yaml?" in orch("god.yaml").stderr


def test_a_project_file_is_checked_as_one() -> None:
    """It has no steps, and needs none."""
    Path("orch.yaml").write_text(
        "orch: 1\nmodels: {tiny: 'llamacp:smollm2-135m'}\nagents: {a: {model: tny, roll: x}}\n",
        encoding="utf-8",
    )
    wrong = orch("orch.yaml")
    Path("orch.yaml").write_text(
        "orch: 1\nmodels: {tiny: 'llamacpp:smollm2-135m'}\nagents: {a: {model: tiny, role: x}}\n",
        encoding="utf-8",
    )
    right = orch("orch.yaml")

    assert wrong.exit_code == 2
    assert all(word in wrong.stdout for word in ("'llamacpp'", "'role'", "'tiny'"))
    assert "steps" not in wrong.stdout
    assert (right.exit_code, right.stderr) == (0, "orch.yaml is valid\n")


def test_an_agent_file_is_checked_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its prompt, its models and what it uses; also from inside its folder."""
    folder = Path("agents/poet")
    folder.mkdir(parents=True)
    Path("orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (folder / "prompt.j2").write_text("You write {{ verse }", encoding="utf-8")
    (folder / "agent.yaml").write_text("description: x\nparms: {top_k: 1}\n", encoding="utf-8")
    wrong = orch("agents/poet/agent.yaml")
    (folder / "prompt.j2").write_text("You write verse.", encoding="utf-8")
    (folder / "agent.yaml").write_text("description: x\n", encoding="utf-8")
    right = orch("agents/poet/agent.yaml")
    monkeypatch.chdir(folder)
    inside = orch("agent.yaml")

    assert wrong.exit_code == 2
    assert "'params'" in wrong.stdout
    assert "agents/poet/prompt.j2:1:" in wrong.stdout
    assert "'orch'" not in wrong.stdout
    assert (right.exit_code, right.stderr) == (0, "agents/poet/agent.yaml is valid\n")
    assert (inside.exit_code, inside.stderr) == (0, "agent.yaml is valid\n")


def test_a_file_that_cannot_be_read_stands_in_the_report(tmp_path: Path) -> None:
    """A machine that reads the report must not take a missing file for a clean one."""
    missing = str(tmp_path / "nowhere.yaml")

    done = CliRunner().invoke(cli, ["validate", missing, "--format", "json"])

    assert done.exit_code == 2
    assert [(d["code"], d["file"]) for d in json.loads(done.stdout)] == [("ORCH025", missing)]
