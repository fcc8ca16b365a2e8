"""What a database says when it fails, as a StoreError that names the store and what to do. Knows no table."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orchestrator.errors import StoreError

if TYPE_CHECKING:
    from orchestrator.events import Event

_DAMAGED = "move the file away or restore a backup; orch then starts a new one"
_REASONS: tuple[tuple[str, str, str], ...] = (
    ("SQLITE_BUSY", "is locked by another process", "wait until the other process is done, or end it"),
    ("SQLITE_LOCKED", "is locked by another process", "wait until the other process is done, or end it"),
    (
        "SQLITE_READONLY",
        "cannot be written",
        "make the file and its folder writable, or set ORCH_DATABASE_URL",
    ),
    (
        "SQLITE_FULL",
        "cannot grow: the disk is full",
        "free some space; what had begun goes on with `orch resume`",
    ),
    ("SQLITE_CORRUPT", "is damaged", _DAMAGED),
    ("SQLITE_NOTADB", "is not a database", "move the file away; orch then starts a new store"),
    (
        "SQLITE_CANTOPEN",
        "cannot be opened",
        "check that its folder exists and that you may read and write it",
    ),
    ("SQLITE_PERM", "cannot be opened", "check that you may read and write it"),
    ("SQLITE_TOOBIG", "cannot hold a value this large", "make the value smaller"),
    ("SQLITE_IOERR", "could not be read or written", "check the disk (full, quota, removed, network drive?)"),
)


def explain(error: SQLAlchemyError | sqlite3.Error, where: str) -> StoreError:
    """The fault in words; `where` is the store as the user knows it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    name = getattr(cause, "sqlite_errorname", "") or ""
    text = str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
    if "Could not decode" in text:  # what follows is the undecodable text
        text = "a text is none any more"
        name = "SQLITE_CORRUPT"
    if "unsupported file format" in text or "malformed" in text or "no such column" in text:
        name = "SQLITE_CORRUPT"
    for prefix, what, hint in _REASONS:
        if name.startswith(prefix):
            return StoreError(f"the run store {where} {what} ({text})", hint=hint)
    return StoreError(f"the run store {where} failed: {text}", hint="check the database and its address")


class EventDamaged(StoreError):
    """An event that cannot be read. `seq` is its number, `before` are the events that were read in front of it."""

    def __init__(self, run: str, seq: int, before: Sequence[tuple[int, Event]]) -> None:
        hint = f"check its record: orch show {run} --verify"
        super().__init__(f"event {seq} of run {run} is damaged", hint=hint)
        self.seq = seq
        self.before = before


@contextmanager
def explained(where: str) -> Iterator[None]:
    """Turn every database fault inside into a StoreError."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        raise explain(error, where) from error
    except UnicodeDecodeError as error:  # the driver's own, for text that is no text any more
        raise StoreError(f"the run store {where} is damaged ({error.reason})", hint=_DAMAGED) from error
    except UnicodeEncodeError as error:  # the driver's own again, as is the next
        raise StoreError(
            f"the run store {where} cannot hold a name that is not UTF-8: {error.object!a}",
            hint="give the file or folder of that name another one",
        ) from error
    except OverflowError as error:
        raise StoreError(f"the run store {where} cannot hold a number of more than 64 bits") from error
