"""`orch verify`: whether the records of runs are byte for byte what was written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.store.store import Store

SHOWN = 5
"""Problems of one run that are told; the rest is counted."""


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN…]", shell_complete=complete.runs)
@click.option("--all", "every", is_flag=True, help="Every run of the store.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Sequence[str], every: bool, as_json: bool) -> int:
    """Check that the record of each RUN (an id, its beginning, or `last`) is byte for byte what was written.

    One line per run; exit code 1 when one is damaged. A damaged run is left alone: it is not resumed, and all others
    go on working.
    """
    from orchestrator.cli.wiring import existing_store

    if every == bool(runs):
        raise UsageError(
            "say which runs to check" if not runs else "--all and RUN exclude each other",
            hint="orch verify last, or orch verify --all",
        )
    console = the_console()
    store = existing_store()
    try:
        chosen = store.lengths() if every else [store.find(run) for run in runs]
        found = {run: problems_of(store, run) for run in chosen}
        if as_json:
            console.json([{"run": run, "problems": problems} for run, problems in found.items()])
        else:
            _print(console, store, found.items())
    finally:
        store.close()
    return 1 if any(found.values()) else 0


def problems_of(store: Store, run: str) -> list[str]:
    """What is wrong with the record of a run; of a file that cannot even be read, why not."""
    from orchestrator.store.quarantine import verified

    try:
        return verified(store, run)
    except (StoreError, UsageError) as error:
        return [error.message]


def _print(console: Console, store: Store, found: Iterable[tuple[str, list[str]]]) -> None:
    damaged = 0
    for run, problems in found:
        if not problems:
            console.view(f"✓ {run}  all {store.run(run).events:,} events are as they were written")
            continue
        damaged += 1
        console.view(f"✗ {run}  damaged: {'; '.join(problems[:SHOWN])}{_more(len(problems) - SHOWN)}")
    if damaged:
        console.say("a damaged run is not resumed; the others are not affected")
        console.say("restore the store from a backup, or remove the record: orch runs rm RUN")


def _more(rest: int) -> str:
    return f"; and {rest:,} more" if rest > 0 else ""
