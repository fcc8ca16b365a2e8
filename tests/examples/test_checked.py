"""Every workflow and example that ships is clean: no error, no warning, and nothing that runs only later."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import pytest

from orchestrator.graph.model import all_nodes
from orchestrator.graph.open import check_workflow
from orchestrator.library import shipped_workflows
from tests.examples.commands import ROOT, commands_of

EXAMPLES = sorted(path for path in (ROOT / "examples").iterdir() if path.is_dir())
FILES = [*shipped_workflows().values(), *(example / "workflow.yaml" for example in EXAMPLES)]
_SOURCE = re.compile(r"^\| `(?P<file>[^`]+)` .*`(?P<sha>[0-9a-f]{64})` \|$", re.MULTILINE)

MEANT = {"hybrid-assistant": ["ORCH540"], "08-hybrid": ["ORCH701", "ORCH540"]}
"""A threshold that nobody measured; a call whose number depends on private values."""


def name_of(path: Path) -> str:
    return path.parent.name if path.stem == "workflow" else path.stem


every = pytest.mark.parametrize("file", FILES, ids=[name_of(file) for file in FILES])
each = pytest.mark.parametrize("example", EXAMPLES, ids=[example.name for example in EXAMPLES])


@every
def test_it_is_valid_without_a_warning(file: Path) -> None:
    """The checker has nothing to say but what a hybrid workflow is meant to show, and its README explains."""
    found = [diagnostic.code for diagnostic in check_workflow(file).diagnostics]

    assert found == MEANT.get(name_of(file), [])


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
    """No account, no key; a cloud is only there to go up to."""
    graph = check_workflow(file).graph

    assert graph is not None
    ladder = {name for node in all_nodes(graph.scope) for name in node.ladder}
    used = {model.use for name, model in graph.models.items() if name not in ladder}
    assert used <= {"llamacpp:smollm2-135m"}  # none of its own where it calls another workflow


def test_the_shipped_workflows_are_there() -> None:
    """Those that the documentation names can be run by name."""
    assert set(shipped_workflows()) >= {
        "campaign", "code-review", "compare-models", "grammar-fix", "hybrid-assistant", "long-summary",
        "support-desk", "write-function", "commit-message", "ask-table",
    }  # fmt: skip


@each
def test_an_example_runs_without_arguments(example: Path) -> None:
    """Every input has a default, and the README shows how to run it."""
    graph = check_workflow(example / "workflow.yaml").graph

    assert graph is not None
    assert [name for name, spec in graph.workflow.inputs.items() if spec.default is None] == []
    shown = commands_of(example / "README.md")
    assert shown[0].words[:3] == ("orch", "run", f"examples/{example.name}/workflow.yaml")


@pytest.mark.parametrize(
    ("example", "files"),
    [
        ("01-support-desk", {"handbook.jsonl", "tickets.jsonl"}),
        ("12-ask-a-table", {"penguins.csv", "penguins-raw.csv"}),
    ],
)
def test_the_sources_of_the_data_are_what_they_say(example: str, files: set[str]) -> None:
    """The sums in SOURCES.md are those of the files."""
    folder = ROOT / "examples" / example
    named = {
        found["file"]: found["sha"] for found in _SOURCE.finditer((folder / "SOURCES.md").read_text("utf-8"))
    }

    assert set(named) == files
    for file, sum_ in named.items():
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == sum_


def test_the_leak_of_the_hybrid_example_is_found_before_anything_runs() -> None:
    """With the path of the value: the text of a request must not reach the cloud."""
    found = check_workflow(ROOT / "examples" / "08-hybrid" / "leak.yaml")

    assert found.graph is None
    errors = [diagnostic for diagnostic in found.diagnostics if diagnostic.severity == "error"]
    assert [diagnostic.code for diagnostic in errors] == ["ORCH700"]
    assert "inputs.requests[].text → team.prompt" in errors[0].message
