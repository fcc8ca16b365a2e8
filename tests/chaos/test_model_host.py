"""A model host that is killed in the middle of an answer, as the kernel does when memory is short: the run goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.config import Config
from orchestrator.events import AttemptFinished, AttemptStarted, Event, RunFinished, StepFinished
from orchestrator.providers.hosts import Hosts
from orchestrator.store.open import open_store

pytestmark = pytest.mark.real_model

WORKFLOW = """
orch: 1
models: {tiny: {use: "llamacpp:smollm2-135m", context: 768, params: {temperature: 0}}}
agents: {writer: {model: tiny, params: {max_tokens: 160}}}
steps:
  before: {agent: writer, prompt: "Say hello in three words."}
  story: {agent: writer, needs: before, prompt: "Write a long story about a dog and a river."}
  after: {value: "{{ story | length > 0 }}"}
"""
LONGEST = 120.0


def log_of(project: Path) -> list[Event]:
    database = project / ".orch" / "store.db"
    if not database.exists():
        return []
    store = open_store(database)
    try:
        runs = list(store.lengths())
        return [event for _, event in store.events(runs[0])] if runs else []
    finally:
        store.close()


def asked_for_the_story(project: Path) -> bool:
    return any(isinstance(event, AttemptStarted) and event.path == "story" for event in log_of(project))


def pids_of(hosts: Hosts) -> list[int]:
    return [host.state.pid for host in hosts.running() if host.state is not None]


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hosts]:
    """Hosts that nobody else uses, so that none of theirs is killed."""
    user = Config.from_environment(os.environ, Path.cwd())
    home = tmp_path / "home"
    home.mkdir()
    (home / "models").symlink_to(user.models)
    monkeypatch.setenv("ORCH_HOME", str(home))
    hosts = Hosts(home / "run" / "hosts", environ=os.environ)
    yield hosts
    for host in hosts.running():
        hosts.stop(host.identity)


def test_a_host_that_is_killed_in_mid_stream_is_replaced(project: Path, own_home: Hosts) -> None:
    """The step is asked again on a fresh host; what had finished before is not."""
    (project / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    words = [sys.executable, "-m", "orchestrator", "run", "workflow.yaml", "--json", "--no-cache", "-q"]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + LONGEST
        while not asked_for_the_story(project):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "it does not ask"
            time.sleep(0.02)
        killed = pids_of(own_home)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        out, err = process.communicate(timeout=LONGEST)

    assert process.returncode == 0, err
    assert json.loads(out)
    log = log_of(project)
    assert isinstance(log[-1], RunFinished)
    assert [event.path for event in log if isinstance(event, StepFinished)] == ["before", "story", "after"]
    assert sum(isinstance(event, AttemptFinished) and event.path == "before" for event in log) == 1
    assert len(killed) == 1
    assert pids_of(own_home) != killed
