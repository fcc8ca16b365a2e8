"""The character U+0000: a path ends at it, an argument cannot hold it, and no text needs it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from orchestrator.cli.main import cli

PLACES = [
    'models: {m: "scripted:a\\0b"}\nagents: {w: {model: m}}\nsteps: {a: {agent: w, prompt: x}}',
    'agents: {w: {examples: {from: "a\\0.jsonl", k: 1}}}\nsteps: {a: {agent: w, prompt: x}}',
    'agents: {w: {head: {from: "a\\0.jsonl"}}}\nsteps: {a: {agent: w, prompt: x, output: x | y}}',
    'knowledge: {k: {from: "a\\0b"}}\nagents: {w: {knowledge: [k]}}\nsteps: {a: {agent: w, prompt: x}}',
    'models: {m: {use: "openai:x", url: "http://127.0.0.1:9/\\0"}}\nsteps: {a: {value: 1}}',
    'models: {m: {use: "openai:x", serve: ["a\\0"]}}\nsteps: {a: {value: 1}}',
    'steps: {a: {value: {"a\\0b": 1}}}',
    "steps: {a: {value: \"a\\u0000b\"}}",
]  # fmt: skip


@pytest.mark.parametrize("text", PLACES)
@pytest.mark.parametrize("words", [("validate",), ("run", "-q"), ("lock",)])
def test_it_is_refused_wherever_it_stands(
    project: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: tuple[str, ...]
) -> None:
    """With its place, before anything is opened by such a name."""
    monkeypatch.chdir(project)
    Path("w.yaml").write_text(f"orch: 1\n{text}\n", encoding="utf-8")

    said = CliRunner().invoke(cli, [words[0], "w.yaml", *words[1:]])

    assert said.exit_code == 2
    assert "ORCH004" in said.output
    assert "defect in orch" not in said.output
