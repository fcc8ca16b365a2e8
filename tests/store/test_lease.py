"""One owner per run, whatever happens to it; on a server by a row on the server's clock."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.store.lease import FileLock, Lease, me, owner, owner_alive
from orchestrator.store.rowlease import LEASES, RowLease, holder
from orchestrator.store.store import Store
from tests.store.processes import hear, hold, process
from tests.store.samples import a_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


def test_a_second_owner_is_refused_with_the_first_ones_name(store: Store, tmp_path: Path) -> None:
    """The message says which process it is and how to follow it."""
    with process(hold, tmp_path, "r") as (child, told):
        assert hear(told) == "held"

        with pytest.raises(StoreError, match=f"run r is being executed by process {child.pid} on ") as caught:
            Lease.acquire(store, "r")

        assert caught.value.hint == "follow it with `orch logs r -f`"


def test_a_killed_owner_frees_the_run_at_once(store: Store, tmp_path: Path) -> None:
    """No stale lock file, no waiting time."""
    with process(hold, tmp_path, "r") as (child, told):
        assert hear(told) == "held"
        assert owner_alive(store, "r")
        child.kill()
        child.join()

        assert not owner_alive(store, "r")
        with Lease.acquire(store, "r"):
            assert owner_alive(store, "r")


def test_asking_for_the_owner_does_not_take_the_lease(store: Store) -> None:
    """Not even of the process itself: the lock is held by the open file."""
    assert owner(store, "r") is None
    with Lease.acquire(store, "r"):
        assert [owner_alive(store, "r") for _ in range(3)] == [True] * 3
        with pytest.raises(StoreError):
            Lease.acquire(store, "r")
    assert owner(store, "r") is None


def test_a_disk_without_room_for_the_name_of_the_owner_is_told(store: Store) -> None:
    """With the file and what to do; nobody holds the run then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StoreError, match=r"cannot lock .*\.r\.lock: ") as caught:
            Lease.acquire(store, "r")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    assert "free some space" in caught.value.hint
    assert owner(store, "r") is None
    with Lease.acquire(store, "r"):
        assert owner_alive(store, "r")


def test_runs_have_leases_of_their_own(store: Store) -> None:
    """Executing one does not lock the others."""
    with Lease.acquire(store, "a"), Lease.acquire(store, "b"):
        assert owner_alive(store, "a")
        assert owner_alive(store, "b")
        assert not owner_alive(store, "c")


def test_a_released_lease_leaves_nothing_behind(store: Store) -> None:
    """Ten thousand runs are not ten thousand lock files."""
    with Lease.acquire(store, "r"):
        assert store.place is not None
        assert len(list((store.place / "locks").iterdir())) == 1

    assert list((store.place / "locks").iterdir()) == []


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(tmp_path: Path) -> None:
    """Between opening the file and locking it the owner ended, and somebody else became the owner."""
    path = tmp_path / "locks" / "r.lock"
    first, second = FileLock(path), FileLock(path)

    class Late(FileLock):
        def _open(self) -> int:
            descriptor = super()._open()
            if owners:
                owners.pop().release()
                assert second.take() is None
            return descriptor

    owners = [first]
    assert first.take() is None

    assert Late(path).take() == me()
    second.release()
    assert Late(path).take() is None


def test_a_row_lease_is_held_by_one(store: Store) -> None:
    """The second sees who the first is; after the release it may have it."""
    first, second = RowLease(store, "r", "ann"), RowLease(store, "r", "ben")

    assert first.take() is None
    assert second.take() == "ann"
    assert holder(store, "r") == "ann"
    first.release()
    assert second.take() is None
    second.release()
    assert holder(store, "r") is None


def test_a_row_lease_that_ran_out_can_be_taken_over(store: Store) -> None:
    """Whoever lost it notices at the next renewal."""
    slow, other = RowLease(store, "r", "ann"), RowLease(store, "r", "ben")
    assert slow.take() is None
    with store.writing() as connection:
        connection.execute(LEASES.update().values(expires=0.0))

    assert other.take() is None
    assert not slow.renew()
    assert other.renew()
    slow.release()
    assert holder(store, "r") == "ben"
    other.release()


def test_a_row_lease_is_renewed_while_it_is_held(store: Store) -> None:
    """A renewal moves the end away."""
    lease = RowLease(store, "r", "ann", seconds=1000)
    assert lease.take() is None
    with store.writing() as connection:
        connection.execute(LEASES.update().values(expires=0.0))
    assert holder(store, "r") is None

    assert lease.renew()
    assert holder(store, "r") == "ann"
    lease.release()
