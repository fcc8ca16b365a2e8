"""Processes of our own that outlive this one, and what they say when they cannot begin."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orchestrator.cli.starting import Starter, last_words, start_run
from orchestrator.config import STORE, STORE_FILE
from orchestrator.errors import OrchError
from orchestrator.store.answers import approve, reject
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import DONE, record_all

ASK = "orch: 1\nsteps: {ok: {ask: Send?, choices: [send, drop]}}\n"


@pytest.fixture
def store(project: Path) -> Iterator[Store]:
    opened = open_store(project / STORE / STORE_FILE)
    yield opened
    opened.close()


@pytest.fixture
def waiting(project: Path, store: Store) -> str:
    """A run that waits for an answer, made by a process of its own."""
    (project / "w.yaml").write_text(ASK, encoding="utf-8")
    child = start_run(store, "r1", ["w.yaml"], project)
    until(lambda: child.code is not None)
    assert store.run("r1").status == "waiting"
    return "r1"


def until(true: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_run_is_recorded_when_it_has_been_started(project: Path, store: Store) -> None:
    """Under the id it was given."""
    (project / "w.yaml").write_text(ASK, encoding="utf-8")

    child = start_run(store, "r1", ["--", "w.yaml"], project)

    assert store.run("r1").workflow == "w"
    until(lambda: child.code is not None)


def test_a_run_that_cannot_be_started_says_why(project: Path, store: Store) -> None:
    """In the child's own words, with its exit code."""
    (project / "w.yaml").write_text(ASK, encoding="utf-8")

    with pytest.raises(OrchError, match=r"could not be started: the workflow has no input 'x'") as caught:
        start_run(store, "r1", ["w.yaml", "--input=x=1"], project)

    assert caught.value.hint == "it takes none"
    assert caught.value.exit_code == 2


def test_what_lies_in_the_folder_is_no_module_of_ours(project: Path, store: Store) -> None:
    """A project may have a file `click.py`."""
    (project / "click.py").write_text("raise SystemExit(9)\n", encoding="utf-8")
    (project / "w.yaml").write_text(ASK, encoding="utf-8")

    child = start_run(store, "r1", ["w.yaml"], project)

    until(lambda: child.code is not None)
    assert child.code == 7


def test_a_run_goes_on_in_a_process_of_its_own(project: Path, store: Store, waiting: str) -> None:
    """Started when it is answered; the process may end before anybody looks."""
    approve(store, waiting, "ok", "drop", "ann")

    start = Starter(store, project, soon=60, long=60)
    start(["resume", waiting])
    until(lambda: not start.running)

    assert store.run(waiting).status == "done"


def test_a_run_that_ends_badly_was_started_all_the_same(project: Path, store: Store, waiting: str) -> None:
    """A rejection is the end of the run and no fault of the start."""
    reject(store, waiting, "ok", "ann")

    start = Starter(store, project, soon=60, long=60)
    start(["resume", waiting])
    until(lambda: not start.running)

    assert store.run(waiting).status == "rejected"


def test_a_command_that_ends_at_once_with_an_error_is_told(project: Path, store: Store) -> None:
    """What it said is the error."""
    record_all(store)
    start = Starter(store, project, soon=60, long=60)

    with pytest.raises(OrchError, match=f"does not go on: run {DONE} is done") as resumed:
        start(["resume", DONE])
    with pytest.raises(OrchError, match=r"orch cancel failed: run .* has ended already"):
        start(["cancel", DONE])

    assert resumed.value.exit_code == 2


def test_last_words_are_the_error_and_its_hint() -> None:
    """The last one counts; what is no error of ours is told as it is."""
    assert last_words("loading\nerror: one\nhint: a\nerror: two\nhint: b\n") == ("two", "b")
    assert last_words("error: one\nhint: a\nerror: two\n") == ("two", "")
    assert last_words("error[ORCH101]: there is no key\n --> w.yaml:1:1\n")[0].startswith("error[ORCH101]")
    assert last_words("") == ("", "")
