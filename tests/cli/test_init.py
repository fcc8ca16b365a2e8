"""`orch init`: a first workflow that runs as it is; nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_new_directory_gets_a_workflow_a_schema_and_an_ignore_file() -> None:
    """And the next command to type, on stderr: there is no result."""
    result = orch("init", "demo")

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "cd demo && orch run workflow.yaml" in result.stderr
    assert Path("demo/.gitignore").read_text(encoding="utf-8") == ".orch/\n"
    assert json.loads(Path("demo/workflow.schema.json").read_text(encoding="utf-8"))["properties"]["steps"]


def test_the_first_line_points_editors_to_the_schema() -> None:
    """yaml-language-server reads it."""
    orch("init")

    first = Path("workflow.yaml").read_text(encoding="utf-8").splitlines()[0]

    schema = first.removeprefix("# yaml-language-server: $schema=")
    assert Path(schema).is_file()


def test_what_editors_need_is_not_kept_from_git() -> None:
    """Somebody who clones the project has the schema; only what runs leave is ignored."""
    orch("init")
    schema = Path("workflow.yaml").read_text(encoding="utf-8").splitlines()[0].partition("$schema=")[2]

    ignored = Path(".gitignore").read_text(encoding="utf-8").split()

    assert ignored == [".orch/"]
    assert not schema.startswith(".orch/")


def test_a_schema_that_is_there_stays() -> None:
    """It may be another one's."""
    Path("workflow.schema.json").write_text("{}", encoding="utf-8")

    assert orch("init").exit_code == 0
    assert Path("workflow.schema.json").read_text(encoding="utf-8") == "{}"


def test_the_workflow_is_valid_without_a_warning() -> None:
    """What we write passes what we check."""
    orch("init")

    result = orch("validate", "--strict", "workflow.yaml")

    assert (result.exit_code, result.stdout) == (0, ""), result.output


def test_an_existing_workflow_is_never_overwritten() -> None:
    """The second time is an error that says what to do."""
    Path("workflow.yaml").write_text("mine", encoding="utf-8")

    result = orch("init")

    assert result.exit_code == 2
    assert "workflow.yaml is already there" in result.stderr
    assert Path("workflow.yaml").read_text(encoding="utf-8") == "mine"
    assert not Path("workflow.schema.json").exists()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("*.log", "*.log\n.orch/\n"),
        ("*.log\n", "*.log\n.orch/\n"),
        (".orch/\n", ".orch/\n"),
        ("", ".orch/\n"),
    ],
)
def test_an_existing_ignore_file_only_gains_the_line_it_lacks(before: str, after: str) -> None:
    """Also one without an end of line."""
    Path(".gitignore").write_text(before, encoding="utf-8")

    orch("init")

    assert Path(".gitignore").read_text(encoding="utf-8") == after


def test_a_directory_that_cannot_be_written_is_an_error_in_words() -> None:
    """A file stands where the directory should be."""
    Path("demo").write_text("", encoding="utf-8")

    result = orch("init", "demo")

    assert result.exit_code == 2
    assert "is a file" in result.stderr
