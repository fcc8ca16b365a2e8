"""docs/scripted.md: its files run, and its table has every key there is."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.providers.script import Entry

PAGE = (Path(__file__).parents[2] / "docs" / "scripted.md").read_text(encoding="utf-8")
FILES = re.findall(r"```yaml title=(\S+)\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = re.findall(r"^\$ orch (.*)$", PAGE, re.MULTILINE)


def test_its_workflow_runs_with_its_answers(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command of the page, and each kind of entry is used."""
    monkeypatch.chdir(project)
    for name, body in FILES:
        Path(name).write_text(body, encoding="utf-8")

    done = [CliRunner().invoke(cli, command.split()) for command in COMMANDS]
    events = CliRunner().invoke(cli, ["logs", "last", "--json"]).stdout.splitlines()
    values = {event["path"]: event.get("value") for event in map(json.loads, events) if "value" in event}
    thanks = CliRunner().invoke(cli, ["show", "last", "thanks"]).stdout

    assert [one.exit_code for one in done] == [0, 0], [one.output for one in done]
    assert [values[f"topic.{number}"] for number in range(3)] == ["billing", "repair", "other"]
    assert "Thank you." in thanks


def test_its_table_has_every_key() -> None:
    """A key that the page does not know is one that nobody finds."""
    told = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))

    assert told == set(Entry.model_fields)
