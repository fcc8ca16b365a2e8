"""docs/tools.md: what it shows of the project's own tools runs, and its limits are those of the code."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.tools import files, mcp_client, mcp_stdio, mcp_types

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tools.md").read_text(encoding="utf-8")
FILES = {
    name: body
    for name, body in re.findall(r"```\w+ title=(\S+)\n(.*?)```", PAGE, re.DOTALL)
    if not name.startswith("sales.")
}


@pytest.fixture
def shown(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    for name, body in FILES.items():
        Path(name).write_text(body, encoding="utf-8")
    return project


def test_its_function_runs(shown: Path) -> None:
    """With its helper, its dataclass and what it prints."""
    done = CliRunner().invoke(cli, ["run", "quote.yaml"])

    assert done.exit_code == 0, done.output
    assert "total: 6.75" in done.stdout
    assert "gold" in done.stdout


def test_a_wrong_field_of_its_result_is_found_before_the_run(shown: Path) -> None:
    """As the page says."""
    Path("quote.yaml").write_text(FILES["quote.yaml"].replace("offer.total", "offer.totl"), encoding="utf-8")

    done = CliRunner().invoke(cli, ["validate", "quote.yaml"])

    assert (done.exit_code, "offer has no field 'totl'" in done.stdout) == (2, True)


def test_its_server_runs(shown: Path) -> None:
    """Another server in its place, which comes with the tests."""
    server = f"[{sys.executable}, {ROOT / 'tests' / 'tools' / 'mcp_server.py'}]"
    text = FILES["clock.yaml"].replace("[mcp-server-time, --local-timezone, UTC]", server)
    text = text.replace("get_current_time", "weather").replace("timezone: Europe/Berlin", "city: Bern")
    Path("clock.yaml").write_text(text.replace("day_of_week", "degrees"), encoding="utf-8")

    done = CliRunner().invoke(cli, ["run", "clock.yaml"])

    assert done.exit_code == 0, done.output
    assert "day: 21.5" in done.stdout


def test_its_limits_are_those_of_the_code() -> None:
    """Whoever changes one changes the page."""
    assert f"At most {files.MOST // 1_000_000} MB at once, {files.ENTRIES:,} entries" in PAGE
    assert f"{mcp_client.STARTING:g} s until it has listed its tools" in PAGE
    assert (
        f"At most {mcp_types.MOST_TEXT:,} characters, {mcp_types.MOST_BYTES // 1_000_000} MB of files, "
        f"{mcp_stdio.MOST >> 20} MB per message" in PAGE
    )
