"""The lease where the store is a server: a row that says who executes a run until when, by the server's clock.

A thread renews it. Who could not (machine asleep, network gone) may lose the run to somebody else: `hold` ends every
transaction of the journal then, and `check` stands before every effect.
"""

from __future__ import annotations

import threading
import uuid
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Connection, Float, literal_column, select
from sqlalchemy.exc import IntegrityError

from orchestrator.errors import StoreError
from orchestrator.store.tables import LeaseRow, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

LEASES = table(LeaseRow)
SECONDS = 30.0
"""How long a lease holds without being renewed: so long a crashed owner blocks a resume."""

_CLOCKS = {
    "postgresql": "extract(epoch from clock_timestamp())",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


class RowLease:
    """The lease of one run for one process."""

    def __init__(self, store: Store, run: str, owner: str, *, seconds: float = SECONDS) -> None:
        self._store = store
        self._run = run
        self._owner = owner
        self._seconds = seconds
        self._token = uuid.uuid4().hex
        self._released = threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"lease {run}", daemon=True)

    def take(self) -> str | None:
        """None when it is ours now, else who has it."""
        if not (self._take_over() or self._insert()):
            return holder(self._store, self._run) or "another process"
        self._thread.start()
        return None

    def renew(self) -> bool:
        """Push the end away; False when the lease is no longer ours."""
        mine = (LEASES.c.run == self._run) & (LEASES.c.token == self._token)
        return self._update(mine)

    def hold(self, connection: Connection) -> None:
        """Nobody takes the run over before this transaction ends. Raises StoreError when somebody may have already."""
        mine = (LEASES.c.run == self._run) & (LEASES.c.token == self._token)
        query = select(LEASES.c.token).where(mine, LEASES.c.expires > now(self._store))
        if connection.execute(query.with_for_update(read=True)).first() is None:
            raise StoreError(
                f"this process no longer executes run {self._run}: it was stopped for longer than its lease holds",
                hint=f"see who goes on with it: orch logs {self._run} -f; or go on yourself: orch resume {self._run}",
            )

    def check(self) -> None:
        """Raise StoreError when somebody else may have taken the run over."""
        with self._store.reading() as connection:
            self.hold(connection)

    def release(self) -> None:
        self._released.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._store.writing() as connection:
            connection.execute(
                LEASES.delete().where(LEASES.c.run == self._run, LEASES.c.token == self._token)
            )

    def _keep(self) -> None:
        while not self._released.wait(self._seconds / 3):
            try:
                if not self.renew():
                    return
            except StoreError:
                continue  # the next try may reach the server in time

    def _take_over(self) -> bool:
        return self._update((LEASES.c.run == self._run) & (LEASES.c.expires <= now(self._store)))

    def _insert(self) -> bool:
        row = {"run": self._run, **self._values()}
        try:
            with self._store.writing() as connection:
                connection.execute(LEASES.insert().values(**row))
        except StoreError as error:
            if isinstance(error.__cause__, IntegrityError):
                return False
            raise
        return True

    def _update(self, condition: ColumnElement[bool]) -> bool:
        with self._store.writing() as connection:
            return connection.execute(LEASES.update().where(condition).values(**self._values())).rowcount == 1

    def _values(self) -> dict[str, Any]:
        return {"token": self._token, "owner": self._owner, "expires": now(self._store) + self._seconds}


def now(store: Store) -> ColumnElement[float]:
    """The server's clock in seconds since the epoch."""
    return literal_column(_CLOCKS[store.engine.dialect.name], Float)


def holder(store: Store, run: str) -> str | None:
    """Who executes the run now."""
    query = select(LEASES.c.owner).where(LEASES.c.run == run, LEASES.c.expires > now(store))
    with store.reading() as connection:
        found = connection.execute(query).scalar()
    return str(found) if found is not None else None


def forget(store: Store, run: str) -> None:
    with store.writing() as connection:
        connection.execute(LEASES.delete().where(LEASES.c.run == run))
