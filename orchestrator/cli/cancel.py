"""`orch cancel`: ask the process that executes a run to stop it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(run: str, as_json: bool) -> int:
    """Stop RUN (an id, its beginning, or `last`) from another shell. What has finished is kept."""
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store.answers import login_name
    from orchestrator.store.inbox import post
    from orchestrator.store.lease import owner

    console = the_console()
    store = existing_store()
    try:
        found = store.find(run)
        who = owner(store, found)
        row = store.run(found)
        if who is not None:
            post(store, found, "cancel", {"by": f"orch cancel ({login_name()})"})
    finally:
        store.close()
    if as_json:
        console.json({"run": found, "status": row.status, "owner": who, "asked": who is not None})
    elif who is not None:
        console.say(f"asked {who} to stop run {found}; see it end with: orch logs {found} -f")
    else:
        console.error(*_nothing_to_stop(row))
    return 0 if who is not None else 1


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
