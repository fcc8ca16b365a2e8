"""What is looked up counts in the size of a prompt, before the run."""

from __future__ import annotations

from pathlib import Path

from orchestrator.knowledge.split import SIZE
from orchestrator.plan.bounds import bounds
from orchestrator.plan.prompts import AROUND, CHARACTERS_PER_TOKEN, PASSAGE, PromptSize, prompt_size
from tests.plan.given import graph

TEXT = """
agents: {a: {role: Be brief.}}
knowledge: {some: {from: "docs/*.md", k: 3, chunk: 100}, more: {from: "docs/*.txt"}}
steps:
  one: {agent: a, prompt: x, knowledge: [some, more]}
  two: {agent: a, prompt: x, examples: {from: cases.jsonl, k: 2}, output: {kind: x | yy}}
"""
CASES = """{"input": "aa", "output": {"kind": "yy"}}
{"input": "bbbb", "output": {"kind": "x"}}
{"input": "c", "output": {"kind": "x"}}
"""


def sizes(folder: Path) -> dict[str, PromptSize | None]:
    return {step.path: prompt_size(step) for step in bounds(graph(folder, TEXT), {}).steps}


def test_every_passage_counts_by_its_size(tmp_path: Path) -> None:
    """Three of a hundred tokens, and four of what the index makes by itself."""
    size = sizes(tmp_path)["one"]

    assert size is not None
    assert size.allowance == 3 * (400 + AROUND) + 4 * (PASSAGE * CHARACTERS_PER_TOKEN + AROUND)
    assert size.open == ()


def test_the_longest_examples_count(tmp_path: Path) -> None:
    """With their answers as the model reads them."""
    (tmp_path / "cases.jsonl").write_text(CASES, encoding="utf-8")

    size = sizes(tmp_path)["two"]

    assert size is not None
    assert size.allowance == len('aa{"kind": "yy"}') + len('bbbb{"kind": "x"}')


def test_examples_that_are_not_there_are_an_open_end(tmp_path: Path) -> None:
    """Nobody knows them yet."""
    size = sizes(tmp_path)["two"]

    assert size is not None
    assert size.open == ("examples",)


def test_a_passage_is_as_long_as_the_index_makes_it() -> None:
    """Both say the same."""
    assert PASSAGE == SIZE
