"""`orch explain`: codes, explained."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from orchestrator.cli.explain import all_codes
from orchestrator.cli.main import cli


def test_a_code_is_explained_with_a_wrong_and_a_right_example() -> None:
    """What it means and what to write instead."""
    result = CliRunner().invoke(cli, ["explain", "ORCH101"])

    assert result.exit_code == 0
    assert result.stdout.startswith("ORCH101 (error): ")
    assert "\nWrong:\n" in result.stdout
    assert "\nRight:\n" in result.stdout
    assert "    orch: 1\n" in result.stdout


@pytest.mark.parametrize("typed", ["orch101", " ORCH101 ", "101"])
def test_a_code_may_be_typed_as_one_remembers_it(typed: str) -> None:
    """Small letters, spaces, only the number."""
    assert CliRunner().invoke(cli, ["explain", typed]).stdout.startswith("ORCH101 ")


def test_without_a_code_all_are_listed_in_order() -> None:
    """Those of the form and those of the wiring."""
    lines = CliRunner().invoke(cli, ["explain"]).stdout.splitlines()[1:]

    codes = [line.split()[0] for line in lines]
    assert codes == sorted(all_codes())
    assert any(code.startswith("ORCH2") for code in codes)


def test_an_unknown_code_is_an_error_with_the_nearest() -> None:
    """Exit code 2."""
    result = CliRunner().invoke(cli, ["explain", "ORCH10l"])

    assert result.exit_code == 2
    assert "there is no code 'ORCH10l'" in result.stderr
    assert "did you mean ORCH" in result.stderr


def test_json_has_every_field() -> None:
    """For editors and pages."""
    one = json.loads(CliRunner().invoke(cli, ["explain", "ORCH101", "--json"]).stdout)
    every = json.loads(CliRunner().invoke(cli, ["explain", "--json"]).stdout)

    assert set(one) == {"code", "severity", "title", "text", "wrong", "right"}
    assert one in every
