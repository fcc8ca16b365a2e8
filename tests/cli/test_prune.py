"""`orch prune`: what goes, what stays, and that the file gets smaller."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.calling import Artifact, Turn
from orchestrator.config import STORE, STORE_FILE
from orchestrator.events import CallFinished, RunFinished, RunResumed, StepFinished
from orchestrator.store.artifacts import Artifacts
from orchestrator.store.cache import StoreCache
from orchestrator.store.conversations import StoreConversations
from orchestrator.store.foreign import foreign, mark
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.prune import Wish, doomed, remove_doomed
from orchestrator.store.prune_files import leftovers
from orchestrator.store.quarantine import verified
from tests.cli.recorded import AT, DONE, FAILED, WAITING, Shell, a_done_run, record, record_all, shell_in


@pytest.fixture
def orch(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shell]:
    monkeypatch.chdir(project)
    shell = shell_in(project)
    record_all(shell.store)
    yield shell
    shell.store.close()


def left(orch: Shell) -> list[str]:
    return sorted(row["id"] for row in orch.json("runs"))


def making(orch: Shell, project: Path, text: str) -> CallFinished:
    """A tool made a file long ago."""
    source = project / "made.txt"
    source.write_text(text, encoding="utf-8")
    artifact = Artifact("made.txt", "text/plain", source)
    kept = Artifacts(project / STORE / "artifacts")(artifact)
    for path in (project / STORE / "artifacts").rglob(f"{kept['sha256']}*"):
        os.utime(path, (AT, AT))
    return CallFinished(AT, "tool", 1, "t", "ok", None, 0.1, artifacts=(kept,))


def test_a_dry_run_says_what_would_go_and_removes_nothing(orch: Shell) -> None:
    """Runs by age; one that waits for somebody stays, and it is said."""
    said = orch("prune", "--older", "1m", "--dry-run")

    assert DONE in said.stdout
    assert "2 runs, " in said.stdout
    assert "stays: 1 run waiting" in said.stderr
    assert left(orch) == [DONE, FAILED, WAITING]


def test_nothing_goes_without_being_agreed_to(orch: Shell) -> None:
    """Where nobody can be asked, --yes says it."""
    assert "--yes" in orch("prune", "--older", "1m", code=2).stderr
    assert left(orch) == [DONE, FAILED, WAITING]
    orch("prune", "--older", "1m", "--yes")
    assert left(orch) == [WAITING]


@pytest.mark.parametrize(
    ("words", "stay"),
    [
        (["--status", "failed"], [DONE, WAITING]),
        (["--status", "waiting"], [DONE, FAILED]),
        (["--older", "9000d"], [DONE, FAILED, WAITING]),
        (["--keep", "2"], [FAILED, WAITING]),
        (["--keep", "0", "--status", "done"], [FAILED, WAITING]),
        (["--keep", "0", "--workflow", "other"], [DONE, FAILED, WAITING]),
        ([], [DONE, FAILED, WAITING]),
    ],
)
def test_what_is_stated_must_fit_altogether(orch: Shell, words: list[str], stay: list[str]) -> None:
    """And without any of it no run goes."""
    orch("prune", *words, "--yes")

    assert left(orch) == stay


@pytest.mark.parametrize("words", [["--older", "soon"], ["--index"], ["--workflow", "x"], ["--keep", "-1"]])
def test_what_says_too_little_is_refused(orch: Shell, words: list[str]) -> None:
    """Before anything is looked at."""
    assert "hint:" in orch("prune", *words, "--yes", code=2).stderr


def test_a_run_that_is_executed_stays(orch: Shell) -> None:
    """Its owner has it, whatever its record says."""
    record(orch.store, "1123-0649-eee", a_done_run()[:3], AT + 240)
    with Lease.acquire(orch.store, "1123-0649-eee"):
        assert "1 run being executed" in orch("prune", "--older", "1m", "-n").stderr
        said = orch("prune", "--keep", "0", "--yes")

    assert left(orch) == [WAITING, "1123-0649-eee"]
    assert "prune again" in said.stderr


def test_a_damaged_run_stays_until_it_is_asked_for(orch: Shell) -> None:
    """Somebody may want to look at what happened."""
    with orch.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = '[1]' WHERE run = 1 AND seq = 3")
    orch("verify", "--all", code=1)

    orch("prune", "--older", "1m", "--yes")
    assert left(orch) == [DONE, WAITING]
    orch("prune", "--older", "1m", "--damaged", "--yes")
    assert left(orch) == [WAITING]
    assert "damaged" not in orch("runs").stdout


def test_what_agents_remember_stays_until_it_is_to_be_forgotten(orch: Shell) -> None:
    """Otherwise a conversation would lose its beginning by tidying up."""
    StoreConversations(orch.store, DONE).remember("clerk", "anna", "a", Turn("hi", "hello"))

    assert "remember" in orch("prune", "--older", "1m", "-n").stderr
    orch("prune", "--older", "1m", "--yes")
    assert left(orch) == [DONE, WAITING]
    orch("prune", "--older", "1m", "--forget", "--yes")
    assert left(orch) == [WAITING]


def test_files_of_kept_runs_stay_and_those_of_none_go(orch: Shell, project: Path) -> None:
    """The same file of two runs stays for the second."""
    both, first = making(orch, project, "both"), making(orch, project, "first")
    record(orch.store, "1123-0650-fff", [both, first, RunFinished(AT + 1, None)], AT + 1)
    record(orch.store, "1123-0651-ggg", [both, RunFinished(AT + 90_000, None)], AT + 300)
    folder = project / STORE / "artifacts"
    (folder / "mine.txt").write_text("a person put it here", encoding="utf-8")

    before = {path.name for path in folder.rglob("*") if path.is_file()}
    orch("runs", "rm", "1123-0650-fff")
    said = orch("prune", "--yes")

    after = {path.name for path in folder.rglob("*") if path.is_file()}
    gone = {name[:64] for name in before - after}
    assert gone == {first.artifacts[0]["sha256"]}, said.output


def test_a_young_file_stays(orch: Shell, project: Path) -> None:
    """The event that names it may not be written yet."""
    making(orch, project, "new")

    assert leftovers(orch.store, (), AT + 10).files == ()
    assert len(leftovers(orch.store, (), AT + 10_000).files) == 1


def test_another_store_beside_it_keeps_all_files(orch: Shell, project: Path) -> None:
    """Its runs may have made them."""
    made = making(orch, project, "theirs")
    (project / STORE / "other.db").write_bytes((project / STORE / STORE_FILE).read_bytes())

    assert "other.db" in orch("prune", "--yes").stderr
    assert list((project / STORE / "artifacts").rglob(f"{made.artifacts[0]['sha256']}*"))


def test_the_file_gets_smaller(orch: Shell, project: Path) -> None:
    """Also what only stood in the log."""
    big = [StepFinished(AT, f"a.{n}", f"{n}" * 50_000, {}) for n in range(40)]
    record(orch.store, "1123-0652-hhh", big, AT + 9)
    orch.store.close()
    file = project / STORE / STORE_FILE
    before = file.stat().st_size

    plan = orch.json("prune", "--older", "1m", "--dry-run")
    orch("prune", "--older", "1m", "--yes")

    assert plan["bytes"]["runs"] > 2_000_000
    assert file.stat().st_size < before / 5
    assert orch("verify", "--all").exit_code == 0


def test_cached_answers_go_by_their_last_use(orch: Shell) -> None:
    """Only with --cache."""
    cache = StoreCache(orch.store)
    cache.put("k", "an answer")
    cache.close()

    assert orch.json("prune", "-n")["answers"] == 0
    assert orch.json("prune", "--cache", "--older", "1d", "-n")["answers"] == 0
    assert orch.json("prune", "--cache", "-y")["answers"] == 1
    assert StoreCache(orch.store).get("k") is None


def test_old_indexes_go_by_their_last_use(orch: Shell, project: Path) -> None:
    """A young one stays."""
    folder = project / STORE / "knowledge"
    folder.mkdir()
    for name in ("old", "young"):
        (folder / f"{name}.db").write_bytes(b"x" * 100)
    os.utime(folder / "old.db", (AT - 9e7, AT - 9e7))

    assert orch.json("prune", "--index", "--older", "300d", "-y")["indexes"] == ["old"]
    assert [path.name for path in folder.iterdir()] == ["young.db"]


def test_stopping_in_the_middle_leaves_whole_runs(orch: Shell) -> None:
    """The first is gone, and nothing of the others."""
    runs = doomed(orch.store, Wish(keep=0, statuses=frozenset({"done", "failed"}))).runs

    removing = remove_doomed(orch.store, runs)
    next(removing)
    del removing

    assert left(orch) == [FAILED, WAITING]
    assert orch("verify", "--all").exit_code == 0


def test_a_run_that_somebody_went_on_with_stays(orch: Shell) -> None:
    """It was failed when the person was asked."""
    runs = doomed(orch.store, Wish(statuses=frozenset({"failed"}))).runs
    with Lease.acquire(orch.store, FAILED):
        journal = StoreJournal(orch.store, FAILED)
        journal.append(RunResumed(AT + 500, "somebody"))
        journal.close()
        told = [(row.id, gone) for row, gone in remove_doomed(orch.store, runs)]

    assert told == [(FAILED, False)]
    assert FAILED in left(orch)


def test_an_imported_run_loses_its_mark_with_its_record(orch: Shell) -> None:
    """A run of that id that comes later is not taken for it."""
    with orch.store.writing() as connection:
        mark(connection, DONE, {"run": "x"})
    orch("prune", "--status", "done", "--yes")

    assert foreign(orch.store) == {}


def test_damaged_alone_takes_only_the_damaged_ones(orch: Shell) -> None:
    """They are listed as what they are, and it is said how many went."""
    with orch.store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = replace(payload, 'low', 'LOW') WHERE run = 1")
    verified(orch.store, DONE)

    would = orch("prune", "-n", "--damaged").stdout
    did = orch("prune", "--damaged", "-y").stderr

    assert "damaged  support-desk" in would
    assert "1 run, " in would
    assert "removed 1 run; " in did
    assert left(orch) == [FAILED, WAITING]


def test_a_store_that_cannot_be_read_is_the_same_error_as_for_a_list(orch: Shell, project: Path) -> None:
    """Also where no run was to go, which needs none of its rows."""
    with orch.store.reading() as connection:
        page = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'runs'"
        ).scalar_one()
        size = connection.exec_driver_sql("PRAGMA page_size").scalar_one()
    orch.store.close()
    with (project / STORE / STORE_FILE).open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)

    listed = orch("runs", code=1).stderr
    pruned = orch("prune", "-n", code=1)

    assert "is damaged" in listed
    assert (pruned.stdout, pruned.stderr) == ("", listed)
