"""The schema's version and the numbered steps from one to the next.

A new store is made at the newest version at once; an older one takes every step it lacks, each with its new number in
one transaction, so that a crash leaves the old version or the new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, MetaData, inspect, select, text

from orchestrator.errors import StoreError
from orchestrator.light import light
from orchestrator.store.origin import add_origin
from orchestrator.store.tables import TABLES, Meta, table

FIRST = 1


@light(frozen=True, slots=True)
class Migration:
    """`apply` brings a store of version `number - 1` to `number`; it must not rely on today's table classes."""

    number: int
    apply: Callable[[Connection], None]


def _count_calls(connection: Connection) -> None:
    """Where the calls of a run went: those that left the machine said so when they began (`intent`)."""
    for name in ("local_calls", "cloud_calls"):
        connection.execute(text(f"ALTER TABLE runs ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0"))
    ended = "SELECT run, count(*) FROM events WHERE kind = 'attempt.finished' GROUP BY run"
    left = "SELECT run, count(*) FROM events WHERE kind = 'attempt.started' AND payload LIKE :intent GROUP BY run"
    rows = connection.execute(text(left), {"intent": '%,"intent":true}'})
    away = {int(run): int(count) for run, count in rows}
    counts = [
        {"run": run, "local": max(0, count - away.get(run, 0)), "cloud": min(count, away.get(run, 0))}
        for run, count in connection.execute(text(ended))
    ]
    if counts:  # a call that a crash left open counts for no side
        change = "UPDATE runs SET local_calls = :local, cloud_calls = :cloud WHERE no = :run"
        connection.execute(text(change), counts)


def _add_spending(connection: Connection) -> None:
    """What runs cost: nothing was billed before, and the rows by step and model are folded when somebody asks."""
    connection.execute(text("ALTER TABLE runs ADD COLUMN cost BIGINT NOT NULL DEFAULT 0"))
    connection.execute(text("ALTER TABLE runs ADD COLUMN folded INTEGER NOT NULL DEFAULT 0"))
    big = ("prompt", "completion", "cached", "cost", "answer_prompt", "answer_completion")
    small = ("calls", "overruns", "answers")
    columns = [f"{name} BIGINT NOT NULL DEFAULT 0" for name in big]
    columns += [f"{name} INTEGER NOT NULL DEFAULT 0" for name in small]
    connection.execute(
        text(
            "CREATE TABLE spending (run INTEGER NOT NULL, step VARCHAR NOT NULL, model VARCHAR NOT NULL, "
            f"ref VARCHAR NOT NULL, local BOOLEAN, {', '.join(columns)}, PRIMARY KEY (run, step, model))"
        )
    )


def _add_open_calls(connection: Connection) -> None:
    """Calls without a bill; every run is folded anew, since the rows before did not know them."""
    connection.execute(text("ALTER TABLE spending ADD COLUMN open_calls INTEGER NOT NULL DEFAULT 0"))
    connection.execute(text("ALTER TABLE spending ADD COLUMN open_cost BIGINT NOT NULL DEFAULT 0"))
    connection.execute(text("UPDATE runs SET folded = 0"))


def _add_turns(connection: Connection) -> None:
    """What agents remember."""
    number = "SERIAL" if connection.dialect.name == "postgresql" else "INTEGER"
    columns = "run INTEGER NOT NULL, path VARCHAR NOT NULL, agent VARCHAR NOT NULL, key VARCHAR NOT NULL"
    texts = "at FLOAT NOT NULL, asked TEXT NOT NULL, answered TEXT NOT NULL, PRIMARY KEY (no)"
    connection.execute(text(f"CREATE TABLE turns (no {number} NOT NULL, {columns}, {texts})"))
    connection.execute(text("CREATE INDEX ix_turns_run ON turns (run)"))
    connection.execute(text("CREATE INDEX turns_of ON turns (agent, key)"))


def _add_seen(connection: Connection) -> None:
    """Which files runs were given, for inputs that take only new ones."""
    columns = "run INTEGER NOT NULL, workflow VARCHAR NOT NULL, input VARCHAR NOT NULL, sha VARCHAR NOT NULL"
    connection.execute(text(f"CREATE TABLE seen ({columns}, PRIMARY KEY (run, workflow, input, sha))"))
    connection.execute(text("CREATE INDEX seen_of ON seen (workflow, input)"))


def _by_position(connection: Connection) -> None:
    """Events are written in a shorter form from here on, which an older orch must not meet; none is written anew."""


MIGRATIONS: tuple[Migration, ...] = (
    Migration(2, _count_calls),
    Migration(3, _add_spending),
    Migration(4, _add_open_calls),
    Migration(5, _add_turns),
    Migration(6, _add_seen),
    Migration(7, _by_position),
    Migration(8, add_origin),
)


def newest(migrations: Sequence[Migration]) -> int:
    return migrations[-1].number if migrations else FIRST


def version(connection: Connection, where: str) -> int:
    """The version a store has, 0 for an empty database. Raises StoreError for a database of somebody else."""
    names = inspect(connection).get_table_names()
    if "meta" not in names:
        if names and connection.dialect.name == "sqlite":
            raise StoreError(
                f"{where} is a database, but not a run store (it holds the table '{names[0]}')",
                hint="name another file, or move this one away",
            )
        return 0
    meta = table(Meta)
    found = connection.execute(select(meta.c.value).where(meta.c.key == "version")).scalar()
    return int(found) if isinstance(found, str) and found.isdecimal() else 0


def refuse_newer(found: int, where: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    if found > newest(migrations):
        raise StoreError(
            f"the run store {where} was written by a newer orch (version {found}, this one knows {newest(migrations)})",
            hint="upgrade orch, or use another store through ORCH_DATABASE_URL",
        )


def migrate(connection: Connection, where: str, migrations: Sequence[Migration] = MIGRATIONS) -> int:
    """Take the next step inside the transaction at hand; returns the version reached, to be called until newest."""
    found = version(connection, where)
    refuse_newer(found, where, migrations)
    if found == 0:
        _create(connection)
        reached = newest(migrations)
        connection.execute(table(Meta).insert().values(key="version", value=str(reached)))
        return reached
    for step in migrations:
        if step.number == found + 1:
            step.apply(connection)
            meta = table(Meta)
            connection.execute(meta.update().where(meta.c.key == "version").values(value=str(step.number)))
            return step.number
    return found


def _create(connection: Connection) -> None:
    metadata: MetaData = TABLES[0].metadata
    metadata.create_all(connection, tables=list(TABLES))
