"""The store on a PostgreSQL server, started here where its programs are installed."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.cache import StoreCache
from orchestrator.store.inbox import post, take
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease, owner_alive
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import DONE, WAITING, Shell, record_all
from tests.store.samples import finished, one_of_each, started
from tests.store.test_shared import project as project_in
from tests.store.test_shared import ran


def _programs() -> Path | None:
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server of our own, reached through a socket file; it refuses to run as root, so then as nobody."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed here (no initdb)")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    user = "nobody" if os.getuid() == 0 else None
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)

    def call(program: str, *words: str) -> None:
        command = [str(programs / program), "-D", f"{folder}/data", *words]
        subprocess.run(
            command, user=user, check=True, cwd=folder, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )

    call("initdb", "-A", "trust", "-U", "orch", "--no-sync")
    call("pg_ctl", "-o", f"-c listen_addresses='' -k {folder}", "-l", f"{folder}/log", "-w", "start")
    try:
        yield f"postgresql+psycopg://orch@/postgres?host={folder}"
    finally:
        call("pg_ctl", "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    opened = open_store(url)
    yield opened
    for row in opened.runs():
        opened.delete(row.id)
    opened.close()


def test_events_come_back_the_same(store: Store) -> None:
    """Every kind, with large values, NUL and characters beyond the basic plane."""
    events = [*one_of_each()[1:], finished(1, "x" * 50_000), finished(2, {"$blob": "\x00😀"})]
    store.create("r", started("r"))
    journal = StoreJournal(store, "r")
    for event in events:
        journal.append(event)
    journal.close()

    assert [event for _, event in store.events("r", after=0)] == events
    assert store.verify("r") == []


def test_a_store_of_version_7_gets_the_origins_of_its_runs(store: Store, url: str) -> None:
    """From their first events, as in a file."""
    store.create("r", started("r"))
    store.create("s", started("s", options={"forked": {"run": "r", "at": "", "events": 1}}))
    with store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE runs DROP COLUMN origin")
        connection.exec_driver_sql("UPDATE meta SET value = '7' WHERE key = 'version'")

    again = open_store(url)

    assert {row.id: row.origin for row in again.runs()} == {"r": None, "s": "r"}
    again.close()


def test_one_process_owns_a_run(store: Store, url: str) -> None:
    """The second is told who the first is; what is held is not deleted."""
    other = open_store(url)
    with Lease.acquire(store, "r"):
        store.create("r", started("r"))
        assert store.run("r").status == "running"
        with pytest.raises(StoreError, match=r"run r is being executed by process \d+"):
            Lease.acquire(other, "r")
        with pytest.raises(StoreError, match="being executed"):
            other.delete("r")

    assert not owner_alive(other, "r")
    assert other.run("r").status == "interrupted"
    other.close()


def test_a_writer_that_lost_its_lease_is_fenced(store: Store, url: str) -> None:
    """The chain has one writer."""
    store.create("r", started("r"))
    other = open_store(url)
    late, new = StoreJournal(store, "r"), StoreJournal(other, "r")

    new.append(finished(1))
    new.close()
    late.append(finished(2))

    with pytest.raises(StoreError, match="another process has written"):
        late.close()
    assert store.verify("r") == []
    other.close()


def test_writers_that_store_the_same_large_value_do_not_meet(store: Store, url: str) -> None:
    """Runs of one workflow share their documents."""
    for run in "abcd":
        store.create(run, started(run))

    def write(run: str) -> None:
        mine = open_store(url)
        journal = StoreJournal(mine, run)
        for number in range(20):
            journal.append(finished(number, f"{number}" * 9_000))
            asyncio.run(journal.flush())
        journal.close()
        mine.close()

    threads = [threading.Thread(target=write, args=(run,)) for run in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [store.verify(run) for run in "abcd"] == [[]] * 4
    store.delete("a")
    assert store.verify("b") == []
    assert store.event("b", 1) == finished(0, "0" * 9_000)


def test_inbox_and_cache_work(store: Store) -> None:
    """In order, exactly once; the later value wins."""
    store.create("r", started("r"))
    message = post(store, "r", "approve", {"choice": "é"})
    assert [row.payload for row in take(store, "r")] == [{"choice": "é"}]
    journal = StoreJournal(store, "r")
    journal.append(finished(1), consumed=[message])
    journal.close()
    cache = StoreCache(store)
    cache.put("k", 1)
    cache.put("k", {"a": "\x00"})
    cache.close()

    assert take(store, "r") == []
    assert StoreCache(store).get("k") == {"a": "\x00"}


def test_a_server_that_does_not_answer_is_one_clear_error(tmp_path: Path) -> None:
    """Without the password."""
    with pytest.raises(StoreError) as caught:
        open_store(f"postgresql+psycopg://ann:geheim@/runs?host={tmp_path}")

    assert "geheim" not in caught.value.message + caught.value.hint
    assert "postgresql" in caught.value.message


# --------------------------------------------------------------------- what the command line does with a store


@pytest.fixture
def orch(store: Store, url: str, project: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.chdir(project)
    monkeypatch.setenv("ORCH_DATABASE_URL", url)
    record_all(store)
    return Shell(store)


def test_runs_are_pruned(orch: Shell) -> None:
    """Those that were agreed on, with their events and the values that nothing else names; the rest stays whole."""
    said = orch("prune", "--older", "1m", "--dry-run").stdout
    orch("prune", "--older", "1m", "--yes")

    assert "2 runs, " in said
    assert [row.id for row in orch.store.runs()] == [WAITING]
    assert orch.store.verify(WAITING) == []
    with orch.store.reading() as connection:
        runs = connection.exec_driver_sql("SELECT count(DISTINCT run) FROM events").scalar_one()
    assert runs == 1


def test_a_run_is_exported_and_imported(orch: Shell, project: Path) -> None:
    """Out of the server and back into it; a second time changes nothing."""
    before = list(orch.store.events(DONE))
    orch("runs", "export", DONE, "-o", "run.orch", "--everything", "--yes")
    orch.store.delete(DONE)

    orch("runs", "import", "run.orch")
    orch("runs", "import", "run.orch")

    assert [event for _, event in orch.store.events(DONE)] == [event for _, event in before]
    assert orch.store.verify(DONE) == []


def test_a_server_may_hold_the_answers_that_a_team_shares(
    store: Store, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second project asks once less."""
    monkeypatch.setenv("ORCH_CACHE", url)

    assert ran(project_in(tmp_path / "one"), monkeypatch) == 2
    assert ran(project_in(tmp_path / "two"), monkeypatch) == 1
