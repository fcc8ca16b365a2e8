"""Prompt tokens to be read, with and without what an agent's prompts share."""

from __future__ import annotations

from pathlib import Path

from orchestrator.graph.open import open_workflow
from orchestrator.plan.bounds import bounds
from orchestrator.plan.prompts import prompt_size
from orchestrator.plan.reading import Reading, reading

HEAD = """
orch: 1
inputs: {items: "[string]"}
models: {tiny: 'scripted:none', other: 'scripted:none2'}
agents: {sorter: {model: tiny, role: "ROLE"}}
steps:
""".replace("ROLE", "r" * 400)


def read(root: Path, steps: str, *, local: bool = True) -> Reading:
    file = root / "workflow.yaml"
    file.write_text(HEAD + steps, encoding="utf-8")
    counted = bounds(open_workflow(file), {"items": ["x" * 40] * 10})
    return reading([(step, prompt_size(step)) for step in counted.steps], lambda _step, _model: local)


def test_a_role_is_read_once_and_the_items_each(tmp_path: Path) -> None:
    """Ten items of 40 characters behind a role of 400."""
    found = read(tmp_path, '  each: {foreach: inputs.items, agent: sorter, prompt: "{{ item }}"}\n')

    assert found.whole.known == 10 * 110
    assert found.once.known == 100 + 10 * 10


def test_two_steps_of_one_agent_share_its_role(tmp_path: Path) -> None:
    """What one step has warmed, the next one finds; another model begins anew."""
    steps = '  a: {agent: sorter, prompt: "12345678"}\n  b: {agent: sorter, prompt: "12345678"}\n'

    assert read(tmp_path, steps).once.known == 100 + 2 + 2
    assert (
        read(tmp_path, steps.replace("sorter, prompt", "sorter, model: other, prompt", 1)).once.known == 204
    )


def test_clouds_read_by_themselves(tmp_path: Path) -> None:
    """Only what this machine has to read is counted."""
    assert read(tmp_path, '  a: {agent: sorter, prompt: "1"}\n', local=False).whole.known == 0
