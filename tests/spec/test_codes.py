"""Every code is explained by examples that are true."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.library import Library
from orchestrator.spec.blame import complain
from orchestrator.spec.codes import CODES
from orchestrator.spec.diagnostics import Diagnostic
from orchestrator.spec.load import read
from orchestrator.spec.model import Workflow

WITHOUT_EXAMPLE = {"ORCH003", "ORCH025", "ORCH119"}
"""Bytes that are no text, and what no rule foresees: neither can be shown as a text."""


def found(text: str, folder: Path) -> list[Diagnostic]:
    path = folder / "workflow.yaml"
    path.write_text(text, encoding="utf-8")
    loaded = read(path)
    if loaded.document is None:
        return list(loaded.diagnostics)
    library = Library(loaded.document)
    for name in loaded.document.workflow.agents:
        library.agent(name)
    return [*loaded.diagnostics, *library.diagnostics]


@pytest.mark.parametrize("code", sorted(CODES.keys() - WITHOUT_EXAMPLE))
def test_the_wrong_example_gives_exactly_this_code(code: str, project: Path) -> None:
    """An explanation whose example says something else would mislead."""
    problems = found(CODES[code].wrong, project)

    assert {problem.code for problem in problems} == {code}
    assert {problem.severity for problem in problems} == {CODES[code].severity}


@pytest.mark.parametrize("code", sorted(CODES))
def test_the_right_example_is_clean(code: str, project: Path) -> None:
    """What we tell people to write is right."""
    assert found(CODES[code].right, project) == []


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_is_explained(code: str) -> None:
    """A title of one line, a text of whole sentences."""
    entry = CODES[code]

    assert entry.code == code
    assert entry.title
    assert not entry.title.endswith(".")
    assert entry.text.endswith(".")


def test_what_no_rule_foresees_still_has_words() -> None:
    """A new kind of error of the models is a sentence, not a traceback."""
    complaint = complain({"type": "unheard_of", "loc": ("name",), "input": 5, "msg": ""}, {"name": 5})

    assert (complaint.code, complaint.message) == ("ORCH119", "'name' cannot be 5")
    assert Workflow.model_fields["name"] is not None
