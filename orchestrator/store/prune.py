"""Making room: which runs may go, how much that frees, and a file that really gets smaller.

Each run goes in a transaction of its own, so that whoever stops in the middle leaves a valid store. Knows no files of
tools (`prune_files.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from sqlalchemy import ColumnElement, delete, func, select, true

from orchestrator.errors import StoreError
from orchestrator.store.faults import explained
from orchestrator.store.quarantine import damaged
from orchestrator.store.tables import (
    Blob,
    BlobUse,
    CacheEntry,
    EventRow,
    Run,
    SeenRow,
    TurnRow,
    table,
)

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

RUNS, EVENTS, BLOBS, USES = table(Run), table(EventRow), table(Blob), table(BlobUse)
CACHE, TURNS, SEEN = table(CacheEntry), table(TurnRow), table(SeenRow)
Stays: TypeAlias = Literal["running", "waiting", "damaged", "remembered", "newest"]
ROW = 60
"""Bytes of a row of the events table beside its texts."""
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wish:
    """Which runs are to go: all that every stated condition fits. Nothing stated: none.

    `before` is when they must have ended, in seconds since the epoch. `keep` are the newest of each workflow that stay.
    """

    before: float | None = None
    keep: int | None = None
    statuses: frozenset[str] = frozenset()
    workflow: str | None = None
    damaged: bool = False
    """Also those whose record is damaged; where nothing else is stated, only those."""
    forget: bool = False
    """Also those that agents remember, or that inputs with `new: true` have their knowledge from."""

    @property
    def names_runs(self) -> bool:
        return self.damaged or self._names_more

    @property
    def only_damaged(self) -> bool:
        return self.damaged and not self._names_more

    @property
    def _names_more(self) -> bool:
        return self.before is not None or self.keep is not None or bool(self.statuses)


@dataclass(frozen=True, slots=True)
class Doomed:
    """What would go. `stays` counts the runs that fit and stay all the same, by reason."""

    runs: Sequence[RunRow] = ()
    size: int = 0
    stays: Counter[Stays] = field(default_factory=Counter)
    damaged: frozenset[str] = frozenset()
    """Those of them whose record is damaged."""


def doomed(store: Store, wish: Wish) -> Doomed:
    """The runs that may go, oldest first. Raises StoreError."""
    rows = store.runs()  # also where none goes: whoever makes room learns that the store cannot be read
    if not wish.names_runs:
        return Doomed()
    broken, remembered = damaged(store), _remembered(store)
    seen: Counter[str] = Counter()
    found, stays = [], Counter[Stays]()
    for row in rows:
        seen[row.workflow] += 1
        if not _fits(row, wish) or (wish.only_damaged and row.id not in broken):
            continue
        why = _why_not(row, wish, broken, remembered, seen[row.workflow])
        if why is None:
            found.append(row)
        else:
            stays[why] += 1
    names = frozenset(row.id for row in found)
    return Doomed(found[::-1], _size(store, names), stays, names & broken.keys())


def _fits(row: RunRow, wish: Wish) -> bool:
    ended = row.ended if row.ended is not None else row.started
    return (
        (wish.before is None or ended < wish.before)
        and (not wish.statuses or row.status in wish.statuses)
        and (wish.workflow is None or row.workflow == wish.workflow)
    )


def _why_not(
    row: RunRow, wish: Wish, broken: Collection[str], remembered: Collection[str], place: int
) -> Stays | None:
    """`place` is 1 for the newest run of its workflow."""
    if wish.keep is not None and place <= wish.keep:
        return "newest"
    if row.live:
        return "running"
    if row.id in broken and not wish.damaged:
        return "damaged"
    if row.status == "waiting" and row.id not in broken and "waiting" not in wish.statuses:
        return "waiting"
    return "remembered" if row.id in remembered and not wish.forget else None


def _remembered(store: Store) -> frozenset[str]:
    """Runs from which something is known that later runs go by."""
    known = select(TURNS.c.run).union(select(SEEN.c.run))
    with store.reading() as connection:
        return frozenset(connection.execute(select(RUNS.c.id).where(RUNS.c.no.in_(known))).scalars())


def _size(store: Store, runs: Collection[str]) -> int:
    """Bytes of their events and of the large values that only they use, about."""
    if not runs:
        return 0
    with store.reading() as connection:
        names = {row.no: row.id for row in connection.execute(select(RUNS.c.no, RUNS.c.id))}
        going = [no for no, run in names.items() if run in runs]
        kept: set[bytes] = set()
        theirs: set[bytes] = set()
        for no, sha in connection.execute(select(USES.c.run, USES.c.sha)):
            (theirs if names.get(no) in runs else kept).add(sha)
        text = func.length(EVENTS.c.payload) + func.length(EVENTS.c.path) + ROW
        total = sum(_sums(connection.execute, text, EVENTS.c.run, going))
        return total + sum(
            _sums(connection.execute, func.length(BLOBS.c.text), BLOBS.c.sha, [*theirs - kept])
        )


def _sums(
    execute: Any, what: ColumnElement[int], key: ColumnElement[Any], values: Sequence[Any]
) -> Iterator[int]:
    for start in range(0, len(values), _AT_ONCE):
        chosen = key.in_(values[start : start + _AT_ONCE])
        yield int(execute(select(func.coalesce(func.sum(what), 0)).where(chosen)).scalar_one())


def remove_doomed(store: Store, runs: Sequence[RunRow]) -> Iterator[tuple[RunRow, bool]]:
    """Remove one after the other; False for one that somebody went on with, or removed, meanwhile."""
    for row in runs:
        try:
            same = store.has(row.id) and store.run(row.id).status == row.status
            if same:
                store.delete(row.id)
        except StoreError:
            if not (store.has(row.id) and store.run(row.id).live):
                raise
            same = False
        yield row, same


# ------------------------------------------------------------------------------- what belongs to no run


def unused(store: Store) -> int:
    """Bytes of large values that no run uses: a process that was killed may have left some."""
    lonely = BLOBS.c.sha.not_in(select(USES.c.sha))
    query = select(func.coalesce(func.sum(func.length(BLOBS.c.text)), 0)).where(lonely)
    with store.reading() as connection:
        return int(connection.execute(query).scalar_one())


def remove_unused(store: Store) -> None:
    with store.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("LOCK TABLE blob_uses IN SHARE ROW EXCLUSIVE MODE")
        connection.execute(delete(BLOBS).where(BLOBS.c.sha.not_in(select(USES.c.sha))))


def answers(store: Store, before: float | None) -> tuple[int, int]:
    """Number and bytes of the cached answers that nobody used since then; of all where no time is named."""
    query = select(func.count(), func.coalesce(func.sum(CACHE.c.size), 0)).where(_unread(before))
    with store.reading() as connection:
        count, size = connection.execute(query).one()
    return int(count), int(size)


def remove_answers(store: Store, before: float | None) -> None:
    with store.writing() as connection:
        connection.execute(delete(CACHE).where(_unread(before)))


def _unread(before: float | None) -> ColumnElement[bool]:
    return true() if before is None else CACHE.c.used < before


# ------------------------------------------------------------------------------------------- the file


def file_size(store: Store) -> int:
    """Bytes of the store on the disk, with what waits in its log; 0 for a server."""
    if store.place is None:
        return 0
    files = (store.place / f"{store.name}{ending}" for ending in ("", "-wal"))
    return sum(file.stat().st_size for file in files if file.exists())


def empty_room(store: Store) -> int:
    """Bytes of the file that hold nothing any more."""
    if store.place is None:
        return 0
    with store.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
        return int(pages) * int(connection.exec_driver_sql("PRAGMA page_size").scalar_one())


def shrink(store: Store) -> None:
    """Write the file anew without what was removed: the old one or the new one, whenever it is stopped.

    Needs as much room as the new one takes, for as long as it works; nobody else writes meanwhile. A server does this
    by itself.
    """
    if store.place is None:
        return
    store.check()
    with explained(store.where):
        raw = store.engine.raw_connection()
        try:
            cursor = raw.cursor()
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            cursor.fetchall()
        finally:
            raw.close()
