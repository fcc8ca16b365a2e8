"""What a fork may take at most: of one item what one item takes, however deep it lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli

FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
defaults: {repair: 0}
inputs: {n: {type: "[int]", default: [1, 2, 3, 4, 5]}}
steps:
  each:
    foreach: inputs.n
    steps:
      draft: {agent: writer, prompt: "draft {{ item }}"}
      polish:
        repeat: {until: better != 'no', max: 3}
        steps:
          before: {agent: writer, prompt: "before {{ draft }}"}
          better: {agent: writer, prompt: "better {{ before }}"}
      inner:
        foreach: [1, 2]
        as: part
        agent: writer
        prompt: "part {{ part }} of {{ draft }}"
  end: {value: "{{ each | length }}"}
"""
ITEM = 1 + 2 * 3 + 2
"""Calls of one item: a draft, two in each of three passes, two parts."""


@pytest.fixture(name="flow")
def _flow(project: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(project)
    (project / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (project / "answers.yaml").write_text("- {match: '', text: good}\n", encoding="utf-8")
    done = CliRunner().invoke(cli, ["run", "flow.yaml", "-q"])
    assert done.exit_code == 0, done.output
    return project


def plan(at: str) -> Any:
    done = CliRunner().invoke(cli, ["fork", "last", "--at", at, "--plan", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)["calls"]


@pytest.mark.parametrize(
    ("at", "calls"),
    [
        ("each", 5 * ITEM),
        ("each.1", ITEM),
        ("each.1.draft", ITEM),
        ("each.1.polish", 6),
        ("each.1.polish~1.better", 6),
        ("each.1.inner", 2),
        ("each.1.inner.0", 1),
        ("end", 0),
    ],
)
def test_one_item_is_counted_as_one_item(flow: Path, at: str, calls: int) -> None:
    """Also a group, and a list within an item. A pass of a loop that is anew may need all that are allowed."""
    assert plan(at) == calls
