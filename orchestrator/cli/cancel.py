"""`orch cancel`: ask the processes that execute runs to stop them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

    Asked = tuple[RunRow, str | None]
    """A run, and who executes it."""


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN…]", shell_complete=complete.runs)
@click.option("--all", "every", is_flag=True, help="Every run that is being executed.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(runs: Sequence[str], every: bool, as_json: bool) -> int:
    """Stop each RUN (an id, its beginning, or `last`) from another shell. What has finished is kept."""
    from orchestrator.cli.wiring import existing_store

    if every == bool(runs):
        raise UsageError(
            "say which runs to stop" if not runs else "--all and RUN exclude each other",
            hint="orch cancel last, or orch cancel --all",
        )
    console = the_console()
    store = existing_store()
    try:
        asked = ask_living(store, _running(store)) if every else ask(store, [store.find(run) for run in runs])
    finally:
        store.close()
    if as_json:
        told = [_data(row, who) for row, who in asked]
        console.json(told[0] if len(runs) == 1 else told)
    else:
        _tell(console, asked)
    return 0 if all(who is not None for _, who in asked) else 1


def _running(store: Store) -> list[str]:
    return [row.id for row in store.runs(status="running")]


def ask_living(store: Store, runs: Sequence[str]) -> list[Asked]:
    """Ask who executes these runs, which were being executed a moment ago: what ended meanwhile was not meant."""
    return [(row, who) for row, who in ask(store, runs) if who is not None]


def ask(store: Store, runs: Sequence[str]) -> list[Asked]:
    """Ask who executes these runs to stop; nobody is asked where nobody does."""
    from orchestrator.store.answers import login_name
    from orchestrator.store.inbox import post
    from orchestrator.store.lease import owner

    asked: list[Asked] = []
    for run in dict.fromkeys(runs):
        who, row = owner(store, run), store.run(run)
        if who is not None:
            post(store, run, "cancel", {"by": f"orch cancel ({login_name()})"})
        asked.append((row, who))
    return asked


def _data(row: RunRow, who: str | None) -> dict[str, object]:
    return {"run": row.id, "status": row.status, "owner": who, "asked": who is not None}


def _tell(console: Console, asked: Sequence[Asked]) -> None:
    for row, who in asked:
        if who is not None:
            console.say(f"asked {who} to stop run {row.id}; see it end with: orch logs {row.id} -f")
        else:
            console.error(*_nothing_to_stop(row))
    if not asked:
        console.say("no run is being executed")


def _nothing_to_stop(row: RunRow) -> tuple[str, str]:
    """Why there is nothing to cancel, and what can be done instead."""
    match row.status:
        case "waiting":
            return (
                f"run {row.id} waits for an answer and no process executes it",
                f"refuse it with `orch reject {row.id}`, or just leave it",
            )
        case "interrupted":
            return (
                f"no process executes run {row.id}: it was interrupted",
                f"go on with `orch resume {row.id}`, or just leave it",
            )
        case _:
            return f"run {row.id} has ended already: {row.status}", f"see it with `orch show {row.id}`"
