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
from tests.store.samples import finished, one_of_each, started


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
