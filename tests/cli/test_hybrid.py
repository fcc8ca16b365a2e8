"""A step that may go up, at the command line: a missing key, a budget that is used up, a kill in the middle of a call."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from orchestrator.engine.recover import recover
from orchestrator.events import AttemptStarted, Decided, Event, RunResumed, RunWaiting, Warned
from orchestrator.store.open import open_store

WORKFLOW = """
orch: 1
models:
  tiny: "scripted:tiny.yaml"
  cloud: %s
agents: {writer: {model: tiny}}
budget: {%s}
steps:
  n: {agent: writer, prompt: How many?, output: int, escalate: {to: cloud, when: attempts > 0}}
"""
SCRIPTED = '{use: "scripted:cloud.yaml", where: cloud, price: {input: 1, output: 2}}'


def orch(project: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "orchestrator", *arguments],
        cwd=project,
        env={name: value for name, value in os.environ.items() if name != "OPENAI_API_KEY"} | environ,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )


def events(project: Path) -> list[Event]:
    store = open_store(project / ".orch" / "store.db", create=False)
    try:
        return [event for _, event in store.events(store.find("last"))]
    finally:
        store.close()


def of(project: Path, kind: type[Any]) -> list[Any]:
    return [event for event in events(project) if isinstance(event, kind)]


@pytest.fixture(name="files")
def _files(project: Path) -> Path:
    (project / "tiny.yaml").write_text("- {match: many, text: '3'}\n", encoding="utf-8")
    (project / "cloud.yaml").write_text("- {match: many, text: '42', usage: [50, 5]}\n", encoding="utf-8")
    return project


def write(project: Path, cloud: str = SCRIPTED, budget: str = "usd: 0.5, then: stay-local") -> None:
    (project / "w.yaml").write_text(WORKFLOW % (cloud, budget), encoding="utf-8")


def test_without_a_key_the_run_says_so_once_and_stays_local(files: Path) -> None:
    """A missing key is no crash in the middle of a run."""
    write(files, "{use: 'openai:gpt-5-mini', key: env.OPENAI_API_KEY}")

    done = orch(files, "run", "w.yaml")

    assert (done.returncode, done.stdout) == (0, "3\n")
    assert [event.message for event in of(files, Warned)] == [
        "steps stay local: model 'cloud' needs a key, but the environment holds no OPENAI_API_KEY "
        "(export OPENAI_API_KEY=…)"
    ]
    assert [(d.choice, d.rule) for d in of(files, Decided)] == [("stay", "fault")]


def test_a_used_up_budget_pauses_the_run_until_it_is_raised(files: Path) -> None:
    """Exit code 7, what it waits for, and the command that goes on."""
    write(files, budget="usd: 0.000001, then: pause")

    paused = orch(files, "run", "w.yaml", "--no-cache")
    shown = orch(files, "show", "last")
    again = orch(files, "resume", "last")
    done = orch(files, "resume", "last", "--budget-usd", "0.5")

    assert (paused.returncode, again.returncode) == (7, 7)
    assert "does not allow this call" in paused.stderr
    assert "--budget-usd" in paused.stderr
    assert "--budget-usd" in shown.stderr + shown.stdout
    assert (done.returncode, done.stdout) == (0, "42\n")
    assert of(files, RunWaiting)[0].reason
    assert of(files, RunResumed)[-1].budget == {"usd": 500_000_000}
    assert len([e for e in of(files, AttemptStarted) if e.model == "tiny"]) == 1


def test_a_limit_in_dollars_without_a_price_is_refused_before_the_run(files: Path) -> None:
    """Nothing is recorded, nothing is asked."""
    write(files, '{use: "scripted:cloud.yaml", where: cloud}')

    refused = orch(files, "run", "w.yaml")

    assert refused.returncode == 2
    assert "nobody knows what 'cloud'" in refused.stderr
    assert "price:" in refused.stderr


def test_a_reservation_outlives_a_kill_at_any_boundary(files: Path, full: bool) -> None:
    """What was reserved when the process died counts as spent; every boundary under `--full`."""
    write(files)
    whole = orch(files, "run", "w.yaml", "--no-cache", "--json")
    assert json.loads(whole.stdout) == 42, whole.stderr
    boundaries = range(2, 2 * len(events(files)) + 2)

    for boundary in boundaries if full else boundaries[::5]:
        killed = orch(files, "run", "w.yaml", "--no-cache", ORCH_KILL_AT=str(boundary))
        if killed.returncode != 0:
            orch(files, "resume", "last", "--quiet")
        log = events(files)
        sent = [e for e in log if isinstance(e, AttemptStarted) and e.intent]
        known = recover(log)
        assert log[-1].kind == "run.finished", f"boundary {boundary}"
        assert known.cloud_calls == len(sent)
        assert known.paid == 60_000 + sum(e.reserved for e in sent[:-1])
