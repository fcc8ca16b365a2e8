"""A store that cannot be used says what is wrong, with which file, and what to do."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from orchestrator.errors import OrchError, StoreError, UsageError
from orchestrator.events import Event
from orchestrator.store.faults import explain
from orchestrator.store.inbox import post
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from tests.store.samples import a_store, finished, started


def file_of(folder: Path) -> Path:
    return folder / ".orch" / "store.db"


def test_a_missing_store_is_not_made_for_a_reader(tmp_path: Path) -> None:
    """The message says how to get one, and no file appears."""
    with pytest.raises(StoreError, match="there is no run store at") as caught:
        open_store(file_of(tmp_path), create=False)

    assert "orch run" in caught.value.hint
    assert not (tmp_path / ".orch").exists()


@pytest.mark.parametrize(
    "content",
    [b"not a database, but a letter\n" * 500, b"\x00" * 8192, b"SQLite format 3\x00" + b"\xff" * 5000],
)
def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path, content: bytes) -> None:
    """It may be somebody's letter."""
    file_of(tmp_path).parent.mkdir()
    file_of(tmp_path).write_bytes(content)

    with pytest.raises(StoreError, match=r"store\.db") as caught:
        a_store(tmp_path)

    assert "move the file away" in caught.value.hint
    assert file_of(tmp_path).read_bytes() == content


def test_a_database_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    """SQLite files are everywhere."""
    file_of(tmp_path).parent.mkdir()
    with sqlite3.connect(file_of(tmp_path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url TEXT)")
    connection.close()

    with pytest.raises(StoreError, match=r"not a run store .*'bookmarks'"):
        a_store(tmp_path)


def test_a_store_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    """An older program must not write what it does not understand."""
    a_store(tmp_path).close()
    with sqlite3.connect(file_of(tmp_path)) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    connection.close()

    with pytest.raises(StoreError, match="written by a newer orch") as caught:
        a_store(tmp_path)

    assert "upgrade orch" in caught.value.hint


def test_a_locked_store_says_so(tmp_path: Path) -> None:
    """A write that waited long enough ends with a sentence."""
    a_store(tmp_path).close()
    store = open_store(file_of(tmp_path), busy=0.01)
    other = sqlite3.connect(file_of(tmp_path), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StoreError, match="locked by another process"):
        store.create("r", started("r"))

    other.close()
    store.create("r", started("r"))
    store.close()


def test_a_database_that_may_only_be_read_says_so(tmp_path: Path) -> None:
    """The sentence for what SQLite calls READONLY."""
    a_store(tmp_path).close()
    connection = sqlite3.connect(f"file:{file_of(tmp_path)}?mode=ro", uri=True)
    with pytest.raises(sqlite3.OperationalError) as caught:
        connection.execute("DELETE FROM runs")
    connection.close()

    error = explain(caught.value, "/project/.orch/store.db")

    assert error.message.startswith("the run store /project/.orch/store.db cannot be written")
    assert "writable" in error.hint


def test_a_name_that_is_not_utf8_is_no_defect(tmp_path: Path) -> None:
    """Of an old file system: no database takes it, and the sentence says which it is."""
    store = a_store(tmp_path)

    with pytest.raises(StoreError, match=r"not UTF-8: '/caf\\udce9/w.yaml'") as caught:
        store.create("r", started("r", file="/caf\udce9/w.yaml"))

    assert "another one" in caught.value.hint
    assert store.runs() == []
    store.close()


def test_a_number_of_more_than_64_bits_is_no_defect(tmp_path: Path) -> None:
    """The driver has an error of its own for it."""
    store = a_store(tmp_path)

    with pytest.raises(StoreError, match="64 bits"):
        store.create("r", started("r", steps=2**63))
    store.close()


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    """A file stands where the folder should."""
    (tmp_path / ".orch").write_text("", encoding="utf-8")

    with pytest.raises(StoreError, match="cannot be made"):
        a_store(tmp_path)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "postgres//x", "://"])
def test_an_address_that_is_none_is_a_usage_error(url: str) -> None:
    """The setting is named."""
    with pytest.raises(OrchError) as caught:
        open_store(url if "://" in url else f"{url}://")

    assert caught.value.hint


def test_a_server_without_a_driver_says_what_to_install() -> None:
    """And never prints the password."""
    with pytest.raises(StoreError) as caught:
        open_store("oracle+nodriver://ann:geheim@127.0.0.1/runs")

    assert "geheim" not in caught.value.message


def test_a_store_by_url_is_the_same_store(tmp_path: Path) -> None:
    """ORCH_DATABASE_URL may name the file."""
    store = a_store(tmp_path)
    store.create("r", started("r"))
    store.close()

    by_url = open_store(f"sqlite:///{file_of(tmp_path)}")

    assert by_url.find("last") == "r"
    by_url.close()


def test_random_damage_never_ends_in_a_traceback(tmp_path: Path, full: bool) -> None:
    """Whatever bytes are wrong, reading gives the truth, a StoreError, or `verify` reports it."""
    chance = random.Random(7)
    store = a_store(tmp_path)
    store.create("r", started("r"))
    journal = StoreJournal(store, "r")
    for number in range(300):
        journal.append(finished(number, {"text": f"answer {number} " * 20}))
    journal.close()
    truth = list(store.events("r"))
    with store.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    store.close()
    sound = file_of(tmp_path).read_bytes()
    for _ in range(500 if full else 60):
        broken = bytearray(sound)
        for _ in range(chance.choice([1, 1, 1, 200])):
            broken[chance.randrange(100, len(broken))] ^= 1 << chance.randrange(8)
        file_of(tmp_path).write_bytes(broken)
        for leftover in (".orch/store.db-wal", ".orch/store.db-shm"):
            (tmp_path / leftover).unlink(missing_ok=True)

        assert _is_told(tmp_path, truth)


def _is_told(folder: Path, truth: list[tuple[int, Event]]) -> bool:
    try:
        store = a_store(folder)
    except StoreError:
        return True
    try:
        problems = store.verify("r")
        return bool(problems) or list(store.events("r")) == truth
    except (StoreError, UsageError):
        return True
    finally:
        store.close()


def test_a_damaged_run_does_not_hide_the_others(tmp_path: Path) -> None:
    """Only the run whose row is wrong is in quarantine."""
    store = a_store(tmp_path)
    for run in ("good", "bad"):
        store.create(run, started(run))
        journal = StoreJournal(store, run)
        journal.append(finished(1))
        journal.close()
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = '{\"value\":' WHERE run = 2 AND seq = 1")

    with pytest.raises(StoreError, match="event 1 of run bad is damaged"):
        list(store.events("bad"))

    assert store.verify("bad") != []
    assert store.verify("good") == []
    assert len(list(store.events("good"))) == 2
    assert post(store, "good", "cancel", {}) == 1
    store.close()
