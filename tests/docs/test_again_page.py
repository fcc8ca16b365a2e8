"""docs/again.md: its commands run one after the other, and do what the page says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.cli.replay import DIFFERS

PAGE = (Path(__file__).parents[2] / "docs" / "again.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```yaml title=(\S+)\n(.*?)```", PAGE, re.DOTALL))
COMMANDS = re.findall(r"^\$ orch (.*)$", PAGE, re.MULTILINE)


@pytest.fixture(name="files")
def _files(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    for name, body in FILES.items():
        Path(name).write_text(body, encoding="utf-8")
    return project


def test_its_commands_run(files: Path) -> None:
    """And what they print is what the page is about."""
    done = [CliRunner().invoke(cli, command.split()) for command in COMMANDS]

    assert [one.exit_code for one in done] == [0] * len(COMMANDS), [one.output for one in done]
    assert [one.stdout for one in done[:3]] == [
        "Of course! Of course!\n",
        "Of course! Of course!\n",
        "No. No.\n",
    ]
    assert "taken over  sorted.topic (2), sorted.reply\n" in done[1].stderr
    assert "sorted.1.reply (begins here), all (comes after sorted)" in done[1].stderr
    assert "anew        all (begins here)" in done[3].stdout
    assert json.loads(done[-1].stdout)["same"]


def test_its_change_is_found(files: Path) -> None:
    """With the lines and the exit code that the page shows."""
    CliRunner().invoke(cli, ["run", "letters.yaml"])
    flow = files / "letters.yaml"
    flow.write_text(
        FILES["letters.yaml"].replace("a {{ inputs.tone }} tone", "a friendly tone"), encoding="utf-8"
    )

    done = CliRunner().invoke(cli, ["replay", "last"])

    shown = re.findall(r"^```\n(sorted\.1\.reply: request 1\n.*?)```", PAGE, re.DOTALL | re.MULTILINE)[0]
    assert shown in done.stdout
    assert done.exit_code == DIFFERS
    assert f"{DIFFERS} when something is not" in PAGE
