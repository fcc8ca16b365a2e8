"""Every workflow and example that ships is clean: no error, no warning, and nothing that runs only later."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from orchestrator.graph.open import check_workflow
from orchestrator.library import shipped_workflows
from tests.examples.commands import ROOT, commands_of

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
FILES = [*shipped_workflows().values(), *(example / "workflow.yaml" for example in EXAMPLES)]
_SOURCE = re.compile(r"^\| `(?P<file>[^`]+)` .*`(?P<sha>[0-9a-f]{64})` \|$", re.MULTILINE)


def name_of(path: Path) -> str:
    return path.parent.name if path.stem == "workflow" else path.stem


every = pytest.mark.parametrize("file", FILES, ids=[name_of(file) for file in FILES])
each = pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])


@every
def test_it_is_valid_without_a_warning(file: Path) -> None:
    """The checker has nothing to say."""
    assert [diagnostic.message for diagnostic in check_workflow(file).diagnostics] == []


@every
def test_it_needs_nothing_that_is_not_executed_yet(file: Path) -> None:
    """No tools, knowledge, escalation or labels."""
    graph = check_workflow(file).graph

    assert graph is not None
    assert graph.later == ()


@every
def test_it_describes_itself_and_its_inputs(file: Path) -> None:
    """A person can read what it does and what to give."""
    graph = check_workflow(file).graph

    assert graph is not None
    assert graph.workflow.name
    assert graph.workflow.description
    assert [name for name, spec in graph.workflow.inputs.items() if not spec.description] == []


@every
def test_it_runs_on_the_embedded_model(file: Path) -> None:
    """No server, no account, no key."""
    graph = check_workflow(file).graph

    assert graph is not None
    assert {model.use for model in graph.models.values()} == {"llamacpp:smollm2-135m"}


def test_the_shipped_workflows_are_there() -> None:
    """The six that can be run by name."""
    assert set(shipped_workflows()) == {
        "campaign", "code-review", "compare-models", "grammar-fix", "long-summary", "support-desk",
    }  # fmt: skip


@each
def test_an_example_runs_without_arguments(example: Path) -> None:
    """Every input has a default, and the README shows how to run it."""
    graph = check_workflow(example / "workflow.yaml").graph

    assert graph is not None
    assert [name for name, spec in graph.workflow.inputs.items() if spec.default is None] == []
    shown = commands_of(example / "README.md")
    assert shown[0].words[:3] == ("orch", "run", f"examples/{example.name}/workflow.yaml")


def test_the_sources_of_the_tickets_are_what_they_say() -> None:
    """The sums in SOURCES.md are those of the files."""
    folder = ROOT / "examples" / "01-support-desk"
    named = {
        found["file"]: found["sha"] for found in _SOURCE.finditer((folder / "SOURCES.md").read_text("utf-8"))
    }

    assert set(named) == {"handbook.jsonl", "tickets.jsonl"}
    for file, sum_ in named.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == sum_
