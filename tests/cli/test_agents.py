"""`orch agents` and `orch workflows`: what can be used and run here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, list(args))


@pytest.fixture(autouse=True)
def _project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("orch.yaml").write_text(
        "orch: 1\nagents: {critic: {description: Judges., role: x}}\n", encoding="utf-8"
    )
    Path("agents/poet").mkdir(parents=True)
    Path("agents/poet/agent.yaml").write_text("description: Writes verse.\nrole: x\n", encoding="utf-8")
    Path("workflows").mkdir()
    Path("workflows/daily.yaml").write_text(
        "orch: 1\ndescription: Every day.\nsteps: {a: {value: x}}\n", encoding="utf-8"
    )


def test_agents_of_the_project_and_shipped_ones_are_listed_with_what_they_do() -> None:
    """From the project file, from folders, and from the package."""
    found = {entry["name"]: entry for entry in json.loads(orch("agents", "--json").stdout)}

    assert found["critic"] == {"name": "critic", "from": "project", "description": "Judges."}
    assert found["poet"] == {"name": "poet", "from": "project", "description": "Writes verse."}
    assert "Writes verse." in orch("agents").stdout


def test_a_broken_agent_is_a_warning_with_its_place() -> None:
    """The others are still listed."""
    Path("agents/poet/agent.yaml").write_text("descripton: x\n", encoding="utf-8")

    result = orch("agents")

    assert result.exit_code == 0
    assert "agents/poet/agent.yaml:1" in result.stderr
    assert "critic" in result.stdout


def test_workflows_of_the_project_are_listed_by_the_name_to_run_them() -> None:
    """With their description."""
    found = json.loads(orch("workflows", "--json").stdout)

    assert {"name": "daily", "from": "project", "description": "Every day."} in found


def test_a_broken_workflow_is_listed_as_broken() -> None:
    """Not hidden, and not a failure of the list."""
    Path("workflows/daily.yaml").write_text("{", encoding="utf-8")

    result = orch("workflows")

    assert result.exit_code == 0
    assert "daily" in result.stdout
    assert "orch validate" in result.stdout
