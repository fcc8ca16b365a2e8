"""docs/lock.md: what it shows of commands is what they print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.lock.file import SECTIONS

PAGE = (Path(__file__).parents[2] / "docs" / "lock.md").read_text(encoding="utf-8")
(WORKFLOW,) = re.findall(r"```yaml title=support.yaml\n(.*?)```", PAGE, re.DOTALL)
BEFORE, AFTER = re.findall(r"```console[^\n]*\n(.*?)```", PAGE, re.DOTALL)


def test_its_commands_print_what_it_shows(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the first lock to the run that is refused."""
    monkeypatch.chdir(project)
    agent = project / "agents" / "clerk"
    agent.mkdir(parents=True)
    (agent / "agent.yaml").write_text("description: Answers letters.\n", encoding="utf-8")
    (agent / "prompt.j2").write_text("You answer letters.\n", encoding="utf-8")
    (project / "answers.yaml").write_text("- text: Good day.\n", encoding="utf-8")
    (project / "tools.py").write_text(
        "def length(text: str) -> int:\n    return len(text)\n", encoding="utf-8"
    )
    (project / "support.yaml").write_text(WORKFLOW, encoding="utf-8")

    before = shown(BEFORE)
    (agent / "prompt.j2").write_text("You answer letters in verse.\n", encoding="utf-8")
    after = shown(AFTER)

    assert before == BEFORE
    assert re.sub(r"sha256:\w+…", "sha256:…", after) == AFTER


def shown(block: str) -> str:
    """The block again, with what its commands print now."""
    lines = []
    for line in block.splitlines():
        if line.startswith("$ orch "):
            done = CliRunner().invoke(cli, shlex.split(line.removeprefix("$ orch ")))
            lines += [line, *done.output.splitlines()]
    return "\n".join(lines) + "\n"


def test_its_table_has_every_section() -> None:
    """Whoever adds one describes it."""
    assert tuple(sorted(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))) == SECTIONS
