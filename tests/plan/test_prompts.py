"""How long prompts will be, before the run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from orchestrator.plan.bounds import bounds
from orchestrator.plan.prompts import PromptSize, prompt_size
from tests.plan.given import graph

TEXT = """
agents: {a: {role: Be brief.}}
inputs: {lines: "[string](0..50)", word: string}
steps:
  triage: {foreach: inputs.lines, agent: a, prompt: "Line: {{ item }}", output: {kind: x | yyyy, why: string(30)}}
  total:
    agent: a
    prompt: "Word {{ inputs.word }}, first {{ triage | first | json }}, {{ one.text }} {{ one.kind }}"
  one: {agent: a, prompt: x, output: {text: string(100), kind: x | yyyy}}
"""


def sizes(folder: Path, inputs: dict[str, Any] | None) -> dict[str, PromptSize | None]:
    return {step.path: prompt_size(step) for step in bounds(graph(folder, TEXT), inputs).steps}


def test_the_longest_item_decides_when_the_inputs_are_known(tmp_path: Path) -> None:
    """The whole prompt as the model will read it, role and answer format included."""
    size = sizes(tmp_path, {"lines": ["a", "bbbb", "cc"], "word": "w"})["triage"]

    assert size is not None
    assert [m.content for m in size.messages if m.role == "user"] == ["Line: bbbb"]
    assert size.messages[0].content.startswith("Be brief.\nAnswer with JSON only:")
    assert (size.allowance, size.open) == (0, ())


def test_earlier_answers_count_by_their_types_and_the_rest_is_named(tmp_path: Path) -> None:
    """A bounded field adds its bound; an expression without one is an open end."""
    size = sizes(tmp_path, {"lines": [], "word": "longer"})["total"]

    assert size is not None
    assert "Word longer, first " in size.messages[-1].content
    assert size.allowance == 100 + len("yyyy")
    assert size.open == ("triage",)


def test_without_inputs_only_the_literals_are_counted(tmp_path: Path) -> None:
    """What is not known is said to be open, not guessed."""
    size = sizes(tmp_path, None)["triage"]

    assert size is not None
    assert size.open == ("item",)
    assert size.tokens == -(-size.characters // 4)
