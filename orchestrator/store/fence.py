"""The journal of a run whose lease can be lost: it writes nothing and lets nobody have an effect once it is.

Where the store is a file its owner has a lock for life, and there is nothing to look after.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from orchestrator.store.journal import OnCommit, StoreJournal
from orchestrator.store.store import Store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from orchestrator.store.rowlease import RowLease


def journal_of(store: Store, run: str, on_commit: OnCommit | None = None) -> StoreJournal:
    """The journal of a run whose lease was acquired through this store."""
    lease = store.leases.get(run)
    return (
        StoreJournal(store, run, on_commit) if lease is None else FencedJournal(store, run, lease, on_commit)
    )


class FencedStore(Store):
    """The same store; each of its transactions holds only while the lease does."""

    def __init__(self, store: Store, lease: RowLease) -> None:
        super().__init__(store.engine, store.where, place=store.place, name=store.name)
        self._lease = lease

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[Connection]:
        with super().writing(durable=durable) as connection:
            self._lease.hold(connection)
            yield connection


class FencedJournal(StoreJournal):
    """Whoever flushes before an effect hears that the run has passed to somebody else."""

    def __init__(self, store: Store, run: str, lease: RowLease, on_commit: OnCommit | None) -> None:
        self._lease = lease
        super().__init__(FencedStore(store, lease), run, on_commit)

    async def flush(self) -> None:
        await super().flush()
        await asyncio.to_thread(self._lease.check)
