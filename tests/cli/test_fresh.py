"""`files` with `new: true`, as a person meets it: real processes, a real store, scripted models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.test_run import orch

FLOW = """
orch: 1
inputs: {mail: {type: files, default: "inbox/*.txt", new: true}}
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  each:
    foreach: inputs.mail
    agent: writer
    prompt: "{{ item.text }}"
outputs: {read: "{{ inputs.mail | map(attribute='name') | list }}"}
"""


@pytest.fixture(name="files")
def _files(project: Path) -> Path:
    (project / "answers.yaml").write_text(
        "- {match: 'wrong', fault: refused}\n- {regex: '.', text: read}\n", encoding="utf-8"
    )
    (project / "w.yaml").write_text(FLOW, encoding="utf-8")
    (project / "inbox").mkdir()
    (project / "inbox" / "a.txt").write_text("the first", encoding="utf-8")
    return project


def read(files: Path, *arguments: str) -> list[str]:
    """The names of the files that a run took."""
    done = orch(files, "run", "w.yaml", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    names: list[str] = json.loads(done.stdout)["read"]
    return names


def test_a_finished_run_has_seen_its_files(files: Path) -> None:
    """A file that was moved is not new, one whose content changed is."""
    first = read(files)
    (files / "inbox" / "a.txt").rename(files / "inbox" / "moved.txt")
    (files / "inbox" / "b.txt").write_text("the second", encoding="utf-8")
    second = read(files)
    (files / "inbox" / "b.txt").write_text("the second, changed", encoding="utf-8")
    third = read(files)
    again = orch(files, "run", "w.yaml")

    assert (first, second, third) == (["a.txt"], ["b.txt"], ["b.txt"])
    assert "0 of 2 files are new" in again.stderr


def test_only_a_finished_run_counts(files: Path) -> None:
    """What a failed run was given is given to the next one; and a deleted run has seen nothing."""
    (files / "inbox" / "a.txt").write_text("wrong", encoding="utf-8")
    failed = orch(files, "run", "w.yaml")
    (files / "answers.yaml").write_text("- {regex: '.', text: read}\n", encoding="utf-8")
    second = read(files)
    orch(files, "runs", "rm", "last")
    third = read(files)

    assert failed.returncode == 1
    assert (second, third) == (["a.txt"], ["a.txt"])


def test_a_record_without_texts_has_only_keyed_digests(files: Path) -> None:
    """`keep: {private: hash}` holds here too; where nothing may be remembered it is refused."""
    (files / "w.yaml").write_text(FLOW.replace("orch: 1", "orch: 1\nkeep: {private: hash}"), encoding="utf-8")
    first, second = read(files), read(files)
    (files / "w.yaml").write_text(FLOW.replace("orch: 1", "orch: 1\nkeep: {private: none}"), encoding="utf-8")
    refused = orch(files, "run", "w.yaml")

    assert (first, second) == (["a.txt"], [])
    assert refused.returncode == 2
    assert "new: true" in refused.stderr


def test_a_fork_takes_the_files_of_its_run(files: Path) -> None:
    """Those that run was given, seen or not; once it is done they are seen, whatever becomes of the other."""
    read(files)
    forked = orch(files, "fork", "last", "--at", "each", "--json")

    assert json.loads(forked.stdout)["read"] == ["a.txt"]
    assert read(files) == []


def test_a_called_workflow_is_given_its_files(files: Path) -> None:
    """It has no runs of its own that could have seen any."""
    (files / "caller.yaml").write_text("orch: 1\nsteps:\n  all: {workflow: w.yaml}\n", encoding="utf-8")

    checked = orch(files, "validate", "caller.yaml")

    assert checked.returncode == 2
    assert "takes only new files" in checked.stdout + checked.stderr
