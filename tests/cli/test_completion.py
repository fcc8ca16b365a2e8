"""What the shell offers while a person types."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli

ORCH = Path(sys.executable).with_name("orch")


def offered(cwd: Path, *words: str) -> list[str]:
    """What bash would be offered behind these words."""
    environ = {
        **os.environ,
        "_ORCH_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("orch", *words)),
        "COMP_CWORD": str(len(words)),
        "ORCH_HOME": str(cwd / "home"),
    }
    done = subprocess.run(
        [str(ORCH)], capture_output=True, text=True, cwd=cwd, env=environ, timeout=60, check=False
    )
    assert done.stderr == ""
    return [line.partition(",")[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_the_result_and_nothing_else(shell: str) -> None:
    """So that `eval "$(orch completion bash)"` works."""
    result = CliRunner().invoke(cli, ["completion", shell])

    assert result.exit_code == 0
    assert "_ORCH_COMPLETE" in result.stdout
    assert result.stderr == ""


def test_the_bash_script_is_bash() -> None:
    """The shell itself reads it without complaint."""
    script = CliRunner().invoke(cli, ["completion", "bash"]).stdout

    done = subprocess.run(
        ["bash", "-n"], input=script, capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_an_unknown_shell_is_refused_with_the_known_ones() -> None:
    """Exit code 2, as for every wrong word."""
    result = CliRunner().invoke(cli, ["completion", "tcsh"])

    assert result.exit_code == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


def test_commands_and_options_are_completed(tmp_path: Path) -> None:
    """Without importing more than needed."""
    assert offered(tmp_path, "va") == ["validate"]
    assert offered(tmp_path, "graph", "--for") == ["--format"]


def test_workflows_of_the_project_are_completed_by_name(tmp_path: Path) -> None:
    """What `orch workflows` lists."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (tmp_path / "workflows").mkdir()
    (tmp_path / "workflows" / "nightly-report.yaml").write_text("orch: 1\n", encoding="utf-8")

    assert "nightly-report" in offered(tmp_path, "graph", "nightly")


def test_without_any_run_only_the_latest_is_offered(tmp_path: Path) -> None:
    """A directory in which nothing ran is no error in the middle of a line."""
    assert offered(tmp_path, "show", "") == ["last"]
