"""docs/tools.md: what it shows of sql and chart runs, and its limits are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.tools.database.child import Limits
from orchestrator.tools.sandbox.limits import Limits as Sandboxed
from orchestrator.tools.sql import ROWS

PAGE = (Path(__file__).parents[2] / "docs" / "tools.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ title=(sales\.\w+)\n(.*?)```", PAGE, re.DOTALL))


def test_its_queries_and_its_chart_run(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the file to the answer, with the picture in between."""
    monkeypatch.chdir(project)
    for name, body in FILES.items():
        Path(name).write_text(body, encoding="utf-8")

    done = CliRunner().invoke(cli, ["run", "sales.yaml"])
    events = CliRunner().invoke(cli, ["logs", "last", "--json"]).stdout.splitlines()
    values = {
        event["path"]: event["value"] for event in map(json.loads, events) if event.get("value") is not None
    }

    assert done.exit_code == 0, done.output
    assert "best: Süd" in done.stdout
    assert values["totals"]["rows"] == [{"region": "Süd", "total": 20.25}, {"region": "Nord", "total": 10.5}]
    assert [one["name"] for one in values["tables"][0]["columns"]] == [
        '"Order ID"',
        '"Région"',
        '"amount (€)"',
    ]
    assert [one["name"] for one in values["picture"]["files"]] == ["chart.svg", "chart.png"]


def test_its_limits_are_those_of_the_code() -> None:
    """Whoever changes one changes the page."""
    sql, python = Limits(), Sandboxed()

    assert f"more than {sql.seconds:g} s" in PAGE
    assert (
        f"{ROWS} rows unless `limit` says otherwise (up to {sql.rows:,}), {sql.size >> 20} MB as JSON" in PAGE
    )
    assert f"{sql.memory >> 30} GB of address space" in PAGE
    assert (
        f"{python.seconds:g} s, {python.memory >> 30} GB of memory, {python.disk >> 20} MB in {python.files:,} files, "
        f"{python.output >> 20} MB of output" in PAGE
    )
