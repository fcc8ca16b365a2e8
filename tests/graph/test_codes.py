"""Every code explained by the graph is what its examples give."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.codes import CODES
from orchestrator.graph.open import check_workflow
from orchestrator.spec.codes import CODES as FILE_CODES
from orchestrator.spec.codes import Code
from tests.graph.workshop import LOCK, LOWERS, OTHER

_IDS = list(CODES)


def _codes(root: Path, text: str) -> list[str]:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "other.yaml").write_text(OTHER, encoding="utf-8")
    (root / "lowers.yaml").write_text(LOWERS, encoding="utf-8")
    (root / "workflow.lock.yaml").write_text(LOCK, encoding="utf-8")
    (root / "workflow.yaml").write_text(text, encoding="utf-8")
    return [d.code for d in check_workflow(root / "workflow.yaml").diagnostics]


@pytest.mark.parametrize("code", CODES.values(), ids=_IDS)
def test_the_wrong_example_gives_exactly_its_code(code: Code, tmp_path: Path) -> None:
    """Whoever reads the explanation can try it."""
    assert _codes(tmp_path, code.wrong) == [code.code]


@pytest.mark.parametrize("code", CODES.values(), ids=_IDS)
def test_the_right_example_is_clean(code: Code, tmp_path: Path) -> None:
    """Not even a warning."""
    assert _codes(tmp_path, code.right) == []


@pytest.mark.parametrize("code", CODES.values(), ids=_IDS)
def test_examples_run_the_severity_they_state(code: Code, tmp_path: Path) -> None:
    """A warning leaves the graph usable, an error does not."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (tmp_path / "other.yaml").write_text(OTHER, encoding="utf-8")
    (tmp_path / "lowers.yaml").write_text(LOWERS, encoding="utf-8")
    (tmp_path / "workflow.lock.yaml").write_text(LOCK, encoding="utf-8")
    (tmp_path / "workflow.yaml").write_text(code.wrong, encoding="utf-8")

    built = check_workflow(tmp_path / "workflow.yaml")

    assert (built.graph is None) == (code.severity == "error")


def test_codes_are_unique_and_in_their_range() -> None:
    """The two tables share no code; the graph's begin with 2 to 7."""
    assert not set(CODES) & set(FILE_CODES)
    assert all(code[:5] in ("ORCH2", "ORCH3", "ORCH4", "ORCH5", "ORCH6", "ORCH7") for code in CODES)
    assert all(name == code.code for name, code in CODES.items())
