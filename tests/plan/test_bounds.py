"""How often a step may call a model, counted from the file and its inputs."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.engine import agent, climb, prompt
from orchestrator.plan import bounds as module
from orchestrator.plan.bounds import Bounds, bounds, merges
from orchestrator.plan.count import of, unknown
from tests.plan.given import graph

AGENTS = """
agents:
  a: {role: Answer.}
"""


def plan(folder: Path, text: str, inputs: dict[str, Any] | None = None) -> Bounds:
    return bounds(graph(folder, AGENTS + dedent(text)), inputs)


def calls(plan: Bounds) -> dict[str, str]:
    return {step.path: str(step.calls) for step in plan.steps if step.models}


def test_the_defaults_are_those_of_the_engine() -> None:
    """Whoever changes one must change the other."""
    assert module.REPAIR == prompt.REPAIR
    assert module.MERGE == agent.MERGE
    assert module.RUNG_REPAIRS == climb.RUNG_REPAIRS


def test_a_step_is_called_once_and_once_per_repair(tmp_path: Path) -> None:
    """`repair` of the step, of the file's defaults, or one."""
    text = """
    defaults: {repair: 3}
    steps:
      one: {agent: a, prompt: x, repair: 0}
      two: {agent: a, prompt: x}
    """

    assert calls(plan(tmp_path, text)) == {"one": "1", "two": "4"}
    assert calls(plan(tmp_path, "\nsteps:\n  one: {agent: a, prompt: x}\n")) == {"one": "2"}


FAN = """
inputs: {lines: "[string](0..50)"}
steps:
  triage: {foreach: inputs.lines, agent: a, prompt: "{{ item }}", repair: 0, output: {kind: x | y}}
  reply:
    foreach: zip(inputs.lines, triage)
    as: [line, kind]
    agent: a
    prompt: "{{ line }} {{ kind.kind }}"
    repair: 0
"""


def test_items_are_counted_when_the_inputs_are_known(tmp_path: Path) -> None:
    """Also the items of a list that another step makes."""
    assert calls(plan(tmp_path, FAN, {"lines": ["a", "b", "c"]})) == {"triage": "3", "reply": "3"}


def test_without_inputs_the_type_or_an_unknown_bounds_the_items(tmp_path: Path) -> None:
    """Nothing is made up."""
    open_ended = FAN.replace('"[string](0..50)"', "{type: file, format: jsonl}")

    assert calls(plan(tmp_path, FAN)) == {"triage": "50", "reply": "50"}
    assert calls(plan(tmp_path, open_ended)) == {
        "triage": "len(inputs.lines)",
        "reply": "len(inputs.lines)",
    }


@pytest.mark.parametrize("lines", [{}, {"lines": []}, {"lines": ["a", "b"]}])
def test_a_list_of_the_file_stands_inside_items_that_nobody_knows(
    tmp_path: Path, lines: dict[str, list[str]]
) -> None:
    """The inner list is known before the run, the outer one may not be, or be empty."""
    text = """
    inputs: {lines: {type: file, format: jsonl}}
    steps:
      all:
        foreach: inputs.lines
        steps:
          said: {foreach: [warm, cold, dry], as: tone, agent: a, prompt: "{{ item }} {{ tone }}", repair: 0}
    """

    found = calls(plan(tmp_path, text, lines))

    assert found == {"all.said": str(3 * len(lines["lines"])) if lines else "3 × len(inputs.lines)"}


def test_lists_inside_items_are_bounded_by_the_longest(tmp_path: Path) -> None:
    """Two orders, one with three rows: at most six calls."""
    text = """
    inputs: {orders: {type: file, format: json}}
    steps:
      all:
        foreach: inputs.orders
        as: order
        steps:
          row: {foreach: order.rows, agent: a, prompt: "{{ item }}", repair: 0}
    """

    found = plan(tmp_path, text, {"orders": [{"rows": [1]}, {"rows": [1, 2, 3]}]})

    assert calls(found) == {"all.row": "6"}


def test_passes_and_models_multiply(tmp_path: Path) -> None:
    """A loop of three over a step with two models and one repair: twelve calls."""
    text = """
    models: {m: "scripted:a.yaml", n: "scripted:b.yaml"}
    steps:
      loop:
        repeat: {until: "good.ok", max: 3}
        steps:
          draft: {models: [m, n], agent: a, prompt: x}
          good: {agent: a, prompt: "{{ draft.m }}", output: {ok: bool}, repair: 0}
    """

    found = plan(tmp_path, text)

    assert calls(found) == {"loop.draft": "12", "loop.good": "3"}
    by_model = {ref: str(count) for ref, count in found.calls_by_model().items()}
    assert by_model["scripted:a.yaml"] == by_model["scripted:b.yaml"] == "6"
    assert str(found.calls) == "15"


def test_the_models_of_an_escalation_are_counted_too(tmp_path: Path) -> None:
    """What may be asked off this machine is never left out; its answer may be repaired once."""
    text = """
    models: {m: "scripted:a.yaml", cloud: {use: "openai:gpt-5-mini", key: env.KEY, clearance: private}}
    steps:
      one: {agent: a, model: m, prompt: x, repair: 2, escalate: {to: cloud}}
    """

    found = plan(tmp_path, text)

    assert calls(found) == {"one": "5"}
    by_model = {ref: str(count) for ref, count in found.calls_by_model().items()}
    assert by_model == {"scripted:a.yaml": "3", "openai:gpt-5-mini": "2"}


def test_a_subworkflow_is_counted_with_what_it_is_given(tmp_path: Path) -> None:
    """Its steps have their path inside the step that calls it."""
    graph(tmp_path, FAN.replace("\nsteps:", AGENTS + "\nsteps:", 1), "inner.yaml")
    text = """
    inputs: {lines: "[string](0..50)"}
    steps:
      sub: {workflow: inner.yaml, with: {lines: "{{ inputs.lines }}"}}
    """

    found = plan(tmp_path, text, {"lines": ["a", "b"]})

    assert calls(found) == {"sub.triage": "2", "sub.reply": "2"}


def test_a_list_made_by_filters_is_no_longer_than_its_source(tmp_path: Path) -> None:
    """`present` and `map` never add items."""
    text = FAN + (
        '  kept: {value: "{{ reply | present | list }}"}\n'
        '  after: {foreach: kept, agent: a, prompt: "{{ item }}", repair: 0}\n'
    )

    found = calls(plan(tmp_path, text, {"lines": ["a", "b", "c"]}))

    assert found["after"] == "3"


def test_a_value_that_the_inputs_decide_is_known_to_later_steps(tmp_path: Path) -> None:
    """Expressions are pure: a text cut into pieces is counted before the run, also inside a fan-out."""
    text = """
    inputs: {texts: "[string](0..9)"}
    steps:
      all:
        foreach: inputs.texts
        steps:
          pieces: {value: "{{ item | lines }}"}
          note: {foreach: pieces, as: piece, agent: a, prompt: "{{ piece }}", repair: 0}
    """

    assert calls(plan(tmp_path, text, {"texts": ["a", "b\nc\nd"]})) == {"all.note": "6"}
    assert calls(plan(tmp_path, text)) == {"all.note": "9 × len(pieces)"}


def simulated(items: int, by: int) -> int:
    """Merge calls of the engine's tree, done literally."""
    total, level, current = 0, 1, [0] * items
    while len(current) > 1 or (level == 1 and current):
        batches = [current[n : n + by] for n in range(0, len(current), by)]
        total += sum(1 for batch in batches if len(batch) > 1 or level == 1)
        current, level = [0] * len(batches), level + 1
    return total


@given(st.integers(0, 300), st.integers(2, 9))
def test_the_merges_of_a_reduce_are_those_of_its_tree(items: int, by: int) -> None:
    """Exact where the list is known, and never more than its items."""
    assert merges(of(items), by).known == simulated(items, by)
    assert simulated(items, by) <= items
    assert math.ceil(items / by) <= simulated(items, by)


def test_the_merges_of_an_unknown_list_are_at_most_its_items() -> None:
    """The unknown stays an unknown."""
    assert str(merges(unknown("len(parts)"), 4)) == "len(parts)"


@pytest.mark.parametrize("by", ["", ", by: 2"])
def test_a_reduce_step_counts_its_merges(tmp_path: Path, by: str) -> None:
    """Nine parts: three merges and one of four at a time, or nine of two."""
    text = f"""
    inputs: {{parts: "[string](0..50)"}}
    steps:
      all: {{agent: a, reduce: inputs.parts{by}, prompt: "{{{{ items }}}}", repair: 0}}
    """

    found = calls(plan(tmp_path, text, {"parts": ["x"] * 9}))

    assert found == {"all": str(simulated(9, 2 if by else 4))}


DELEGATES = """
agents:
  chief: {tools: ["agent:helper"], max_turns: 3}
  helper: {role: You help., tools: ["agent:clerk"], max_turns: 2}
  clerk: {role: You count.}
tools: {ask: {agent: clerk}}
defaults: {repair: 0}
steps:
  one: {foreach: [1, 2], tool: ask, retry: 1, with: {prompt: "Count {{ item }}."}}
  two: {agent: chief, prompt: Go.}
"""


def test_agents_that_are_called_as_tools_are_counted(tmp_path: Path) -> None:
    """By the turns of whoever calls them, as deep as they call each other."""
    found = bounds(graph(tmp_path, DELEGATES))

    assert calls(found) == {
        "one@clerk": "4",  # 2 items, tried twice
        "two": "4",  # 3 turns and the answer
        "two@helper": "9",  # in each turn, with 2 turns and an answer of its own
        "two@helper@clerk": "6",
    }
