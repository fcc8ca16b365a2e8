"""`orch runs`: what has run here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.cli.console import columns
from orchestrator.cli.listing import Listed, table
from orchestrator.config import STORE, STORE_FILE
from orchestrator.events import ModelReady
from orchestrator.store.lease import Lease
from orchestrator.store.quarantine import verified
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, FAILED, WAITING, Shell, answer, begun, record, record_all, shell_in


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    yield shell
    shell.store.close()


def test_runs_are_listed_newest_first(orch: Shell) -> None:
    """One line each: id, workflow, status, when, how long, steps, tokens."""
    record_all(orch.store)

    header, *lines = orch("runs").stdout.splitlines()

    assert header.split() == ["RUN", "WORKFLOW", "STATUS", "STARTED", "TOOK", "STEPS", "TOKENS"]
    assert [line.split()[0] for line in lines] == [WAITING, FAILED, DONE]
    assert "4.2 s" in lines[2]
    assert "76" in lines[2]


def test_a_list_with_calls_that_left_the_machine_says_how_many_stayed(orch: Shell) -> None:
    """Only then: a column that says 100 % everywhere says nothing. JSON always counts both."""
    record_all(orch.store)
    away = ModelReady(AT, "tiny", "openai:x", False, 2048, 4, "", "https://api.example", 0.1)
    record(orch.store, "1123-0648-ddd", [away, *answer("a", 1, "x")], AT + 180)

    header, *lines = orch("runs").stdout.splitlines()

    assert header.split()[-1] == "LOCAL"
    assert [line.split("  ")[-1].strip() for line in lines] == ["0 %", "–", "100 %", "100 %"]
    counts = [(row["local_calls"], row["cloud_calls"]) for row in orch.json("runs")]
    assert counts == [(0, 1), (0, 0), (1, 0), (2, 0)]


def test_runs_are_filtered(orch: Shell) -> None:
    """By status and by workflow."""
    record_all(orch.store)

    assert [row["id"] for row in orch.json("runs", "--status", "failed")] == [FAILED]
    assert [row["id"] for row in orch.json("runs", "--limit", "1")] == [WAITING]
    assert orch.json("runs", "--workflow", "other") == []


def test_a_project_without_runs_says_how_to_start_one(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking makes no store, and the list is empty."""
    monkeypatch.chdir(project)
    orch = Shell(store=None)  # type: ignore[arg-type]

    assert "orch run" in orch("runs").stderr
    assert orch.json("runs") == []
    assert "no run yet" in orch("show", "last", code=2).stderr
    assert not (project / ".orch").exists()


def test_who_finds_no_run_learns_where_it_was_looked_for(orch: Shell, project: Path) -> None:
    """Another directory may be another project with other runs."""
    store = str(project / STORE / STORE_FILE)

    assert f"no run yet in {store}" in orch("runs").stderr
    record_all(orch.store)
    assert f"no such run in {store}" in orch("runs", "--workflow", "other").stderr
    assert f"there is no run 'nope' in {store}" in orch("show", "nope", code=2).stderr
    assert ".orch/" in orch("runs", "--help").stdout


def test_outside_a_project_the_users_own_store_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No directory upwards has an orch.yaml or is a git repository."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ORCH_HOME", str(tmp_path / "home"))
    orch = Shell(store=None)  # type: ignore[arg-type]

    assert str(tmp_path / "home" / "store" / STORE_FILE) in orch("show", "last", code=2).stderr


def test_a_run_is_removed_by_name(orch: Shell) -> None:
    """Others stay."""
    record_all(orch.store)

    orch("runs", "rm", "aaa", FAILED)

    assert [row["id"] for row in orch.json("runs")] == [WAITING]


def test_a_run_that_is_executed_is_not_removed(orch: Shell) -> None:
    """The message says how to end it."""
    record_all(orch.store)

    with Lease.acquire(orch.store, DONE):
        assert "being executed" in orch("runs", "rm", DONE, code=1).stderr


def test_a_damaged_store_is_one_clear_error(orch: Shell, project: Path) -> None:
    """No traceback, and the file is named."""
    orch.store.close()
    (project / STORE / STORE_FILE).write_bytes(b"no database" * 1000)

    result = orch("runs", code=1)

    assert result.stdout == ""
    assert f"{STORE_FILE} is not a database" in result.stderr
    assert "hint:" in result.stderr


def test_a_yes_where_nothing_is_asked_is_no_mistake(orch: Shell) -> None:
    """As `orch prune` takes it."""
    record_all(orch.store)

    assert f"removed {DONE}" in orch("runs", "rm", DONE, "-y").stderr


def test_damaged_and_imported_runs_are_filtered_by_what_the_list_calls_them(orch: Shell) -> None:
    """They are marks and no status of a run."""
    record_all(orch.store)
    with orch.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = replace(payload, 'low', 'LOW') WHERE run = 1")
    verified(orch.store, DONE)

    assert [row["id"] for row in orch.json("runs", "--status", "damaged")] == [DONE]
    assert orch.json("runs", "--status", "done", "--limit", "1") == []
    assert orch.json("runs", "--status", "imported") == []


def forked(store: Store) -> str:
    """A run out of DONE."""
    run, options = "1123-0650-fff", {"forked": {"run": DONE, "at": "", "events": 0}}
    store.create(run, replace(begun(run, AT + 300), options=options))
    return run


def test_a_run_out_of_another_one_names_it(orch: Shell) -> None:
    """The end of its id is enough; there is no such column where no run is out of another."""
    record_all(orch.store)
    assert "OUT OF" not in orch("runs").stdout
    run = forked(orch.store)

    header, first, *others = orch("runs").stdout.splitlines()

    assert header.endswith("  OUT OF")
    assert first.startswith(run)
    assert first.endswith("⇐ aaa")
    assert not any("⇐" in line for line in others)
    assert [row["origin"] for row in orch.json("runs")] == [DONE, None, None, None]
    assert orch.json("show", run)["origin"] == DONE
    assert [row["id"] for row in orch.json("runs", "--status", "forked")] == [run]


def test_the_column_gives_way_in_a_narrow_terminal(orch: Shell) -> None:
    """A file or a pipe has room for everything."""
    record_all(orch.store)
    forked(orch.store)
    listed = Listed(orch.store.runs())
    wide = max(map(len, columns(*table(listed, room=None))))

    assert table(listed, room=wide)[0][-1] == "OUT OF"
    header, rows = table(listed, room=wide - 1)
    assert header[-1] == "TOKENS"
    assert {len(row) for row in rows} == {len(header)}
