"""What this version only checks is a warning where it stands, and in the reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.later import LATER_KEYS, NOT_EXECUTED
from tests.graph.workshop import check, seen

STEP = {
    "ask: Send it?, show: text, edit: show": "edit",
}


@pytest.mark.parametrize(("step", "key"), STEP.items(), ids=list(STEP))
def test_a_feature_of_a_later_version_is_a_warning_at_its_key(step: str, key: str, tmp_path: Path) -> None:
    """The file is valid all the same."""
    built = check(tmp_path, f"steps:\n  one: {{{step}}}\n")

    assert (NOT_EXECUTED, key) in [seen(d) for d in built.diagnostics]
    assert built.graph is not None
    assert {d.severity for d in built.diagnostics} == {"warning"}


def test_a_called_workflow_that_cannot_run_is_named_where_it_is_called(tmp_path: Path) -> None:
    """A run of the caller would be refused."""
    (tmp_path / "asks.yaml").write_text(
        "orch: 1\nsteps:\n  sure: {ask: Sure?, show: text, edit: show}\n", encoding="utf-8"
    )

    built = check(tmp_path, "orch: 1\nsteps:\n  one: {workflow: asks.yaml}\n")

    assert [seen(d) for d in built.diagnostics] == [(NOT_EXECUTED, "workflow")]
    assert "edit (in asks.yaml)" in built.diagnostics[0].message


def test_the_sections_of_a_file_are_warned_of_too(tmp_path: Path) -> None:
    """At their keys."""
    built = check(
        tmp_path,
        """
        orch: 1
        inputs: {mail: {type: files, new: true}}
        models: {small: {use: "ollama:llama3.2:3b"}}
        steps:
          one: {agent: creative, model: small, prompt: "{{ inputs.mail }}"}
        """,
    )

    found = [seen(d) for d in built.diagnostics if d.code == NOT_EXECUTED]
    assert [word for _, word in found] == ["new"]


def test_the_reference_marks_every_such_key() -> None:
    """Who looks a key up learns that it does nothing yet."""
    from orchestrator.spec.reference import key_blocks

    blocks = key_blocks(LATER_KEYS)

    for name, keys in LATER_KEYS.items():
        for key in keys:
            row = next(line for line in blocks[name].splitlines() if line.startswith(f"| `{key}`"))
            assert row.endswith("(not executed yet) |")
