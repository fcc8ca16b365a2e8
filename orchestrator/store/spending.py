"""What runs cost, by step and model: folded from the events of a run once, and read from its rows ever after.

A run that goes on is folded anew when somebody asks again. Knows no prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select

from orchestrator.errors import StoreError
from orchestrator.store.tables import Run, SpendingRow, table

if TYPE_CHECKING:
    from orchestrator.events import Event
    from orchestrator.store.store import Store

RUNS, SPENDING = table(Run), table(SpendingRow)
Fold = Callable[["Iterable[Event]"], Mapping[tuple[str, str], Any]]
"""Gives the lines of a run by step and model; a line is a dataclass with the columns of the table."""


@dataclass(frozen=True, slots=True)
class Spent:
    """One row: which run (its id, workflow and start, seconds since the epoch), which step and model, and the columns."""

    run: str
    workflow: str
    started: float
    step: str
    model: str
    line: Mapping[str, Any]


def spent(
    store: Store,
    fold: Fold,
    *,
    since: float = 0.0,
    run: str | None = None,
    workflow: str | None = None,
    damaged: Callable[[str, StoreError], None] | None = None,
) -> list[Spent]:
    """The rows of the runs that began at `since` or later, oldest first; of one run or workflow only, if one is named.

    A run whose record is damaged is left out and told to `damaged`; without that StoreError is raised.
    """
    wanted = RUNS.c.started >= since
    if run is not None:
        wanted &= RUNS.c.id == run
    if workflow is not None:
        wanted &= RUNS.c.workflow == workflow
    with store.reading() as connection:
        stale = connection.execute(
            select(RUNS.c.no, RUNS.c.id).where(wanted & (RUNS.c.folded != RUNS.c.events))
        ).all()
    for no, name in stale:
        try:
            _fold(store, fold, no, name)
        except StoreError as error:
            if damaged is None:
                raise
            damaged(name, error)
    join = select(RUNS.c.id.label("run_id"), RUNS.c.workflow, RUNS.c.started, SPENDING).join(
        SPENDING, SPENDING.c.run == RUNS.c.no
    )
    with store.reading() as connection:
        rows = connection.execute(join.where(wanted).order_by(RUNS.c.started, RUNS.c.no)).mappings().all()
    return [
        Spent(
            row["run_id"],
            row["workflow"],
            row["started"],
            row["step"],
            row["model"],
            {name: row[name] for name in _COLUMNS},
        )
        for row in rows
    ]


_COLUMNS = tuple(name for name in SPENDING.c.keys() if name not in ("run", "step", "model"))  # noqa: SIM118 - columns


def _fold(store: Store, fold: Fold, no: int, run: str) -> None:
    count = 0

    def counted() -> Iterable[Event]:
        nonlocal count
        for seq, event in store.events(run):
            count = seq + 1
            yield event

    lines = fold(counted())
    rows = [
        {"run": no, "step": step, "model": model, **asdict(line)} for (step, model), line in lines.items()
    ]
    with store.writing(durable=False) as connection:
        if connection.execute(RUNS.update().where(RUNS.c.no == no).values(folded=count)).rowcount != 1:
            return  # deleted meanwhile
        connection.execute(delete(SPENDING).where(SPENDING.c.run == no))
        if rows:
            connection.execute(SPENDING.insert(), rows)
