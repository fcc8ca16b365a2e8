"""Processes that are killed, that write at once, and that run out of disk: nothing acknowledged is lost."""

from __future__ import annotations

import random
from contextlib import ExitStack
from pathlib import Path

from orchestrator.store.lease import owner_alive
from tests.store.processes import CONTEXT, fill_the_disk, hear, process, write_a_run, write_until_killed
from tests.store.samples import a_store, started


def test_kill_9_at_random_moments_loses_nothing_acknowledged(tmp_path: Path, full: bool) -> None:
    """One run, one owner after the other, each killed while it writes: the chain stays whole."""
    chance = random.Random(2)
    store = a_store(tmp_path)
    store.create("r", started("r"))
    for _ in range(200 if full else 20):
        group, size = chance.choice([1, 3, 50, 700]), chance.choice([1, 200, 20_000])
        with process(write_until_killed, tmp_path, "r", group, size) as (child, told):
            for _ in range(chance.randint(1, 6)):
                acknowledged = hear(told)
            child.kill()
            child.join()

        assert store.run("r").events > acknowledged
        assert store.verify("r") == []
        assert not owner_alive(store, "r")
    store.close()


def test_a_run_goes_on_behind_what_a_killed_owner_left(tmp_path: Path) -> None:
    """The numbers have no gap."""
    store = a_store(tmp_path)
    store.create("r", started("r"))
    for _ in range(2):
        with process(write_until_killed, tmp_path, "r", 10, 10) as (_, told):
            hear(told)

    numbers = [seq for seq, _ in store.events("r")]

    assert numbers == list(range(len(numbers)))
    assert len(numbers) >= 21
    store.close()


def test_four_processes_write_at_once_into_a_store_that_none_of_them_found(tmp_path: Path) -> None:
    """They create it together, and nobody meets a locked database."""
    start = CONTEXT.Barrier(4)
    with ExitStack() as stack:
        told = [
            stack.enter_context(process(write_a_run, tmp_path, f"run-{number}", 60, start))[1]
            for number in range(4)
        ]
        said = [[hear(connection), hear(connection)] for connection in told]

    store = a_store(tmp_path)

    assert said == [["created", "done"]] * 4
    assert [(row.status, row.events) for row in store.runs()] == [("done", 62)] * 4
    assert [store.verify(row.id) for row in store.runs()] == [[]] * 4
    store.close()


def test_a_full_disk_ends_the_run_with_a_clear_error_and_a_readable_store(tmp_path: Path) -> None:
    """The message names the store and what to do; what was durable before is still there."""
    with process(fill_the_disk, tmp_path, "r", 400_000) as (_, told):
        durable, message, hint = hear(told)

    store = a_store(tmp_path)

    assert "store.db" in message
    assert "disk" in hint or "space" in hint
    assert durable > 10
    assert store.run("r").events >= durable + 1
    assert store.verify("r") == []
    store.close()
