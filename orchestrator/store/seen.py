"""Which files the runs of a workflow were given: an input with `new: true` takes what no finished run has seen."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from sqlalchemy import Connection, select

from orchestrator.store.tables import Run, SeenRow, table

if TYPE_CHECKING:
    from orchestrator.store.store import Store

RUNS, SEEN = table(Run), table(SeenRow)


def seen(store: Store, workflow: str, name: str) -> frozenset[str]:
    """Digests of the files that finished runs of this workflow file took for the input `name`. Raises StoreError."""
    done = (RUNS.c.no == SEEN.c.run) & (RUNS.c.status == "done")
    wanted = select(SEEN.c.sha).distinct().where(SEEN.c.workflow == workflow, SEEN.c.input == name)
    with store.reading() as connection:
        return frozenset(connection.execute(wanted.join(RUNS, done)).scalars())


def taken_by(store: Store, run: str) -> dict[str, set[str]]:
    """The digests of the files that this run took, by input. Raises StoreError."""
    mine = select(SEEN.c.input, SEEN.c.sha).where(SEEN.c.run == store.head(run).no)
    found: dict[str, set[str]] = {}
    with store.reading() as connection:
        for name, sha in connection.execute(mine):
            found.setdefault(name, set()).add(sha)
    return found


def take(connection: Connection, no: int, workflow: str, files: Mapping[str, Collection[str]]) -> None:
    """Write down what the run of this short key took, as digests by input; it counts once the run is done."""
    rows = [
        {"run": no, "workflow": workflow, "input": name, "sha": sha}
        for name, digests in files.items()
        for sha in sorted(set(digests))
    ]
    if rows:
        connection.execute(SEEN.insert(), rows)
