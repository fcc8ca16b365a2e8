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
