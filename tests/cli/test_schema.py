"""`orch schema`: the JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from orchestrator.cli.main import cli


def test_the_schema_is_json_on_stdout() -> None:
    """Ready to be piped into a file."""
    result = CliRunner().invoke(cli, ["schema"])

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout)["required"] == ["orch", "steps"]


def test_with_a_file_the_same_schema_is_written_there(tmp_path: Path) -> None:
    """Directories on the way are made."""
    file = tmp_path / "a" / "schema.json"

    result = CliRunner().invoke(cli, ["schema", "-o", str(file)])

    printed = CliRunner().invoke(cli, ["schema"]).stdout
    assert (result.exit_code, result.stdout) == (0, "")
    assert json.loads(file.read_text(encoding="utf-8")) == json.loads(printed)
