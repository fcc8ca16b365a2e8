"""The git revision of a workflow file in the record of a run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from orchestrator.cli.revision import revision


def _git(folder: Path, *arguments: str) -> None:
    named = ("-c", "user.name=ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", "-C", str(folder), *named, *arguments], check=True, capture_output=True)


@pytest.fixture
def workflow(tmp_path: Path) -> Path:
    """A file in a commit."""
    file = tmp_path / "flow.yaml"
    file.write_text("orch: 1\n")
    _git(tmp_path, "init", "-q")
    _git(tmp_path, "add", "flow.yaml")
    _git(tmp_path, "commit", "-q", "-m", "one")
    return file


def test_a_changed_file_is_told_by_a_plus(workflow: Path) -> None:
    """The commit alone while it is the file of the commit."""
    before = revision(workflow)
    workflow.write_text("orch: 1\n# changed\n")

    assert before
    assert revision(workflow) == f"{before}+"


def test_the_settings_of_a_repository_start_no_program(workflow: Path, tmp_path: Path) -> None:
    """A repository of somebody else may name a program that looks for changed files."""
    started = tmp_path / "started"
    program = tmp_path / "watch.sh"
    program.write_text(f"#!/bin/sh\ntouch '{started}'\n")
    program.chmod(0o755)
    _git(workflow.parent, "config", "core.fsmonitor", str(program))
    workflow.write_text("orch: 1\n# changed\n")

    assert revision(workflow).endswith("+")
    assert not started.exists()


def test_a_filter_of_a_repository_starts_no_program(workflow: Path, tmp_path: Path) -> None:
    """Git itself would have the file filtered to see whether it changed."""
    started = tmp_path / "started"
    _git(workflow.parent, "config", "filter.watch.clean", f"touch '{started}'; cat")
    (workflow.parent / ".gitattributes").write_text("* filter=watch\n")
    workflow.write_text("orch: 2\n")

    assert revision(workflow).endswith("+")
    assert not started.exists()


def test_the_repository_is_the_one_around_the_file(
    workflow: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a hook git says by variables which repository it works on."""
    before = revision(workflow)
    other = tmp_path / "other"
    other.mkdir()
    _git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    monkeypatch.setenv("GIT_CONFIG_COUNT", "x")

    assert before
    assert revision(workflow) == before


def test_a_file_that_is_in_no_commit_is_told_by_a_plus(workflow: Path) -> None:
    """Neither is one that stands in a folder of its own."""
    new = workflow.parent / "deep" / "new.yaml"
    new.parent.mkdir()
    new.write_text("orch: 1\n")

    assert revision(new) == f"{revision(workflow)}+"


def test_line_ends_are_no_change(workflow: Path) -> None:
    """Git may have been told to change them."""
    workflow.write_bytes(b"orch: 1\r\n")

    assert not revision(workflow).endswith("+")
