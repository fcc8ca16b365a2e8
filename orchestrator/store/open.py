"""Opening a store: the SQLite file or the database server, how it is set up, and what is wrong when it will not."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from orchestrator.errors import StoreError, UsageError
from orchestrator.store.beside import Beside
from orchestrator.store.faults import explain, explained
from orchestrator.store.migrate import MIGRATIONS, Migration, migrate, newest, refuse_newer, version
from orchestrator.store.plainly import not_plain, open_plain
from orchestrator.store.store import Store

__all__ = ["Store", "open_store"]

SERVERS = ("postgresql",)
SETTING_UP = ".setup"
BUSY_SECONDS = 20.0
"""One group commit takes milliseconds, but a machine may be asleep or its disk busy."""


def open_store(
    url_or_path: str | Path,
    *,
    create: bool = True,
    migrations: Sequence[Migration] = MIGRATIONS,
    busy: float = BUSY_SECONDS,
) -> Store:
    """The store at a path, or at a SQLAlchemy URL (SQLite, PostgreSQL). With `create=False` a missing one is a StoreError.

    `busy` is how many seconds a write waits for another process's write.

    Raises StoreError when it is locked, damaged, not writable, of a newer version, or no run store at all.
    """
    url = _url(url_or_path)
    if url.get_backend_name() != "sqlite":
        return _open_server(url, migrations)
    path = Path(url.database or "")
    if not create and not path.is_file():
        raise StoreError(f"there is no run store at {path}", hint="`orch run` makes one")
    return _open_file(path, migrations, busy)


def _url(url_or_path: str | Path) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite", database=str(Path(url_or_path).absolute()))
    try:
        url = make_url(url_or_path)
    except ArgumentError as error:
        raise UsageError(
            "ORCH_DATABASE_URL is not a database URL", hint="e.g. postgresql+psycopg://host/db"
        ) from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise UsageError("ORCH_DATABASE_URL names no file", hint="e.g. sqlite:////home/me/runs.db")
    return url


def _open_file(path: Path, migrations: Sequence[Migration], busy: float) -> Store:
    where = str(path)
    _refuse_links(path)
    try:
        if not path.exists():
            _make_file(path)
        if not Beside(path).is_known():
            _refuse_strange(path)
        engine = _sqlite_engine(path, busy)
        with _disposing(engine), explained(where):
            with engine.connect() as connection:
                found = version(connection, where)
            refuse_newer(found, where, migrations)
            if found < newest(migrations):
                with _setting_up(path):
                    _prepare(engine, where, migrations)
    except OSError as error:
        raise StoreError(
            f"the run store {where} cannot be made: {error.strerror or error}",
            hint="make the folder writable, or name another store with ORCH_DATABASE_URL",
        ) from error
    return Store(engine, where, place=path.parent, name=path.name)


def _refuse_links(path: Path) -> None:
    """SQLite would follow them, and what it writes would go into another file: a copied project may bring its own."""
    for name in ("-wal", "-shm", "-journal", SETTING_UP):
        beside = path.with_name(path.name + name)
        if not_plain(beside):
            raise StoreError(
                f"{beside} is no plain file; orch puts none but such beside its run store",
                hint=f"look where it comes from, and move it away: mv '{beside}' '{beside}.strange'",
            )
    if path.exists() and not path.is_file():
        raise StoreError(f"{path} is no plain file, so it is no run store", hint="move it away")


def _make_file(path: Path) -> None:
    """Prompts and answers lie here: for the owner's eyes, and not for git. Others may start at the same moment."""
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    ignore = path.parent / ".gitignore"
    if path.parent.name == ".orch" and not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def opened_as_is(path: Path) -> Store:
    """A store that is there, neither set up nor brought to the newest version."""
    return Store(_sqlite_engine(path, BUSY_SECONDS), str(path), place=path.parent, name=path.name)


def _refuse_strange(path: Path) -> None:
    """Look at what lies beside the store before SQLite folds it in: nobody wrote down that it is ours."""
    from orchestrator.store.trial import tried  # what starts processes takes its time, and this is rare

    beside = Beside(path)
    with _setting_up(path):
        problem = "" if beside.is_known() else tried(path)
        if not problem:
            beside.believe()
            return
    moved = beside.log.with_name(beside.log.name + ".strange")
    raise StoreError(
        f"{beside.log} does not belong to the run store beside it: with it, {problem}",
        hint=f"move it away, then see what is missing: mv '{beside.log}' '{moved}' && orch verify --all",
    )


@contextlib.contextmanager
def _disposing(engine: Engine) -> Iterator[None]:
    """A store that cannot be opened leaves no connection behind."""
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def _sqlite_engine(path: Path, busy: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy, "check_same_thread": False},
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    return engine


def _connected(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver's own transactions are deferred; ours are not


def _begun(connection: Connection) -> None:
    """A deferred write transaction of two processes ends in SQLITE_BUSY without waiting; IMMEDIATE waits."""
    options = connection.get_execution_options()
    if synchronous := options.get("synchronous"):
        connection.exec_driver_sql(f"PRAGMA synchronous={synchronous}")
    connection.exec_driver_sql(f"BEGIN {options.get('begin', 'DEFERRED')}")


@contextlib.contextmanager
def _setting_up(path: Path) -> Iterator[None]:
    """One process at a time: switching a new file to WAL does not wait for others, it fails."""
    descriptor = open_plain(path.with_name(path.name + SETTING_UP), os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _prepare(engine: Engine, where: str, migrations: Sequence[Migration]) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL")
    finally:
        raw.close()
    _migrate(
        engine.execution_options(begin="IMMEDIATE", synchronous="FULL"),
        where,
        migrations,
        Beside(Path(where)),
    )


def _migrate(
    engine: Engine, where: str, migrations: Sequence[Migration], beside: Beside | None = None
) -> None:
    reached = -1
    while reached < newest(migrations):
        with engine.begin() as connection:
            reached = migrate(connection, where, migrations)
        if beside is not None:
            beside.committed()


def _open_server(url: URL, migrations: Sequence[Migration]) -> Store:
    where = url.render_as_string(hide_password=True)
    if url.get_backend_name() not in SERVERS:
        raise StoreError(f"orch keeps no runs in {where}", hint="use a SQLite or PostgreSQL URL")
    try:
        engine = create_engine(url, pool_pre_ping=True)
        with _disposing(engine):
            _migrate(engine, where, migrations)
    except (ImportError, NoSuchModuleError) as error:
        raise StoreError(f"no driver for {where}: {error}", hint="pip install 'orch[postgres]'") from error
    except SQLAlchemyError as error:
        raise explain(error, where) from error
    return Store(engine, where, place=None, name=url.database or "")
