"""docs/durability.md: what it shows is what the commands print, and its figures are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

from click.testing import CliRunner

from orchestrator.cli.main import cli
from orchestrator.cli.waiting import waiting_lines
from orchestrator.store.rowlease import SECONDS
from tests.chaos.__main__ import COLUMNS
from tests.chaos.test_damage import RUNS, change, database

PAGE = (Path(__file__).parents[2] / "docs" / "durability.md").read_text(encoding="utf-8")
__all__ = ["database"]


def test_a_damaged_run_is_told_as_the_page_shows(database: Path) -> None:
    """The very lines."""
    change(database, "UPDATE events SET payload = replace(payload, 'answer 7', 'answer 8') WHERE run = 2")

    said = CliRunner().invoke(cli, ["verify", RUNS[1], RUNS[0]])

    assert said.exit_code == 1
    assert said.stdout in PAGE


def test_a_call_that_may_have_happened_is_told_as_the_page_shows() -> None:
    """The very lines."""
    assert "\n".join(waiting_lines("1123-2022-9wj", {}, unknown=["send"])) in PAGE


def test_its_figures_are_those_of_the_code() -> None:
    """The lease of a server, and the columns of the table."""
    assert f"the {SECONDS:g} seconds of its lease" in PAGE
    table = re.search(r"<!-- chaos -->\n\|(.*)\|\n", PAGE)
    assert table is not None
    assert [name.strip() for name in table[1].split("|")] == list(COLUMNS)
