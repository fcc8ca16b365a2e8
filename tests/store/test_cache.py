"""Answers by key: remembered, bounded, shared, and never a reason to fail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from orchestrator.errors import StoreError
from orchestrator.store.cache import StoreCache
from orchestrator.store.store import Store
from tests.store.samples import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


def test_a_value_is_there_at_once_and_for_the_next_process(store: Store, tmp_path: Path) -> None:
    """Put does not wait for the disk, get does not miss what is on its way."""
    cache = StoreCache(store)
    cache.put("k", {"answer": ["é", None, 1.5]})
    assert cache.get("k") == {"answer": ["é", None, 1.5]}
    cache.close()

    again = a_store(tmp_path)
    assert StoreCache(again).get("k") == {"answer": ["é", None, 1.5]}
    assert StoreCache(again).get("other") is None
    again.close()


def test_a_later_value_replaces_the_earlier(store: Store) -> None:
    """Also when both are written at once."""
    cache = StoreCache(store)
    for number in range(20):
        cache.put("k", number)
    cache.close()

    assert StoreCache(store).get("k") == 19


def test_what_was_not_used_for_longest_goes_first(store: Store) -> None:
    """Size is bounded; a hit counts as use."""
    for key in "abc":
        filling = StoreCache(store, limit=1_000)
        filling.put(key, key * 300)
        filling.close()
    reading = StoreCache(store, limit=1_000)
    assert reading.get("a") == "a" * 300
    reading.close()

    writing = StoreCache(store, limit=1_000)
    writing.put("d", "d" * 300)
    writing.close()

    kept = StoreCache(store, limit=1_000)
    assert [key for key in "abcd" if kept.get(key) is not None] == ["a", "d"]


def test_an_answer_larger_than_the_whole_cache_is_not_kept(store: Store) -> None:
    """The bound holds for one value too."""
    cache = StoreCache(store, limit=100)
    cache.put("k", "x" * 1_000)
    cache.close()

    assert StoreCache(store).get("k") is None


def test_threads_share_a_cache(store: Store) -> None:
    """Whatever the order, every key has a value that was put under it."""
    cache = StoreCache(store)

    def work(name: int) -> None:
        for number in range(50):
            cache.put(f"{number}", [number, name])
            assert (cache.get(f"{number}") or [None])[0] == number

    threads = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cache.close()

    assert [(StoreCache(store).get(f"{number}") or [None])[0] for number in range(50)] == list(range(50))


def test_a_value_that_json_cannot_hold_is_refused(store: Store) -> None:
    """It would come back as something else."""
    cache = StoreCache(store)

    with pytest.raises(StoreError, match="cannot be cached"):
        cache.put("k", float("nan"))


def test_a_broken_database_makes_the_cache_forget(store: Store, tmp_path: Path) -> None:
    """A run does not fail for the sake of a convenience."""
    cache = StoreCache(store)
    store.close()
    (tmp_path / ".orch" / "store.db").write_bytes(b"not a database" * 1000)

    cache.put("k", 1)
    cache.close()

    assert cache.get("k") is None
    assert cache.fault is not None


def written(store: Store, limit: int, *keys: str) -> list[str]:
    """Put 300 characters under each, one commit after the other by one cache. What SQLite was told to do meanwhile."""
    told: list[str] = []

    def tell(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(store.engine, "before_cursor_execute", tell)
    cache = StoreCache(store, limit=limit)
    for key in keys:
        cache.put(key, key[0] * 300)
        writing = cache._writing
        cache._hurry.set()
        if writing is not None:
            writing.result()
    cache.close()
    event.remove(store.engine, "before_cursor_execute", tell)
    return told


def test_a_value_that_is_replaced_drives_no_other_out(store: Store) -> None:
    """It takes the room of the one before."""
    written(store, 1_000, "old", *["again"] * 20)

    assert StoreCache(store).get("old") == "o" * 300


def test_what_a_full_cache_drops_makes_room_for_a_while(store: Store) -> None:
    """Many values by one cache, commit by commit: never more than the limit, and the last are there."""
    written(store, 1_000, *(f"k{number}" for number in range(12)))
    kept = StoreCache(store)

    found = [number for number in range(12) if kept.get(f"k{number}") is not None]

    assert found in ([10, 11], [9, 10, 11])


def test_a_small_file_is_not_counted(store: Store) -> None:
    """To add up all answers is to read them: a run of one step does not, where the whole store is below the limit."""
    counted = [statement for statement in written(store, 10_000_000, "a", "b") if "sum(" in statement]

    assert counted == []
    assert any("sum(" in statement for statement in written(store, 100, "c"))
