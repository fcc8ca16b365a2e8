"""`orch runs`: what has run here, newest first; `orch runs rm` removes records."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast, get_args

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.export import command as exporting
from orchestrator.cli.importing import command as importing
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.state import RunStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

_STATUSES = [status for status in get_args(RunStatus) if status != "new"]
_MARKS = ("damaged", "imported")
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
    outside any project in your data directory; with ORCH_DATABASE_URL all are in that database.
    """
    if context.invoked_subcommand is not None:
        return
    from orchestrator.cli.wiring import find_store

    console = the_console()
    store = find_store()
    rows: list[RunRow] = []
    answered: dict[str, str] = {}
    broken: dict[str, str] = {}
    known: dict[str, Mapping[str, Any]] = {}
    if store is not None:
        from orchestrator.cli.waiting import answered_line
        from orchestrator.store.answers import is_answered
        from orchestrator.store.foreign import foreign
        from orchestrator.store.quarantine import damaged

        try:
            broken, known = damaged(store), foreign(store)
            rows = _rows(store, status, workflow, limit, {"damaged": broken, "imported": known})
            answered = {
                row.id: answered_line(store, row.id)
                for row in rows
                if row.id not in {**broken, **known} and is_answered(store, row)
            }
        finally:
            store.close()
    if as_json:
        marks = [{"damaged": broken.get(row.id), "imported": known.get(row.id)} for row in rows]
        console.json([asdict(row) | mark for row, mark in zip(rows, marks, strict=True)])
    else:
        _print(console, rows, answered, broken, known, filtered=bool(status or workflow))


def _rows(
    store: Store, status: str | None, workflow: str | None, limit: int, marked: Mapping[str, Collection[str]]
) -> list[RunRow]:
    """Those of a status, or of what stands in its place."""
    if status is not None and status in marked:
        rows = store.runs(workflow=workflow)
        return [row for row in rows if row.id in marked[status]][:limit]
    return store.runs(status=cast("RunStatus | None", status), workflow=workflow, limit=limit)


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


def _print(
    console: Console,
    rows: Sequence[RunRow],
    answered: Mapping[str, str],
    broken: Mapping[str, str],
    known: Collection[str],
    *,
    filtered: bool,
) -> None:
    if not rows:
        from orchestrator.cli.wiring import where_runs_are

        where = where_runs_are()
        rest = (
            f"no such run in {where}" if filtered else f"no run yet in {where}; start one: orch run WORKFLOW"
        )
        console.say(rest)
        return
    now, calls = time.time(), any(row.cloud_calls for row in rows)  # else all would say 100 %
    paid = any(row.cost for row in rows)
    header = (
        "RUN",
        "WORKFLOW",
        "STATUS",
        "STARTED",
        "TOOK",
        "STEPS",
        "TOKENS",
        *(("LOCAL",) if calls else ()),
        *(("SPENT",) if paid else ()),
    )
    told = {row.id: f"{row.status} (imported)" for row in rows if row.id in known}
    told |= {**dict.fromkeys(answered, "answered"), **dict.fromkeys(broken, "damaged")}
    cells = [_cells(row, now, told.get(row.id, row.status), calls=calls, paid=paid) for row in rows]
    console.table(header, cells)
    for run in answered:
        console.say(answered[run])
    for row in rows:
        if row.id in broken:
            console.say(f"{row.id} is damaged: {broken[row.id]}; see all of it: orch verify {row.id}")


def _cells(row: RunRow, now: float, status: str, *, calls: bool, paid: bool) -> tuple[str, ...]:
    ended = row.ended if row.ended is not None else (now if row.live else None)
    return (
        row.id,
        row.workflow,
        status,
        time.strftime("%Y-%m-%d %H:%M", time.localtime(row.started)),
        words.seconds(ended - row.started) if ended is not None else "–",
        f"{row.finished:,}" + (f" ({row.failed:,} failed)" if row.failed else ""),
        words.number(row.prompt_tokens + row.completion_tokens),
        *((words.share(row.local_calls, row.local_calls + row.cloud_calls) or "–",) if calls else ()),
        *((shown(row.cost),) if paid else ()),
    )
