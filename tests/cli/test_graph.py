"""`orch graph`: the workflow as a drawing, in four formats."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli

FLOW = """orch: 1
name: demo
agents: {a: {role: x}}
inputs: {lines: "[string]"}
steps:
  triage: {foreach: inputs.lines, agent: a, prompt: "{{ item }}", output: {kind: x | y}}
  check:
    needs: triage
    when: inputs.lines
    steps:
      one: {agent: a, prompt: x}
  done: {value: "{{ triage | length }}"}
"""


def orch(*args: str) -> Result:
    return CliRunner().invoke(cli, ["graph", *args])


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("flow.yaml").write_text(FLOW, encoding="utf-8")


def test_by_default_it_is_text_with_boxes() -> None:
    """Steps, who does them, conditions, groups."""
    drawn = orch("flow.yaml").stdout

    assert "│ for each: inputs.lines" in drawn
    assert "┌ check ─" in drawn
    assert "when: inputs.lines" in drawn
    assert "┆" in drawn


@pytest.mark.parametrize(("form", "sign"), [("ascii", "+--"), ("mermaid", "flowchart TD"), ("svg", "<svg ")])
def test_a_format_can_be_asked_for(form: str, sign: str) -> None:
    """The result goes to stdout."""
    result = orch("flow.yaml", "--format", form)

    assert (result.exit_code, result.stderr) == (0, "")
    assert sign in result.stdout


@pytest.mark.parametrize(
    ("name", "sign"),
    [("a.svg", "<svg "), ("a.mmd", "flowchart TD"), ("a.md", "```mermaid\n"), ("a.txt", "┌")],
)
def test_the_name_of_the_file_says_the_format(name: str, sign: str) -> None:
    """A Markdown file gets a fence."""
    result = orch("flow.yaml", "-o", name)

    assert (result.exit_code, result.stdout) == (0, "")
    assert sign in Path(name).read_text(encoding="utf-8")


def test_the_svg_names_every_step() -> None:
    """And is well-formed."""
    root = ET.fromstring(orch("flow.yaml", "--format", "svg").stdout)

    texts = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"triage", "check", "one", "done"} <= set(texts)


def test_a_wrong_file_is_not_drawn() -> None:
    """Its errors are shown instead, with exit code 2."""
    Path("wrong.yaml").write_text(FLOW.replace("item }}", "itme }}"), encoding="utf-8")

    result = orch("wrong.yaml")

    assert (result.exit_code, result.stdout) == (2, "")
    assert "itme" in result.stderr
    assert "1 error" in result.stderr
