"""The file beside the store that holds what was written last: deleted, shortened, foreign or older, it is noticed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from orchestrator.cli.main import cli
from orchestrator.errors import StoreError
from orchestrator.store.beside import FOLDER, Beside
from orchestrator.store.highwater import lost
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from tests.store.samples import finished, started

WORKFLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny}}
steps:
  each: {foreach: range(10), parallel: 1, steps: {draft: {agent: writer, prompt: "draft {{ item }}"}}}
  end: {value: "{{ each | length }}"}
"""
Make = Callable[[str], Path]


def orch(*words: str) -> Result:
    return CliRunner().invoke(cli, list(words))


def kill(folder: Path, boundary: int, *words: str) -> None:
    """A process that leaves what it wrote last beside the store."""
    command = [sys.executable, "-m", "orchestrator", *words, "-q"]
    environment = os.environ | {"ORCH_KILL_AT": str(boundary)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was killed, folded in, and killed again: its end lies beside the store."""
    folder = tmp_path_factory.mktemp("killed")
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (folder / "workflow.yaml").write_text(WORKFLOW, encoding="utf-8")
    (folder / "answers.yaml").write_text("- {match: draft, text: d, delay: 40ms}\n", encoding="utf-8")
    kill(folder, 30, "run", "workflow.yaml")
    open_store(folder / ".orch" / "store.db").close()
    kill(folder, 40, "resume", "last")
    return folder


@pytest.fixture
def database(killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = Path(shutil.copytree(killed, tmp_path / "project"))
    monkeypatch.chdir(folder)
    return folder / ".orch" / "store.db"


def log_of(database: Path) -> Path:
    return database.with_name("store.db-wal")


def the_run(database: Path) -> str:
    return next((database.parent / FOLDER).glob("*.run.*")).name.rpartition(".")[2]


def foreign_log(folder: Path) -> bytes:
    """What another store had beside it."""
    path = folder / "other" / "store.db"
    store = open_store(path)
    store.create("other", started("other"))
    journal = StoreJournal(store, "other")
    for number in range(200):
        journal.append(finished(number, "x" * 300))
    journal.close()
    content = log_of(path).read_bytes()
    store.close()
    return content


def test_a_killed_process_leaves_nothing_to_complain_of(database: Path) -> None:
    """What it wrote down is what is there; once all is folded in, nothing is written down any more."""
    assert orch("verify", "--all").exit_code == 0
    assert orch("resume", "last", "-q").exit_code == 0
    assert list((database.parent / FOLDER).iterdir()) == []


@pytest.mark.parametrize("beside", ["-wal", "-shm"])
def test_the_shared_memory_is_made_anew_and_a_deleted_log_is_missed(database: Path, beside: str) -> None:
    """Every command that reads the run says so; it is not gone on with until somebody accepts it."""
    run = the_run(database)
    database.with_name(f"store.db{beside}").unlink()

    result = orch("verify", "--all")

    if beside == "-shm":
        assert result.exit_code == 0, result.output
        return
    assert result.exit_code == 1
    assert f"✗ {run}  damaged: the last " in result.stdout
    assert "are missing" in result.stdout
    assert f"orch verify {run} --accept" in result.stderr
    assert "damaged" in orch("runs").stdout
    assert "is damaged: the last " in orch("show", run).stderr
    refused = orch("resume", run)
    assert refused.exit_code == 2
    assert "are missing" in refused.stderr
    assert "are missing" in orch("doctor").output
    assert orch("verify", run, "--accept").exit_code == 0
    assert orch("resume", run, "-q").exit_code == 0


def test_a_run_of_which_nothing_is_left_is_missed(database: Path) -> None:
    """Its row stood in the lost file too."""
    kill(database.parent.parent, 30, "run", "workflow.yaml")
    log_of(database).unlink()
    missing = next(run for run in _marked(database) if run not in orch("runs", "--json").stdout)

    assert f"run {missing} is missing" in orch("runs").stderr
    assert f"✗ {missing}" in orch("verify", "--all").stdout
    assert f"orch verify {missing}" in orch("show", missing).stderr
    assert orch("verify", missing, "--accept").exit_code == 0
    assert missing not in orch("verify", "--all").output


def _marked(database: Path) -> list[str]:
    return [one.name.rpartition(".")[2] for one in (database.parent / FOLDER).glob("*.run.*")]


def test_a_shortened_log_is_missed(database: Path) -> None:
    """SQLite goes by the part that is whole."""
    log = log_of(database)
    with log.open("rb+") as file:
        file.truncate(log.stat().st_size // 2)

    assert orch("verify", "--all").exit_code == 1


def test_a_foreign_log_is_not_folded_in(database: Path, tmp_path: Path) -> None:
    """The store stays as it was byte for byte; with the right file back nothing is lost."""
    right, content = log_of(database).read_bytes(), database.read_bytes()
    log_of(database).write_bytes(foreign_log(tmp_path))

    for words in (("verify", "--all"), ("runs",), ("resume", "last"), ("run", "workflow.yaml")):
        result = orch(*words)
        assert result.exit_code == 1, words
        assert "does not belong to the run store" in result.stderr
        assert database.read_bytes() == content

    log_of(database).write_bytes(right)
    assert orch("verify", "--all").exit_code == 0
    assert orch("resume", "last", "-q").exit_code == 0


def test_a_mistyped_run_does_not_make_a_foreign_log_the_stores_own(database: Path, tmp_path: Path) -> None:
    """Refused before anything is changed: the store stays as it was, and the right file still fits."""
    right, content = log_of(database).read_bytes(), database.read_bytes()
    log_of(database).write_bytes(foreign_log(tmp_path))

    result = orch("verify", "20990101-nobody", "--accept")

    assert result.exit_code == 2, result.output
    assert "20990101-nobody" in result.stderr
    assert database.read_bytes() == content
    assert not Beside(database).is_known()
    assert list(database.parent.glob(".try-*")) == []
    log_of(database).write_bytes(right)
    assert orch("verify", "--all").exit_code == 0


def test_an_older_log_of_the_same_store_is_noticed(killed: Path, database: Path) -> None:
    """Put back after the run had gone on."""
    assert orch("resume", "last", "-q").exit_code == 0
    whole = orch("logs", "last", "--json").stdout
    shutil.copy(log_of(killed / ".orch" / "store.db"), log_of(database))

    result = orch("verify", "--all")

    assert result.exit_code == 1
    log_of(database).unlink()
    assert orch("logs", "last", "--json").stdout == whole


def test_a_log_that_belongs_and_of_which_nothing_was_written_down_is_believed(database: Path) -> None:
    """A copy of a store need not hold what was written down."""
    shutil.rmtree(database.parent / FOLDER)

    assert orch("verify", "--all").exit_code == 0
    assert orch("resume", "last", "-q").exit_code == 0


def test_a_log_that_goes_while_it_is_written_ends_the_run(tmp_path: Path) -> None:
    """Nothing is told to be durable that went to a file which is no more."""
    store = open_store(tmp_path / "store.db")
    store.create("r", started("r"))
    told: list[int] = []
    journal = StoreJournal(store, "r", lambda events: told.extend(number for number, _ in events))
    log_of(tmp_path / "store.db").unlink()

    journal.append(finished(1, "x"))

    with pytest.raises(StoreError, match="was deleted or replaced while it was open"):
        journal.close()
    assert told == []
    store.close()


def test_two_stores_of_one_file_in_turn_raise_no_alarm(tmp_path: Path) -> None:
    """The last connection takes the file with it, and the next one begins another."""
    path = tmp_path / "store.db"
    store = open_store(path)
    store.create("a", started("a"))
    store.engine.dispose()
    store.create("b", started("b"))
    other = open_store(path)
    other.create("c", started("c"))
    store.close()
    other.create("d", started("d"))

    assert lost(other) == {}
    other.close()
    assert Beside(path).is_known()
