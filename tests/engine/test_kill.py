"""A run killed at any boundary of its log goes on as if nothing had happened, and repeats nothing finished."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestrator.events import Event, RunFinished, StepFinished, StepSkipped, StepStarted
from orchestrator.store.conversations import turns_of
from orchestrator.store.open import open_store

WORKFLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
inputs: {n: {type: "[int]", default: [1, 2, 3, 4, 5, 6, 7, 8]}}
steps:
  start: {agent: writer, prompt: "start"}
  each:
    foreach: inputs.n
    as: n
    steps:
      draft: {agent: writer, prompt: "draft {{ n }} after {{ start }}"}
      odd: {agent: writer, when: n % 2 == 1, prompt: "odd {{ n }}"}
      pair: {value: "{{ draft }}{{ n }}"}
  loop:
    repeat: {until: "'good' in again", max: 3, else: keep}
    steps:
      again: {agent: writer, prompt: "again {{ start }}"}
  end: {value: "{{ each | map(attribute='pair') | join(' ') }} {{ loop.again }}"}
outputs: {end: "{{ end }}", odd: "{{ each | map(attribute='odd') | list }}"}
"""
ANSWERS = "- {match: 'start', text: go}\n- {match: 'draft', text: d}\n- {match: 'odd', text: o}\n- {match: 'again', text: no}\n"
SAMPLES = 10


def orch(project: Path, *arguments: str, kill_at: int | None = None) -> subprocess.CompletedProcess[str]:
    environment = os.environ | ({} if kill_at is None else {"ORCH_KILL_AT": str(kill_at)})
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def events(project: Path) -> list[Event]:
    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        run = store.find("last")
        assert not store.verify(run)
        return [event for _, event in store.events(run)]
    finally:
        store.close()


def repeated(log: list[Event]) -> Iterator[str]:
    """Paths that began again after they had finished, other than containers, which only gather."""
    finished: set[str] = set()
    for event in log:
        if isinstance(event, StepStarted) and event.path in finished:
            yield event.path
        elif isinstance(event, StepSkipped) or (
            isinstance(event, StepFinished) and "container" not in event.facts
        ):
            finished.add(event.path)


@pytest.fixture(name="files")
def _files(project: Path) -> Path:
    (project / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    (project / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    return project


def test_a_killed_run_resumes_without_repeating_a_finished_step(files: Path, full: bool) -> None:
    """Sampled boundaries; every one of them under `--full`."""
    whole = orch(files, "run", "workflow.yaml", "--json", "--no-cache")
    assert whole.returncode == 0, whole.stderr
    expected: dict[str, Any] = json.loads(whole.stdout)
    count = len(events(files))
    assert count > 90
    boundaries = range(2, 2 * count)
    chosen = boundaries if full else sorted(random.Random(20).sample(boundaries, SAMPLES))

    for boundary in chosen:
        killed = orch(files, "run", "workflow.yaml", "--json", "--no-cache", kill_at=boundary)
        if killed.returncode != 0:
            assert killed.returncode == -signal.SIGKILL, killed.stderr
            resumed = orch(files, "resume", "last", "--json")
            if not isinstance(events(files)[-1], RunFinished):
                pytest.fail(f"boundary {boundary}: {resumed.stderr}")
            if resumed.stdout:
                assert json.loads(resumed.stdout) == expected, f"boundary {boundary}"
        log = events(files)
        assert not list(repeated(log)), f"boundary {boundary}"
        last = log[-1]
        assert isinstance(last, RunFinished)
        assert last.outputs == expected


REMEMBERING = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny, memory: {key: one, turns: 3}}}
steps: {said: {agent: writer, prompt: "say it"}}
outputs: {said: "{{ said }}"}
"""
LAST = (9, 10, 11, 12)
"""Boundaries before, in and behind the end of its only step."""


def test_a_conversation_holds_what_its_run_says_in_the_end(project: Path) -> None:
    """Not what a killed process was told before its step had ended: the last boundaries of the step."""
    (project / "workflow.yaml").write_text(REMEMBERING, encoding="utf-8")
    for boundary in LAST:
        (project / "answers.yaml").write_text("- {match: say, text: first}\n", encoding="utf-8")
        killed = orch(project, "run", "workflow.yaml", "--no-cache", "-q", kill_at=boundary)
        assert killed.returncode == -signal.SIGKILL, f"boundary {boundary}: {killed.stderr}"
        (project / "answers.yaml").write_text("- {match: say, text: second}\n", encoding="utf-8")
        resumed = orch(project, "resume", "last", "-q")

        store = open_store(project / ".orch" / "store.db", create=False)
        try:
            (turn,) = turns_of(store, "writer", "one")
            end = [event for _, event in store.events(store.find("last"))][-1]
            assert isinstance(end, RunFinished), f"boundary {boundary}: {resumed.stderr}"
            assert end.outputs == {"said": turn.answered}, f"boundary {boundary}"
            store.delete(store.find("last"))
        finally:
            store.close()
