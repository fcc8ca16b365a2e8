"""The disk is full, or somebody has the database locked: one clear error, everything finished kept, and it goes on."""

from __future__ import annotations

import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.events import Event, RunFinished
from orchestrator.store.open import open_store
from tests.chaos.trial import repeated

WORKFLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  each: {foreach: "{{ range(150) | list }}", agent: writer, prompt: "write {{ item }}"}
  end: {value: "{{ each | length }}"}
outputs: {end: "{{ end }}"}
"""
ROOM = 262_144
"""Bytes that any file may have: enough to begin the run, too few to end it."""


@pytest.fixture
def flow(project: Path) -> Path:
    (project / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    text = json.dumps(" ".join(str(number) for number in range(400)))
    (project / "answers.yaml").write_text(
        f"- {{match: write, text: {text}, delay: 30ms}}\n", encoding="utf-8"
    )
    return project


def orch(project: Path, *words: str, before: Callable[[], None] | None = None) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", *words],
        cwd=project, capture_output=True, text=True, check=False, preexec_fn=before,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def little_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))


def record(project: Path) -> list[Event]:
    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        run = store.find("last")
        assert store.verify(run) == []
        return [event for _, event in store.events(run)]
    finally:
        store.close()


def test_a_full_disk_stops_a_run_and_room_lets_it_go_on(flow: Path) -> None:
    """The error names the store; what had finished is not asked again."""
    code, said = orch(flow, "run", "workflow.yaml", "--no-cache", "-q", before=little_room)
    before = record(flow)

    assert code == 1, said
    assert "error: the run store" in said
    assert "store.db" in said
    assert "hint: " in said
    assert "Traceback" not in said
    assert any(event.kind == "step.finished" for event in before)
    assert not isinstance(before[-1], RunFinished)

    code, said = orch(flow, "resume", "last", "--json", "-q")

    assert code == 0, said
    after = record(flow)
    assert after[: len(before)] == before
    assert isinstance(after[-1], RunFinished)
    assert list(repeated(after)) == []


@pytest.mark.parametrize("words", [("runs",), ("verify", "--all"), ("show", "last")], ids=" ".join)
def test_whoever_only_reads_does_not_wait_for_who_writes(flow: Path, words: tuple[str, ...]) -> None:
    """A lock on the database stops writers, not readers."""
    assert orch(flow, "run", "workflow.yaml", "-q")[0] == 0
    with closing(sqlite3.connect(flow / ".orch" / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        code, said = orch(flow, *words)

    assert code == 0, said
    assert "Traceback" not in said


SMALL = """
orch: 1
steps: {end: {value: done}}
"""


def room_for(size: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def test_a_full_disk_keeps_a_store_from_getting_smaller_and_takes_nothing(flow: Path) -> None:
    """What could not be removed is whole, what was to go is gone, and the message says which of the two it was."""
    text = " ".join(str(number) for number in range(400))
    (flow / "answers.yaml").write_text(f"- {{match: write, text: '{text}'}}\n", encoding="utf-8")
    (flow / "small.yaml").write_text(SMALL, encoding="utf-8")
    for name in ("workflow.yaml", "workflow.yaml", "small.yaml"):
        code, said = orch(flow, "run", name, "--no-cache", "-q")
        assert code == 0, said
    size = (flow / ".orch" / "store.db").stat().st_size

    code, said = orch(flow, "prune", "--workflow", "workflow", "--keep", "0", "-y", before=room_for(100_000))

    assert code == 1, said
    assert "removed 0 of 2 runs" in said
    assert "error: the run store" in said
    assert orch(flow, "verify", "--all")[1].count("✓") == 3

    code, said = orch(flow, "prune", "--workflow", "small", "--keep", "0", "-y", before=room_for(size))

    assert code == 1, said
    assert "removed 1 run" in said
    assert "error: the file did not get smaller: the run store" in said
    assert "hint: " in said
    assert orch(flow, "verify", "--all")[1].count("✓") == 2
    assert orch(flow, "prune", "--workflow", "workflow", "--keep", "1", "-y")[0] == 0
