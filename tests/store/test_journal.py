"""The journal: in order, in groups, durable when it says so, and silent after a fault."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import StoreError
from orchestrator.events import AttemptFinished, Event
from orchestrator.store.journal import LIMIT, StoreJournal
from orchestrator.store.store import Store
from tests.store.samples import a_store, finished, one_of_each, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    opened.create("r", started("r"))
    yield opened
    opened.close()


def test_what_was_flushed_is_there_for_another_connection(store: Store, tmp_path: Path) -> None:
    """Flush returns when the events are in the file."""

    async def write() -> None:
        journal = StoreJournal(store, "r")
        journal.append(finished(1))
        await journal.flush()
        other = a_store(tmp_path)
        assert [event for _, event in other.events("r", after=0)] == [finished(1)]
        other.close()
        journal.close()

    asyncio.run(write())


def test_commits_are_told_in_order_on_the_event_loop(store: Store) -> None:
    """Progress shows what is committed, and nobody needs a lock for it."""
    told: list[tuple[int, Event]] = []
    threads: set[int] = set()

    def on_commit(batch: Sequence[tuple[int, Event]]) -> None:
        told.extend(batch)
        threads.add(threading.get_ident())

    async def write() -> None:
        journal = StoreJournal(store, "r", on_commit)
        for number in range(3_000):
            journal.append(finished(number))
        await journal.flush()
        journal.close()
        await asyncio.sleep(0)

    asyncio.run(write())

    assert told == [(number + 1, finished(number)) for number in range(3_000)]
    assert threads == {threading.get_ident()}


def test_many_tasks_wait_for_one_commit(store: Store) -> None:
    """Every flush returns, whoever asked first."""

    async def step(journal: StoreJournal, number: int) -> int:
        journal.append(finished(number))
        await journal.flush()
        return number

    async def write() -> list[int]:
        journal = StoreJournal(store, "r")
        done = await asyncio.gather(*(step(journal, number) for number in range(200)))
        journal.close()
        return list(done)

    assert asyncio.run(write()) == list(range(200))
    assert store.run("r").events == 201


def test_a_flush_that_is_cancelled_disturbs_nobody(store: Store) -> None:
    """A step that timed out while it waited for the disk leaves the journal as it was."""

    async def write() -> None:
        journal = StoreJournal(store, "r")
        journal.append(finished(1))
        waiting = asyncio.create_task(journal.flush())
        await asyncio.sleep(0)
        waiting.cancel()
        journal.append(finished(2))
        await journal.flush()
        journal.close()

    asyncio.run(write())

    assert store.run("r").events == 3


def test_more_than_the_queue_holds_waits_for_the_writer(store: Store) -> None:
    """Memory stays flat however fast the engine is."""
    journal = StoreJournal(store, "r")
    longest = 0
    for number in range(LIMIT * 2):
        journal.append(finished(number))
        longest = max(longest, len(journal._queue))
    journal.close()

    assert longest <= LIMIT
    assert store.run("r").events == LIMIT * 2 + 1


def test_closing_writes_what_waits(store: Store) -> None:
    """Nothing appended is lost by an orderly end, and nothing can be appended behind it."""
    journal = StoreJournal(store, "r")
    journal.append(finished(1))
    journal.close()
    journal.close()

    assert store.run("r").events == 2
    with pytest.raises(StoreError, match="closed"):
        journal.append(finished(2))


def test_a_value_that_cannot_be_recorded_stops_the_journal_there(store: Store) -> None:
    """What came before it is kept, the fault is raised at the next call, nothing behind it is written."""

    async def write() -> None:
        journal = StoreJournal(store, "r")
        journal.append(finished(1))
        journal.append(finished(2, math.nan))
        journal.append(finished(3))
        with pytest.raises(StoreError, match=r"triage\.2"):
            await journal.flush()
        with pytest.raises(StoreError, match=r"triage\.2"):
            journal.append(finished(4))
        with pytest.raises(StoreError, match=r"triage\.2"):
            journal.close()

    asyncio.run(write())

    assert [event for _, event in store.events("r", after=0)] == [finished(1)]
    assert store.verify("r") == []


def test_a_second_writer_is_found_out_before_it_writes(store: Store) -> None:
    """Who lost the lease without noticing finds the chain longer than it left it."""

    async def write() -> None:
        late, owner = StoreJournal(store, "r"), StoreJournal(store, "r")
        owner.append(finished(1))
        await owner.flush()
        late.append(finished(2))
        with pytest.raises(StoreError, match="another process has written"):
            await late.flush()
        owner.append(finished(3))
        await owner.flush()
        owner.close()

    asyncio.run(write())

    assert [event for _, event in store.events("r", after=0)] == [finished(1), finished(3)]
    assert store.verify("r") == []


def test_a_later_journal_continues_the_chain_and_the_totals(store: Store) -> None:
    """Resume appends behind what another process wrote."""
    for number in range(3):
        journal = StoreJournal(store, "r")
        journal.append(finished(number))
        assert journal.last == number + 1
        journal.close()

    assert store.run("r").finished == 3
    assert store.verify("r") == []


def test_a_loop_that_has_ended_does_not_stop_the_writer(store: Store) -> None:
    """What was appended before the end of the loop is written by `close`."""

    async def begin() -> StoreJournal:
        journal = StoreJournal(store, "r", lambda committed: None)
        journal.append(finished(1))
        return journal

    journal = asyncio.run(begin())
    journal.append(finished(2))
    journal.close()

    assert store.run("r").events == 3


def ended(name: str) -> None:
    """What a thread says at its end is said in this test and in no other."""
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join(60)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_writer_that_breaks_off_leaves_nobody_waiting(store: Store) -> None:
    """A defect in a listener ends the journal, loudly, and the error says what it was."""

    def fail(committed: Sequence[tuple[int, Event]]) -> None:
        raise ZeroDivisionError

    journal = StoreJournal(store, "r", fail)
    journal.append(finished(1))

    with pytest.raises(StoreError, match=r"broke off \(ZeroDivisionError") as caught:
        asyncio.run(journal.flush())
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "orch resume r" in caught.value.hint
    with pytest.raises(StoreError, match="broke off"):
        journal.append(finished(2))
    ended("journal r")


def test_numbers_beyond_the_databases_are_counted_as_its_largest(store: Store) -> None:
    """A server may say that it read more tokens than there are; its events stand in the record all the same."""
    known = next(event for event in one_of_each() if isinstance(event, AttemptFinished))
    paid = replace(known, prompt_tokens=2**63, cost=2**63)

    journal = StoreJournal(store, "r")
    journal.append(paid)
    journal.append(paid)
    journal.append(finished(1))
    journal.close()

    assert [event for _, event in store.events("r", after=0)] == [paid, paid, finished(1)]
    assert (store.run("r").cost, store.run("r").prompt_tokens) == (2**63 - 1, 2**63 - 1)
    assert store.verify("r") == []
