"""One owner per run: whoever was away for longer than its lease writes nothing more and has no effect on the world."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StoreError
from orchestrator.graph.open import open_workflow
from orchestrator.store.fence import FencedJournal, journal_of
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.rowlease import LEASES, RowLease
from orchestrator.store.store import Store
from tests.chaos.graphs import Flow, Node, Read
from tests.chaos.life import RUN, Ended, Life, Place, begin, effects_of, ended, live, warm
from tests.store import test_server
from tests.store.processes import process
from tests.store.samples import a_store, finished, started

FLOW = Flow(
    [
        Node("one", "send"),
        Node("gate", "look", (Read("one"),)),
        Node("two", "send", (Read("gate"),)),
    ]
)
PATIENCE = 60.0
server = test_server.url


@pytest.fixture
def shared(tmp_path: Path) -> Iterator[Store]:
    """A file that is treated as a server's database."""
    opened = a_store(tmp_path)
    yield Store(opened.engine, opened.where, place=None, name=opened.name)
    opened.close()


def run_out(store: Store) -> None:
    """What time does to a lease that nobody renews."""
    with store.writing() as connection:
        connection.execute(LEASES.update().values(expires=0.0))


def test_where_the_store_is_a_file_there_is_nothing_to_look_after(tmp_path: Path) -> None:
    """The lock is the kernel's, and held for life."""
    store = a_store(tmp_path)
    with Lease.acquire(store, "r"):
        store.create("r", started("r"))
        journal = journal_of(store, "r")
        assert type(journal) is StoreJournal
        journal.close()
    store.close()


@pytest.mark.parametrize("taken", [True, False], ids=["taken over", "only run out"])
def test_a_lost_lease_is_felt_in_the_append(shared: Store, taken: bool) -> None:
    """Before the other one has written anything, when the count of events would not show it yet."""
    with Lease.acquire(shared, "r"):
        shared.create("r", started("r"))
        journal = journal_of(shared, "r")
        assert isinstance(journal, FencedJournal)
        run_out(shared)
        if taken:
            assert RowLease(shared, "r", "ben").take() is None
        journal.append(finished(1))

        with pytest.raises(StoreError, match="this process no longer executes run r"):
            journal.close()

    assert shared.run("r").events == 1


def test_a_lost_lease_is_felt_before_an_effect(shared: Store) -> None:
    """Whoever wants to have one flushes first, though there may be nothing left to write."""
    with Lease.acquire(shared, "r"):
        shared.create("r", started("r"))

        async def effects() -> None:
            journal = journal_of(shared, "r")
            journal.append(finished(1))
            await journal.flush()
            await journal.flush()
            run_out(shared)
            with pytest.raises(StoreError, match="no longer executes"):
                await journal.flush()
            journal.close()

        asyncio.run(effects())

    assert shared.run("r").events == 2


def test_a_stopped_owner_wakes_and_does_nothing(tmp_path: Path) -> None:
    """SIGSTOP, the lease runs out, another process ends the run, SIGCONT: each effect is there once."""
    with process(play, tmp_path, "") as (_, told):
        assert told.poll(PATIENCE), "it hangs"
        _all_is_well(*told.recv())


def test_a_stopped_owner_wakes_and_does_nothing_on_a_server(tmp_path: Path, server: str) -> None:
    """The same with PostgreSQL."""
    with process(play, tmp_path, server) as (_, told):
        assert told.poll(PATIENCE), "it hangs"
        _all_is_well(*told.recv())


def _all_is_well(slow: Ended, other: Ended, refused: Ended, effects: list[dict[str, str]]) -> None:
    assert other.status == "done", other
    assert refused.status == "fault"
    assert f"run {RUN} is being executed by process " in refused.error
    assert slow.status == "fault", slow
    assert f"this process no longer executes run {RUN}" in slow.error
    assert [effect["to"].split()[0] for effect in effects] == ["one", "two"]


def play(tell: Connection, folder: Path, url: str) -> None:
    """In a process without threads, which may fork."""
    (folder / "warm").mkdir()
    warm(folder / "warm")
    place = Place(folder, open_workflow(FLOW.write(folder)), url=url, shared=not url)
    slow = begin(place, Life())
    _until(lambda: len(effects_of(place)) == 1)
    refused = live(place, Life())
    _until(lambda: _waits_at_the_gate(place))
    os.kill(slow, signal.SIGSTOP)
    store = place.store()
    run_out(store)
    place.gate.touch()
    other = live(place, Life())
    os.kill(slow, signal.SIGCONT)
    woken = ended(place, slow)
    problems = store.verify(RUN)
    store.delete(RUN)
    store.close()
    assert not problems, problems
    tell.send((woken, other, refused, effects_of(place)))


def _waits_at_the_gate(place: Place) -> bool:
    store: Any = place.store()
    try:
        return any(event.kind == "call.started" and event.path == "gate" for _, event in store.events(RUN))
    finally:
        store.close()


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it does not come to it"
        time.sleep(0.02)


def test_two_resumes_at_once_are_one_run_and_one_refusal(tmp_path: Path) -> None:
    """The refused one says who has it and how to follow it; each effect is there once."""
    with process(play_two, tmp_path) as (_, told):
        assert told.poll(PATIENCE), "it hangs"
        ends, effects = told.recv()

    assert sorted(end.status for end in ends) == ["done", "fault"]
    assert "is being executed by process" in next(end.error for end in ends if end.status == "fault")
    assert [effect["to"].split()[0] for effect in effects] == ["one", "two"]


def play_two(tell: Connection, folder: Path) -> None:
    (folder / "warm").mkdir()
    warm(folder / "warm")
    place = Place(folder, open_workflow(FLOW.write(folder)))
    before = 2 * 4  # the second step begins
    assert live(place, Life(str(before))).status == "killed"
    both = [begin(place, Life()), begin(place, Life())]
    _until(lambda: len(list(folder.glob("told.*"))) == 1)
    place.gate.touch()
    tell.send(([ended(place, one) for one in both], effects_of(place)))
