"""`orch runs`: what has run here, newest first; `orch runs rm` removes records."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.cli.export import command as exporting
from orchestrator.cli.importing import command as importing
from orchestrator.cli.listing import Listed, print_runs, say_gone
from orchestrator.state import RunStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.store.rows import Marks, RunRow
    from orchestrator.store.store import Store

_STATUSES = [status for status in get_args(RunStatus) if status != "new"]
_MARKS = ("damaged", "imported", "forked")
"""What stands in the place of a status in the list, and is none."""


@click.group(invoke_without_command=True)
@click.option("--status", type=click.Choice([*_STATUSES, *_MARKS]), help="Only runs of this status.")
@click.option("--workflow", help="Only runs of the workflow of this name.")
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="At most so many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def command(
    context: click.Context, status: str | None, workflow: str | None, limit: int, as_json: bool
) -> None:
    """List runs, newest first.

    The runs of a project (a directory with orch.yaml or .git, from here upwards) are kept in its `.orch/`, those
    outside any project in your data directory; with ORCH_DATABASE_URL all are in that database. `OUT OF` names the run
    of which another one took something over (`orch fork`).
    """
    if context.invoked_subcommand is not None:
        return
    from orchestrator.cli.wiring import find_store

    console, store = the_console(), find_store()
    listed = Listed()
    if store is not None:
        try:
            listed = _listed(store, status, workflow, limit)
        finally:
            store.close()
    if as_json:
        console.json([_data(row, listed.marks) for row in listed.rows])
    elif listed.rows:
        print_runs(console, listed)
    else:
        console.say(_nothing(filtered=bool(status or workflow)))
    if not as_json:
        say_gone(console, listed.marks)


def _listed(store: Store, status: str | None, workflow: str | None, limit: int) -> Listed:
    from orchestrator.cli.waiting import answered_line
    from orchestrator.store.answers import is_answered
    from orchestrator.store.marks import marks

    known = marks(store)
    rows = _rows(store, status, workflow, limit, known)
    whole = (row for row in rows if row.id not in known.damaged and row.id not in known.imported)
    answered = {row.id: answered_line(store, row.id) for row in whole if is_answered(store, row)}
    return Listed(rows, known, answered)


def _rows(store: Store, status: str | None, workflow: str | None, limit: int, known: Marks) -> list[RunRow]:
    """Those of a status, or of what stands in its place: a damaged run is listed as that, and as nothing else."""
    if status in _MARKS:
        rows = store.runs(workflow=workflow)
        return [row for row in rows if _is_marked(row, status, known)][:limit]
    if status is None:
        return store.runs(workflow=workflow, limit=limit)
    enough = limit + len(known.damaged)
    rows = store.runs(status=cast("RunStatus", status), workflow=workflow, limit=enough)
    return [row for row in rows if row.id not in known.damaged][:limit]


def _is_marked(row: RunRow, mark: str, known: Marks) -> bool:
    match mark:
        case "damaged":
            return row.id in known.damaged
        case "imported":
            return row.id in known.imported
        case _:
            return bool(row.origin)


def _data(row: RunRow, known: Marks) -> dict[str, Any]:
    marked = {"damaged": known.damaged.get(row.id), "imported": known.imported.get(row.id)}
    return asdict(row) | marked


def _nothing(*, filtered: bool) -> str:
    from orchestrator.cli.wiring import where_runs_are

    where = where_runs_are()
    return f"no such run in {where}" if filtered else f"no run yet in {where}; start one: orch run WORKFLOW"


command.add_command(exporting)
command.add_command(importing)


@command.command("rm")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", shell_complete=complete.runs)
@click.option(
    "-y", "--yes", is_flag=True, expose_value=False, help="Accepted, as elsewhere; nothing is asked here."
)
def remove(runs: Sequence[str]) -> None:
    """Remove the record of runs: events, answers, everything."""
    from orchestrator.cli.wiring import existing_store

    console = the_console()
    store = existing_store()
    try:
        for run in [store.find(name) for name in runs]:
            store.delete(run)
            console.say(f"removed {run}")
    finally:
        store.close()
