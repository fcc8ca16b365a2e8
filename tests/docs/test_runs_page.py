"""docs/runs.md: its console blocks run one after the other, and its figures are those of the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.store import portable, shared

PAGE = (Path(__file__).parents[2] / "docs" / "runs.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ title=(\w+\.yaml)\n(.*?)```", PAGE, re.DOTALL))
LINES = [
    line[2:] for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
]


def test_its_commands_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order, each with exit code 0; the exported file holds no name."""
    monkeypatch.chdir(project)
    for name, body in FILES.items():
        Path(name).write_text(body, encoding="utf-8")

    said = {}
    for line in LINES:
        done = CliRunner().invoke(cli, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output)
        said[line] = done.output

    text = Path("reply.run.jsonl").read_text(encoding="utf-8")
    assert "warm" in text
    assert "Miller" not in text
    assert "imported" in said["orch show last"]
    assert "no run" in CliRunner().invoke(cli, ["runs"]).stderr


def test_its_figures_are_those_of_the_code() -> None:
    """Whoever changes one changes the page."""
    assert f"up to {portable.LARGEST_ARTIFACT // 10**6} MB each" in PAGE
    assert f"{portable.ALL_ARTIFACTS // 10**6} MB for a run" in PAGE
    assert f"more than {shared.LIMIT // 10**9} GB" in PAGE
