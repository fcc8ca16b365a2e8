"""A model host that dies in the middle of answers, killed or out of memory: the run goes on, or says what it was."""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
agents: {writer: {model: tiny, params: {max_tokens: 120}}}
steps:
  before: {agent: writer, prompt: "Say hello in three words."}
  story: {agent: writer, needs: before, prompt: "Say one sentence about a dog and a river."}
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


FOUR = """
orch: 1
models: {tiny: {use: "llamacpp:smollm2-135m", context: 768, params: {temperature: 0}}}
agents: {writer: {model: tiny, params: {max_tokens: 120}}}
steps:
  each:
    foreach: [cat, dog, cow, hen]
    steps: {story: {agent: writer, prompt: "Say one sentence about a {{ item }} and a river."}}
  after: {value: "{{ each | length }}"}
"""
AWAY = 1 << 20


def asked(project: Path, step: str) -> int:
    return sum(isinstance(event, AttemptStarted) and event.path.endswith(step) for event in log_of(project))


@contextmanager
def running(project: Path, text: str, step: str, times: int) -> Iterator[subprocess.Popen[bytes]]:
    """A run in which this step has been asked so many times."""
    (project / "workflow.yaml").write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "orchestrator", "run", "workflow.yaml", "--json", "--no-cache", "-q"]
    with subprocess.Popen(words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        end = time.monotonic() + LONGEST
        while asked(project, step) < times:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end, "it does not ask"
            time.sleep(0.02)
        yield process


def killed(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)


def starved(pids: list[int]) -> None:
    """No byte more; what was asked for next ends the process as a lack of memory does in C++."""
    for pid in pids:
        resource.prlimit(pid, resource.RLIMIT_AS, (AWAY, AWAY))
        os.kill(pid, signal.SIGABRT)


@pytest.mark.parametrize("harm", [killed, starved])
def test_a_host_that_dies_in_mid_stream_is_replaced(
    project: Path, own_home: Hosts, harm: Callable[[list[int]], None]
) -> None:
    """The step is asked again on a fresh host; what had finished before is not."""
    with running(project, WORKFLOW, "story", 1) as process:
        dead = pids_of(own_home)
        harm(dead)
        out, err = process.communicate(timeout=LONGEST)

    assert process.returncode == 0, err
    assert json.loads(out)
    log = log_of(project)
    assert isinstance(log[-1], RunFinished)
    assert [event.path for event in log if isinstance(event, StepFinished)] == ["before", "story", "after"]
    assert sum(isinstance(event, AttemptFinished) and event.path == "before" for event in log) == 1
    assert len(dead) == 1
    assert pids_of(own_home) != dead


def test_four_answers_that_a_dead_host_leaves_open_are_all_asked_again(
    project: Path, own_home: Hosts
) -> None:
    """On one fresh host."""
    with running(project, FOUR, "story", 4) as process:
        dead = pids_of(own_home)
        killed(dead)
        out, err = process.communicate(timeout=LONGEST)

    assert process.returncode == 0, err
    assert json.loads(out) == 4
    assert len(pids_of(own_home)) == 1
    assert pids_of(own_home) != dead


def test_a_host_that_dies_again_and_again_is_an_error_of_the_step(project: Path, own_home: Hosts) -> None:
    """Twice for a request; then a person reads what it was, and the run can be gone on with."""
    with running(project, WORKFLOW, "story", 1) as process:
        end = time.monotonic() + LONGEST
        while process.poll() is None and time.monotonic() < end:
            killed(pids_of(own_home))
            time.sleep(0.02)
        _, err = process.communicate()

    assert process.returncode == 1
    assert (
        b"the host of model 'tiny' died" in err or b"could not be loaded" in err or b"does not stay up" in err
    )
    resumed = subprocess.run(
        [sys.executable, "-m", "orchestrator", "resume", "last", "-q"],
        cwd=project,
        check=False,
        timeout=LONGEST,
    )
    assert resumed.returncode == 0


def test_a_model_that_does_not_fit_into_what_is_allowed_is_told(project: Path, own_home: Hosts) -> None:
    """The engine itself runs out of memory while it loads."""
    (project / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    limit = [
        sys.executable,
        "-c",
        LIMITED,
        sys.executable,
        "-m",
        "orchestrator",
        "run",
        "workflow.yaml",
        "-q",
    ]
    done = subprocess.run(limit, cwd=project, capture_output=True, text=True, check=False, timeout=LONGEST)

    assert done.returncode == 1, done.stderr
    assert "could not be loaded" in done.stderr
    assert "its log:" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Inferior" not in done.stderr


LIMITED = "import os, resource, sys; resource.setrlimit(resource.RLIMIT_AS, (500 << 20,) * 2); os.execv(sys.executable, sys.argv[1:])"
