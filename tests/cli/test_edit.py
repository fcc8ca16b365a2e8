"""A question whose value a person may change, as they meet it: at the terminal, and from another shell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.test_run import ORCH, on_a_terminal, orch

FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  letter: {agent: writer, prompt: write, output: {text: string(20), cites: "[int]"}}
  ok: {ask: Send it?, edit: letter.text, choices: [send, drop]}
outputs: {said: "{{ ok }}", sent: "{{ steps.ok.edited }}"}
"""
EDITOR = f"{sys.executable} {{}}/editor.py"
SCRIPT = "import pathlib, sys\npath = pathlib.Path(sys.argv[1])\npath.write_text(path.read_text() + {!r} + '\\n')\n"


@pytest.fixture(name="files")
def _files(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (project / "answers.yaml").write_text(
        "- {match: write, value: {text: a letter, cites: [1]}}\n", encoding="utf-8"
    )
    (project / "w.yaml").write_text(FLOW, encoding="utf-8")
    (project / "editor.py").write_text(SCRIPT.format(", dear"), encoding="utf-8")
    monkeypatch.setenv("EDITOR", EDITOR.format(project))
    monkeypatch.delenv("VISUAL", raising=False)
    return project


def approved(files: Path, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*ORCH, "approve", "last/ok", *arguments],
        cwd=files, input=given, capture_output=True, text=True, check=False,
    )  # fmt: skip


def outputs(files: Path) -> dict[str, str]:
    resumed = orch(files, "resume", "last", "--json")
    assert resumed.returncode == 0, resumed.stderr
    found: dict[str, str] = json.loads(resumed.stdout)
    return found


def test_at_the_terminal_e_opens_the_editor_before_one_answers(files: Path) -> None:
    """The changed value is shown; the question stays."""
    seen = on_a_terminal(files, "e\nsend\n", "run", "w.yaml")

    assert "e) change it first" in seen
    assert "sent: a letter, dear" in seen


def test_from_another_shell_with_the_editor(files: Path) -> None:
    """`orch approve RUN/STEP --edit`."""
    assert orch(files, "run", "w.yaml").returncode == 7
    said = approved(files, "--edit")

    assert "with the changed value" in said.stderr
    assert outputs(files) == {"said": "send", "sent": "a letter, dear"}


def test_from_another_shell_with_a_text_of_ones_own(files: Path) -> None:
    """A script has no editor."""
    orch(files, "run", "w.yaml")
    approved(files, "--choice", "drop", "--edited", "-", given="mine\n")

    assert outputs(files) == {"said": "drop", "sent": "mine"}


def test_a_change_that_does_not_fit_answers_nothing(files: Path) -> None:
    """The type of the value holds for people too; what they wrote is kept for them."""
    (files / "editor.py").write_text(SCRIPT.format("x" * 40), encoding="utf-8")
    orch(files, "run", "w.yaml")
    refused = approved(files, "--edit")
    kept = refused.stderr.rpartition("what you wrote is in ")[2].strip()

    assert refused.returncode == 2
    assert "does not fit" in refused.stderr
    assert Path(kept).read_text(encoding="utf-8").startswith("a letterxxx")
    Path(kept).unlink()
    assert approved(files, "--edited", "-", given="short").returncode == 0


def test_an_editor_that_is_not_there_is_told_with_another_way(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The temporary file is no step, and does not stay."""
    orch(files, "run", "w.yaml")
    monkeypatch.setenv("EDITOR", "nosuchprog")
    refused = approved(files, "--edit")

    assert refused.returncode == 2
    assert "error: there is no program 'nosuchprog'\n" in refused.stderr
    assert "set EDITOR to one that exists, or give the text with" in refused.stderr
    assert "orch-edit-" not in refused.stderr


def test_an_editor_that_fails_keeps_what_was_written(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And names no file where nothing was."""
    orch(files, "run", "w.yaml")
    monkeypatch.setenv("EDITOR", "false")
    assert "hint: nothing was changed\n" in approved(files, "--edit").stderr

    (files / "editor.py").write_text(SCRIPT.format(", dear") + "sys.exit(1)\n", encoding="utf-8")
    monkeypatch.setenv("EDITOR", EDITOR.format(files))
    kept = Path(approved(files, "--edit").stderr.rpartition("what you wrote is in ")[2].strip())
    assert kept.read_text(encoding="utf-8") == "a letter, dear\n"
    kept.unlink()


def test_the_record_shows_what_was_changed(files: Path) -> None:
    """The step with the value before and after, the log in a line."""
    orch(files, "run", "w.yaml")
    approved(files, "--edited", "-", given="mine")
    outputs(files)

    shown = orch(files, "show", "last", "ok").stdout
    assert "── may be changed\na letter\n" in shown
    assert "── changed to\nmine\n" in shown
    assert ", changed to: mine" in orch(files, "logs", "last").stdout


def test_the_record_shows_no_change_that_it_does_not_keep(files: Path) -> None:
    """A note stands in its place."""
    (files / "w.yaml").write_text(FLOW.replace("orch: 1\n", "orch: 1\nkeep: {public: none}\n"))
    on_a_terminal(files, "e\nsend\n", "run", "w.yaml")

    shown = orch(files, "show", "last", "ok").stdout
    assert "change it first" not in orch(files, "run", "w.yaml").stderr
    assert "── changed to\n[public, not kept]\n" in shown
    assert "letter" not in shown


def test_a_run_that_waits_is_json_too(files: Path) -> None:
    """A script learns what is asked, of a run and of one that was rejected; the exit codes stay."""
    waits = orch(files, "run", "w.yaml", "-q", "--json")
    told = json.loads(waits.stdout)
    assert waits.returncode == 7
    assert told["status"] == "waiting"
    assert [(ask["path"], ask["choices"], ask["editable"]) for ask in told["asks"]] == [
        ("ok", ["send", "drop"], True)
    ]

    orch(files, "reject", told["run"])
    ended = orch(files, "resume", "last", "--json")
    assert ended.returncode == 3
    assert json.loads(ended.stdout)["status"] == "rejected"
    assert json.loads(ended.stdout)["error"]["path"] == "ok"


def test_a_question_without_edit_says_so(files: Path) -> None:
    """And an editor that is not there is no traceback."""
    (files / "w.yaml").write_text(FLOW.replace("edit: letter.text, ", "").replace("steps.ok.edited", "ok"))
    orch(files, "run", "w.yaml")
    nothing = approved(files, "--edited", "-", given="mine")

    assert nothing.returncode == 2
    assert "has nothing to change" in nothing.stderr


def test_a_rejected_run_is_final_and_says_how_to_be_asked_again(files: Path) -> None:
    """Going on with it once more runs nothing; a fork asks anew, and what came before is taken over."""
    run = json.loads(orch(files, "run", "w.yaml", "-q", "--json").stdout)["run"]
    orch(files, "reject", run)
    orch(files, "resume", run)
    before = orch(files, "logs", run).stdout

    again = orch(files, "resume", run)

    assert again.returncode == 3
    assert again.stderr.endswith(f"to be asked again, in a run of its own: orch fork {run} --at ok\n")
    assert orch(files, "logs", run).stdout == before
    assert orch(files, "fork", run, "--at", "ok", "-q").returncode == 7
