"""Documents that are not there are warned of before a run looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.graph.open import check_workflow
from orchestrator.graph.parts import check_part
from tests.graph.workshop import check

STEPS = """
agents: {writer: {role: You write short answers., knowledge: [notes]}}
steps:
  one: {agent: writer, prompt: When are you open?}
"""


def _said(root: Path, stated: str) -> list[str]:
    """What is said of `from:` in a project with a text, a picture and a folder of Chroma."""
    for name, data in (
        ("docs/a.md", b"open at nine"),
        ("pictures/a.png", b"\x89PNG\0\0"),
        ("wide/a.txt", "open".encode("utf-16")),
        ("papers/a.pdf", b"%PDF-1.7\n\0"),
        ("vectors/chroma.sqlite3", b""),
    ):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(data)
    built = check(root, f"orch: 1\nknowledge: {{notes: {{from: {stated}}}}}{STEPS}")
    assert built.graph is not None
    return [f"{d.code} {d.mark.line}:{d.mark.column} {d.message}" for d in built.diagnostics]


@pytest.mark.parametrize(
    "stated",
    ["docs/*.md", "docs", '"**/*"', "wide/*.txt", "papers", "[docs, wide]", '"chroma:vectors#notes"'],
)
def test_documents_that_are_there_are_not_spoken_of(stated: str, tmp_path: Path) -> None:
    """Text in any encoding, a PDF, a folder, one text among pictures, a Chroma folder."""
    assert _said(tmp_path, stated) == []


def test_a_glob_without_a_file_is_warned_of_where_it_stands(tmp_path: Path) -> None:
    """Each glob of a list counts by itself: one that finds nothing was meant to find something."""
    assert _said(tmp_path, "[docs, 'doc/*.md']") == [
        "ORCH615 2:34 knowledge 'notes': 'doc/*.md' matches no file"
    ]


def test_files_that_hold_no_text_are_no_documents(tmp_path: Path) -> None:
    """An index of them would be empty."""
    assert _said(tmp_path, "pictures") == [
        "ORCH615 2:27 knowledge 'notes': 'pictures' matches no text and no PDF, only files such as a.png"
    ]


@pytest.mark.parametrize("start", ["", "chroma:"])
def test_a_name_that_no_system_has_is_warned_of(start: str, tmp_path: Path) -> None:
    """Looking for it raises where others only say no."""
    (said,) = _said(tmp_path, f"{start}{'a' * 300}")

    assert said.startswith("ORCH615 2:27 knowledge 'notes': 'aaa")


def test_nobody_looks_for_documents_outside_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it leads there is said already, and `/**` is all of the machine."""
    monkeypatch.setattr("orchestrator.graph.documents.matches", lambda *_: pytest.fail("looked"))

    built = check(tmp_path, f"orch: 1\nknowledge: {{notes: {{from: [/nowhere/**/*.md, ../*.md]}}}}{STEPS}")

    assert [d.code for d in built.diagnostics] == ["ORCH162", "ORCH162"]


def test_a_folder_that_is_not_of_chroma_is_warned_of(tmp_path: Path) -> None:
    """Its own file says what it is."""
    (found,) = _said(tmp_path, '"chroma:docs#notes"')

    assert found.endswith("'docs' is no Chroma folder, there is no chroma.sqlite3 in it")


def test_files_outside_the_project_are_no_documents(tmp_path: Path) -> None:
    """A link out is not followed by the run either."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.md").write_text("open", encoding="utf-8")
    root = tmp_path / "project"
    (root / "linked").mkdir(parents=True)
    (root / "linked" / "a.md").symlink_to(tmp_path / "outside" / "a.md")

    assert [found[:7] for found in _said(root, "linked")] == ["ORCH615"]


def test_documents_of_the_project_are_warned_of_in_its_file(tmp_path: Path) -> None:
    """Where they are used: another knowledge of the project is not this workflow's business."""
    project = "orch: 1\nknowledge:\n  notes: {from: doc/*.md}\n  other: {from: other/*.md}\n"
    (tmp_path / "orch.yaml").write_text(project, encoding="utf-8")
    (tmp_path / "workflow.yaml").write_text(f"orch: 1{STEPS}", encoding="utf-8")

    found = check_workflow(tmp_path / "workflow.yaml").diagnostics
    whole = check_part(tmp_path / "orch.yaml")

    assert [(Path(d.mark.file).name, d.mark.line, d.code) for d in found] == [("orch.yaml", 3, "ORCH615")]
    assert whole is not None
    assert [(d.mark.line, d.code) for d in whole] == [(3, "ORCH615"), (4, "ORCH615")]
