"""`orch cancel`: a message to the process that executes a run, or why there is nobody to get it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.cli.cancel import ask_living
from orchestrator.store.inbox import post, take
from orchestrator.store.lease import Lease
from tests.cli.recorded import DONE, WAITING, Shell, begun, record_all, shell_in

SLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  draft: {agent: writer, prompt: write}
"""


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


def test_the_owner_of_a_live_run_is_asked_to_stop(orch: Shell) -> None:
    """The message lies in the inbox, and the person reads who will get it."""
    with Lease.acquire(orch.store, "live"):
        orch.store.create("live", begun("live"))
        result = orch("cancel", "live")

    assert "asked process" in result.stderr
    assert [row.kind for row in take(orch.store, "live")] == ["cancel"]
    assert "orch cancel" in take(orch.store, "live")[0].payload["by"]


@pytest.mark.parametrize(
    ("run", "told", "command"),
    [(DONE, "has ended already: done", "orch show"), (WAITING, "waits for an answer", "orch reject")],
)
def test_a_run_that_nobody_executes_is_told_apart(orch: Shell, run: str, told: str, command: str) -> None:
    """Nothing is posted that a later resume would stumble over."""
    result = orch("cancel", run, code=1)

    assert told in result.stderr
    assert command in result.stderr
    assert take(orch.store, run) == []


def test_a_run_whose_owner_died_can_be_resumed_instead(orch: Shell) -> None:
    """It shows as interrupted."""
    orch.store.create("dead", begun("dead"))

    assert "orch resume dead" in orch("cancel", "dead", code=1).stderr
    assert orch.json("cancel", "dead", code=1) == {
        "run": "dead",
        "status": "interrupted",
        "owner": None,
        "asked": False,
    }


def test_all_that_is_executed_is_asked_and_nothing_else(orch: Shell) -> None:
    """Several by name, each once, or all of them."""
    with Lease.acquire(orch.store, "one"), Lease.acquire(orch.store, "two"):
        for run in ("one", "two"):
            orch.store.create(run, begun(run))
        told = orch.json("cancel", "--all")
        orch("cancel", "one", "two", "one")

    assert sorted(one["run"] for one in told) == ["one", "two"]
    assert [len(take(orch.store, run)) for run in ("one", "two")] == [2, 2]
    assert take(orch.store, WAITING) == []
    assert "no run is being executed" in orch("cancel", "--all").stderr


def test_all_leaves_out_what_ended_while_it_looked(orch: Shell) -> None:
    """Nobody asked for that one by name, so it is no failure."""
    with Lease.acquire(orch.store, "live"):
        orch.store.create("live", begun("live"))

        asked = ask_living(orch.store, [DONE, "live"])

    assert [row.id for row, _ in asked] == ["live"]
    assert take(orch.store, DONE) == []


def test_one_that_cannot_be_stopped_does_not_save_the_others(orch: Shell) -> None:
    """The exit code says that not all were asked; a name of no run is found before anybody is."""
    with Lease.acquire(orch.store, "live"):
        orch.store.create("live", begun("live"))
        orch("cancel", "live", "nothing-like-it", code=2)
        assert take(orch.store, "live") == []
        result = orch("cancel", DONE, "live", code=1)

    assert "has ended already" in result.stderr
    assert [row.kind for row in take(orch.store, "live")] == ["cancel"]
    assert orch("cancel", code=2).stderr.startswith("error: say which")


def test_a_message_that_cannot_be_read_does_not_hide_the_wish_to_stop(project: Path) -> None:
    """Whoever executes the run looks again and again, whatever else lies in its inbox."""
    (project / "answers.yaml").write_text("- {text: never, delay: 100s}\n", encoding="utf-8")
    (project / "workflow.yaml").write_text(SLOW, encoding="utf-8")
    words = [sys.executable, "-m", "orchestrator", "run", "workflow.yaml", "--no-cache"]
    with subprocess.Popen(words, cwd=project, stderr=subprocess.PIPE, text=True) as owner:
        assert owner.stderr is not None
        assert "ready" in owner.stderr.readline()
        shell = shell_in(project)
        with shell.store.writing() as connection:
            connection.exec_driver_sql("INSERT INTO inbox VALUES (1, 1, 1.5, 'approve', '{', NULL)")
        post(shell.store, shell.store.find("last"), "cancel", {"by": "me"})
        said = owner.communicate()[1]

    assert "cancel" in said
    assert shell.store.runs()[0].status == "cancelled"
    shell.store.close()
