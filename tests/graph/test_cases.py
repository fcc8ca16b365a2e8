"""Files of worked examples are read when a workflow is checked: a mistake in one costs a second."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.graph.cases import checked_examples, placed
from orchestrator.graph.model import all_nodes
from orchestrator.graph.report import Report
from orchestrator.graph.setting import setting_for
from orchestrator.library import Library
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import Document, read
from orchestrator.spec.model import AgentStep, Examples
from tests.graph.workshop import check

TYPED = "output: {topic: bill | parcel}, "
STEP = "orch: 1\nagents: {sorter: {role: You sort., examples: {from: cases.jsonl}}}\nsteps:\n  one: {agent: sorter, %sprompt: Hi.}\n"


def cases(root: Path, *lines: Any) -> None:
    text = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
    (root / "cases.jsonl").write_text(text, encoding="utf-8")


def said(root: Path, text: str) -> list[tuple[str, str]]:
    built = check(root, text)
    return [(d.code, d.message) for d in built.diagnostics]


def test_examples_that_fit_are_the_steps_own(tmp_path: Path) -> None:
    """The graph knows where they lie, and its digest changes with them."""
    cases(tmp_path, {"input": "a", "output": {"topic": "bill"}})
    first = check(tmp_path, STEP % TYPED)
    cases(tmp_path, {"input": "b", "output": {"topic": "bill"}})
    second = check(tmp_path, STEP % TYPED)

    assert first.diagnostics == ()
    assert first.graph is not None
    assert second.graph is not None
    [node] = all_nodes(first.graph.scope)
    assert node.agent is not None
    assert node.agent.spec.examples is not None
    assert node.agent.spec.examples.from_ == str((tmp_path / "cases.jsonl").resolve())
    assert first.graph.digest != second.graph.digest


def test_a_line_that_does_not_fit_is_named_where_the_examples_are(tmp_path: Path) -> None:
    """With what is wrong, and the step that cannot learn from it."""
    cases(
        tmp_path,
        {"input": "a", "output": {"topic": "bill"}},
        {"input": "b", "output": {"topic": "bil"}},
        "{\n",
    )

    built = check(tmp_path, STEP % TYPED)

    assert built.graph is None
    [found] = built.diagnostics
    assert (found.code, found.severity) == ("ORCH611", "error")
    assert found.message.startswith("no examples for step 'one': cases.jsonl:3: it is no JSON")
    assert "cases.jsonl:2: its output does not fit: topic:" in found.message
    assert marked(found) == "cases.jsonl"


def marked(found: Diagnostic) -> str:
    start = found.mark.column - 1
    return found.source[start : start + found.mark.width]


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (
            [{"input": "a", "output": {"topic": "bill"}}],
            "its output is no text, and the step answers with plain text",
        ),
        (["\n\n"], "there is no example in it"),
        ([{"input": "a"}], "it has no `output`"),
    ],
)
def test_what_nobody_can_learn_from_is_an_error(lines: list[Any], problem: str, tmp_path: Path) -> None:
    """Also for a step that answers with text."""
    cases(tmp_path, *lines)

    [(code, message)] = said(tmp_path, STEP % "")

    assert code == "ORCH611"
    assert problem in message


def test_a_file_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    """It may be made before the run, which does not begin without it."""
    assert said(tmp_path, STEP % "") == [("ORCH612", "cases.jsonl is not there yet")]


def test_a_steps_own_examples_lie_beside_its_file(tmp_path: Path) -> None:
    """And an agent's beside the agent's."""
    folder = tmp_path / "agents" / "sorter"
    folder.mkdir(parents=True)
    (folder / "agent.yaml").write_text("role: You sort.\nexamples: {from: mine.jsonl}\n", encoding="utf-8")
    (folder / "mine.jsonl").write_text('{"input": "a", "output": "b"}\n', encoding="utf-8")
    cases(tmp_path, {"input": "a", "output": "b"})

    built = check(
        tmp_path,
        """
        orch: 1
        steps:
          one: {agent: sorter, prompt: Hi.}
          two: {agent: sorter, prompt: Hi., examples: {from: cases.jsonl}}
        """,
    )

    assert built.diagnostics == ()
    assert built.graph is not None
    files = [
        node.agent.spec.examples.from_
        for node in all_nodes(built.graph.scope)
        if node.agent and node.agent.spec.examples
    ]
    assert [Path(file).name for file in files] == ["mine.jsonl", "cases.jsonl"]
    assert all(Path(file).is_file() for file in files)


def test_examples_that_ship_are_left_out_where_a_step_answers_otherwise(tmp_path: Path) -> None:
    """A shipped agent can be used with any output; it is said that it learns from nothing then."""
    loaded = written(tmp_path, "steps:\n  one: {agent: router, prompt: Hi., output: {other: bool}}\n")
    library = Library(loaded)
    agent = library.agent("router")
    assert agent is not None
    taught = replace(
        agent,
        spec=agent.spec.model_copy(update={"examples": Examples.model_validate({"from": "cases.jsonl"})}),
    )
    setting = setting_for(loaded, library, None, Report())
    step = loaded.workflow.steps["one"]
    assert isinstance(step, AgentStep)

    other = checked_examples(setting, step, placed(setting, step, taught), ("steps", "one"), step.output)
    same = checked_examples(setting, step, placed(setting, step, taught), ("steps", "one"), agent.spec.output)

    assert other.spec.examples is None
    assert same.spec.examples is not None
    assert [(d.code, d.severity) for d in setting.report.diagnostics] == [("ORCH612", "warning")]


def written(root: Path, steps: str) -> Document:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "workflow.yaml").write_text(f"orch: 1\n{steps}", encoding="utf-8")
    document = read(root / "workflow.yaml").document
    assert document is not None
    return document


@pytest.mark.parametrize(
    ("lines", "code", "told"),
    [
        (None, "ORCH612", "not there yet"),
        ("{", "ORCH611", "cases.jsonl:1"),
        ('{"input": "a", "output": {"mood": "angri"}}', "ORCH611", "cases of the head"),
    ],
)
def test_the_cases_of_a_head_are_looked_at_too(
    lines: str | None, code: str, told: str, tmp_path: Path
) -> None:
    """As those of examples are."""
    if lines is not None:
        (tmp_path / "cases.jsonl").write_text(lines + "\n", encoding="utf-8")

    built = check(
        tmp_path,
        """
        orch: 1
        agents: {sorter: {role: You sort., head: {from: cases.jsonl}}}
        steps: {one: {agent: sorter, prompt: Hi., output: {mood: happy | angry}}}
        """,
    )

    [found] = [d for d in built.diagnostics if d.code == code]
    assert told in found.message
