"""Every code explained by the graph is what its examples give."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

import orchestrator
from orchestrator.graph.build import Built
from orchestrator.graph.codes import CODES
from orchestrator.graph.open import check_workflow
from orchestrator.spec.codes import CODES as FILE_CODES
from orchestrator.spec.codes import Code
from tests.graph.workshop import LOCK, LOWERS, OTHER

_IDS = list(CODES)


def _built(root: Path, text: str) -> Built:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "other.yaml").write_text(OTHER, encoding="utf-8")
    (root / "lowers.yaml").write_text(LOWERS, encoding="utf-8")
    (root / "workflow.lock.yaml").write_text(LOCK, encoding="utf-8")
    (root / "docs").mkdir()
    (root / "docs" / "handbook.md").write_text("We are open from nine to five.\n", encoding="utf-8")
    (root / "workflow.yaml").write_text(text, encoding="utf-8")
    return check_workflow(root / "workflow.yaml")


def _codes(root: Path, text: str) -> list[str]:
    return [d.code for d in _built(root, text).diagnostics]


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
    built = _built(tmp_path, code.wrong)

    assert (built.graph is None) == (code.severity == "error")


def test_codes_are_unique_and_in_their_range() -> None:
    """The two tables share no code; the graph's begin with 2 to 7."""
    assert not set(CODES) & set(FILE_CODES)
    assert all(code[:5] in ("ORCH2", "ORCH3", "ORCH4", "ORCH5", "ORCH6", "ORCH7") for code in CODES)
    assert all(name == code.code for name, code in CODES.items())


def test_no_code_is_explained_twice() -> None:
    """The second explanation would take the place of the first, and nobody would miss it."""
    house = Path(orchestrator.__file__).parent
    found = Counter(name for file in house.rglob("codes_*.py") for name in _explained(file))

    assert set(found) == set(CODES) | set(FILE_CODES)
    assert [name for name, times in found.items() if times > 1] == []


def _explained(file: Path) -> list[str]:
    """The codes that are made in a file: the first argument of a call."""
    calls = (
        node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    )
    first = (call.args[0].value for call in calls if call.args and isinstance(call.args[0], ast.Constant))
    return [value for value in first if isinstance(value, str) and value.startswith("ORCH")]
