"""One column of one row by its key, asked thousands of times in a row. Knows no meaning of what it finds.

SQLAlchemy's work for such a question is twenty times SQLite's own, so a file is asked through the driver.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, select

from orchestrator.store.faults import explained

if TYPE_CHECKING:
    from sqlalchemy import Column, PoolProxiedConnection

    from orchestrator.store.store import Store


class Lookup:
    """Asks through a connection of its own, which holds no transaction between two questions: each one sees what other
    processes have committed by then. Whether the file is still the store's is not asked each time: to let go of the
    interpreter's lock costs more than the question. A text of more than `longest` characters is passed over. A store that was reopened
    needs another one."""

    def __init__(self, store: Store, key: Column[Any], value: Column[Any], longest: int) -> None:
        self._store = store
        self._query = select(value).where(key == bindparam("wanted"), func.length(value) <= longest)
        self._text = f"SELECT {value.name} FROM {key.table.name} WHERE {key.name} = ? AND length({value.name}) <= {longest}"  # noqa: S608 - names of ours
        self._own: PoolProxiedConnection | None = None
        self._lock = threading.Lock()

    def find(self, key: str) -> Any:
        """The value in the row of this key, None when there is no such row. Raises StoreError."""
        return self._on_server(key) if self._store.place is None else self._in_file(key)

    def close(self) -> None:
        """Give the connection back."""
        with self._lock:
            if self._own is not None:
                self._own.close()
                self._own = None

    def _on_server(self, key: str) -> Any:
        with self._store.reading() as connection:
            return connection.execute(self._query, {"wanted": key}).scalar()

    def _in_file(self, key: str) -> Any:
        with self._lock, explained(self._store.where):
            if self._own is None:
                self._own = self._store.engine.raw_connection()
            driver: Any = self._own.driver_connection
            row = driver.execute(self._text, (key,)).fetchone()
        return None if row is None else row[0]


__all__ = ["Lookup"]
