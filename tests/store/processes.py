"""What the store's tests let other processes do: they are forked from a server that has the imports done already."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from orchestrator.errors import StoreError
from orchestrator.events import RunFinished
from orchestrator.store.inbox import take
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.live import LiveSender
from tests.store.samples import AT, a_store, finished, started

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["tests.store.processes"])
PATIENCE = 60.0
"""Seconds after which a test gives up on another process."""


@contextmanager
def process(work: Callable[..., None], *arguments: Any) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that does `work(connection, *arguments)`; it is dead afterwards, whatever happens."""
    here, there = CONTEXT.Pipe()
    child = CONTEXT.Process(target=work, args=(there, *arguments), daemon=True)
    child.start()
    there.close()
    try:
        yield child, here
    finally:
        here.close()
        child.kill()
        child.join()
        child.close()


def hear(connection: Connection) -> Any:
    """The next thing the other process says."""
    assert connection.poll(PATIENCE), "the other process says nothing"
    return connection.recv()


def write_until_killed(tell: Connection, folder: Path, run: str, group: int, size: int) -> None:
    """Become the owner and append groups of events, telling the number of the last after every flush."""

    async def write() -> None:
        store = a_store(folder)
        with Lease.acquire(store, run):
            journal = StoreJournal(store, run)
            while True:
                for _ in range(group):
                    journal.append(finished(journal.last, "x" * size))
                await journal.flush()
                tell.send(journal.last)

    asyncio.run(write())


def write_a_run(
    tell: Connection,
    folder: Path,
    run: str,
    events: int,
    start: Barrier | None = None,
    file: str = "store.db",
) -> None:
    """A whole run, flushed event by event; the store may not exist before."""

    async def write() -> None:
        if start is not None:
            start.wait(PATIENCE)
        store = a_store(folder, file)
        with Lease.acquire(store, run):
            store.create(run, started(run))
            tell.send("created")
            journal = StoreJournal(store, run)
            for number in range(events):
                journal.append(finished(number))
                await journal.flush()
            journal.append(RunFinished(AT, "done"))
            journal.close()
        store.close()

    asyncio.run(write())
    tell.send("done")


def hold(tell: Connection, folder: Path, run: str) -> None:
    """Own a run without a word until killed."""
    store = a_store(folder)
    with Lease.acquire(store, run):
        store.create(run, started(run))
        tell.send("held")
        tell.recv()


def fill_the_disk(tell: Connection, folder: Path, run: str, room: int) -> None:
    """Write until the file may not grow any more; tell what was durable, and the fault."""

    async def write() -> None:
        store = a_store(folder)
        store.create(run, started(run))
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
        journal = StoreJournal(store, run)
        durable = 0
        try:
            while True:
                journal.append(finished(journal.last, "x" * 2_000))
                await journal.flush()
                durable = journal.last
        except StoreError as error:
            tell.send((durable, error.message, error.hint))

    asyncio.run(write())


def serve_the_inbox(tell: Connection, folder: Path, run: str, messages: int) -> None:
    """An owner that answers every message with an event, as often as it is asked."""
    store = a_store(folder)
    with Lease.acquire(store, run):
        store.create(run, started(run))
        journal = StoreJournal(store, run)
        tell.send("ready")
        while store.run(run).finished < messages:
            for row in take(store, run):
                journal.append(finished(0, row.payload["number"]), consumed=[row.id])
            asyncio.run(journal.flush())
        journal.close()
        tell.send("done")


def talk(tell: Connection, folder: Path, run: str, file: str) -> None:
    """A run whose only step is written token by token, once somebody watches."""

    async def write() -> None:
        store = a_store(folder, file)
        with Lease.acquire(store, run):
            store.create(run, started(run))
            live = LiveSender(store, run)
            journal = StoreJournal(store, run)
            tell.send("created")
            while not live.watched:
                live("draft", "")
                await asyncio.sleep(0.01)
            for token in ("Once", " upon", " a\n", "time"):
                live("draft", token)
            live.close()
            tell.recv()
            journal.append(RunFinished(AT, "done"))
            journal.close()

    asyncio.run(write())
