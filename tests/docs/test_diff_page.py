"""docs/diff.md: its files are compared as it says, and its limits are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.diff_git import BYTES
from orchestrator.cli.main import cli
from orchestrator.report.diff_github import LIMIT

PAGE = (Path(__file__).parents[2] / "docs" / "diff.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```yaml title=(\w+\.yaml)\n(.*?)```", PAGE, re.DOTALL))
PRINTED = re.findall(r"```text title=printed\n(.*?)```", PAGE, re.DOTALL)[0]


def test_its_files_are_compared_as_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What newly leaves is in the first lines, and the code is the one behind the command."""
    monkeypatch.chdir(tmp_path)
    for name, body in FILES.items():
        Path(name).write_text(body, encoding="utf-8")
    commands = [line for line in re.findall(r"^\$ orch (.*)$", PAGE, re.MULTILINE) if ".yaml" in line]

    done = [CliRunner().invoke(cli, shlex.split(line, comments=True)) for line in commands]

    assert [one.exit_code for one in done] == [1 if "exits with 1" in line else 0 for line in commands]
    assert done[0].stdout.startswith(PRINTED)


def test_its_limits_are_those_of_the_code() -> None:
    """Whoever changes one changes the page."""
    assert f"{BYTES >> 20} MB" in PAGE
    assert f"{LIMIT:,} characters" in PAGE
