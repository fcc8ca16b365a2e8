"""`orch cost`, as it is called in a shell."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.events import AttemptFinished, AttemptStarted, Event, ModelReady, RunFinished
from orchestrator.store.journal import StoreJournal
from tests.cli.recorded import AT, Shell, begun, shell_in

LOCAL = ModelReady(AT, "tiny", "llamacpp:x", True, 2048, 4, "", "", 0.5)
CLOUD = ModelReady(AT, "cloud", "openai:gpt-5-mini", False, 8192, 1, "", "https://api.example", 0.0)


def call(path: str, model: str, cost: int = 0) -> Iterator[Event]:
    yield AttemptStarted(AT, path, 1, model, (), 5, True, {}, intent=cost > 0, reserved=cost)
    yield AttemptFinished(
        AT + 1, path, 1, model, "ok", "keep", "", "x", "", 1000, 100, 0, 1.0, None, None, cost=cost
    )


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A project with two runs: three answers stayed here, one went to the cloud."""
    (tmp_path / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    shell = shell_in(tmp_path)
    for run, at in (("1123-0645-aaa", AT), ("1124-0645-bbb", AT + 86_400)):
        shell.store.create(run, begun(run, at))

    async def write() -> None:
        for run, events in (
            ("1123-0645-aaa", [LOCAL, CLOUD, *call("sort.0", "tiny"), *call("reply", "cloud", 450_000)]),
            ("1124-0645-bbb", [LOCAL, *call("sort.0", "tiny"), *call("sort.1", "tiny"), RunFinished(AT, 1)]),
        ):
            journal = StoreJournal(shell.store, run)
            for event in events:
                journal.append(event)
            await journal.flush()
            journal.close()

    asyncio.run(write())
    return shell


def test_all_runs_are_summed_by_model(shell: Shell) -> None:
    """With what stayed here, and what the cloud model alone would have taken."""
    printed = shell("cost").stdout

    assert "openai:gpt-5-mini" in printed
    assert "spent $0.00045 in 2 runs; 75 % of 4 answers stayed on this machine" in printed
    assert "all of it by gpt-5-mini: about $0.0018" in printed


@pytest.mark.parametrize(("by", "rows"), [("model", 2), ("step", 2), ("workflow", 1), ("day", 2)])
def test_rows_can_be_formed_in_four_ways(shell: Shell, by: str, rows: int) -> None:
    """Whatever the rows are, the total is the same."""
    data = shell.json("cost", "--by", by)

    assert len(data["rows"]) == rows
    assert data["total"]["usd"] == pytest.approx(0.00045)
    assert data["total"]["calls"] == 4


def test_one_run_alone(shell: Shell) -> None:
    """Named as everywhere: by the end of its id, too."""
    assert shell.json("cost", "bbb")["runs"] == 1
    assert "spent $0 in 1 run; 100 % of 2 answers" in shell("cost", "bbb").stdout


def test_another_model_to_compare_with(shell: Shell) -> None:
    """Any of the price list; a name that is not there is answered with those that look like it."""
    data = shell.json("cost", "--against", "anthropic:claude-sonnet-4-5")

    assert data["against"]["model"] == "anthropic:claude-sonnet-4-5"
    wrong = shell("cost", "--against", "gpt5-mini", code=2)
    assert "did you mean openai:gpt-5-mini" in wrong.stderr


def test_since_takes_spans_and_dates(shell: Shell) -> None:
    """And says what it takes when it is neither."""
    assert shell.json("cost", "--since", "2026-11-24")["runs"] == 1
    assert "no model has answered" in shell("cost", "--since", "2099-01-01").stderr
    assert "write 30m, 12h, 7d" in shell("cost", "--since", "yesterday", code=2).stderr


def test_the_list_of_runs_has_what_they_spent(shell: Shell) -> None:
    """A column that is there only when somebody paid."""
    assert "SPENT" in shell("runs").stdout
    assert "$0.00045" in shell("runs").stdout
    assert "$0.00045 spent" in shell("show", "aaa").stdout
