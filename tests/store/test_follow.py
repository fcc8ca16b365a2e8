"""Following a run from another process: every event, in order, until nobody executes it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from orchestrator.errors import UsageError
from orchestrator.events import RunFinished
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.store.processes import hear, hold, process, write_a_run
from tests.store.samples import AT, a_store, started


async def numbers(store: Store, run: str, stop: asyncio.Event | None = None) -> list[int]:
    return [seq async for page in store.follow(run, poll=0.01, stop=stop) for seq, _ in page]


def test_a_follower_sees_every_event_of_a_live_run_in_order(tmp_path: Path) -> None:
    """It starts while the run is going and ends with it."""
    store = a_store(tmp_path)
    with process(write_a_run, tmp_path, "r", 200) as (_, told):
        assert hear(told) == "created"
        seen = asyncio.run(numbers(store, "r"))

    assert seen == list(range(202))
    assert store.run("r").status == "done"
    assert store.event("r", 201) == RunFinished(AT, "done")
    store.close()


def test_a_follower_ends_when_the_owner_dies_without_a_word(tmp_path: Path) -> None:
    """And the status says so."""
    store = a_store(tmp_path)

    async def follow_and_kill() -> list[int]:
        with process(hold, tmp_path, "r") as (child, told):
            assert hear(told) == "held"
            following = asyncio.create_task(numbers(store, "r"))
            await asyncio.sleep(0.05)
            assert not following.done()
            child.kill()
            return await following

    assert asyncio.run(follow_and_kill()) == [0]
    assert store.run("r").status == "interrupted"
    store.close()


def test_a_follower_can_be_stopped_while_the_run_goes_on(tmp_path: Path) -> None:
    """A screen that is closed does not wait for the run."""
    store = a_store(tmp_path)

    async def follow_and_stop() -> list[int]:
        stop = asyncio.Event()
        following = asyncio.create_task(numbers(store, "r", stop))
        await asyncio.sleep(0)
        stop.set()
        return await following

    with Lease.acquire(store, "r"):
        store.create("r", started("r"))
        assert asyncio.run(follow_and_stop()) in ([], [0])
    store.close()


def test_following_a_run_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """No endless wait for nothing."""
    store = a_store(tmp_path)

    with pytest.raises(UsageError, match="no run 'nope'"):
        asyncio.run(numbers(store, "nope"))
    store.close()
