"""`orch verify`: whether the records of runs are byte for byte what was written."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.errors import StoreError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.store.store import Store

SHOWN = 5
"""Problems of one run that are told; the rest is counted."""


@click.command()
@click.argument("runs", nargs=-1, metavar="[RUN…]", shell_complete=complete.runs)
@click.option("--all", "every", is_flag=True, help="Every run of the store.")
@click.option(
    "--accept", is_flag=True, help="Go by what is there, also where the end of a record is missing."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(runs: Sequence[str], every: bool, accept: bool, as_json: bool) -> int:
    """Check that the record of each RUN (an id, its beginning, or `last`) is byte for byte what was written.

    One line per run; exit code 1 when one is damaged. A damaged run is left alone: it is not resumed, and all others
    go on working.

    Where the store's files were moved about, the last events of a run can be missing, or a whole run. It can be gone on
    with after --accept: what is not there runs again, also calls with an effect.
    """
    from orchestrator.cli.wiring import existing_store
    from orchestrator.store.highwater import lost

    if every == bool(runs):
        raise UsageError(
            "say which runs to check" if not runs else "--all and RUN exclude each other",
            hint="orch verify last, or orch verify --all",
        )
    console = the_console()
    if accept:
        _believe(runs)
    store = existing_store()
    try:
        chosen = _chosen(store, runs, every=every)
        if accept:
            _accept(store, chosen)
        found = problems_of_all(store, chosen, every=every)
        if as_json:
            console.json([{"run": run, "problems": problems} for run, problems in found.items()])
        else:
            _print(console, store, found.items(), set(lost(store)))
    finally:
        store.close()
    return 1 if any(found.values()) else 0


def _chosen(store: Store, runs: Sequence[str], *, every: bool) -> dict[str, str]:
    """The runs that are meant; those that are not there any more with what is known of them."""
    from orchestrator.store.highwater import gone

    missing = gone(store)
    if every:
        return {**dict.fromkeys(store.lengths(), ""), **missing}
    return {(name if name in missing else store.find(name)): missing.get(name, "") for name in runs}


def _believe(runs: Sequence[str]) -> None:
    """What lies beside the store is its own. Raises UsageError, with nothing changed, where there is no such run."""
    from orchestrator.config import Config
    from orchestrator.store.beside import Beside

    config = Config.from_environment(os.environ, Path.cwd())
    if config.database_url:
        return
    beside = Beside(config.store_path)
    if not beside.is_known():
        _look_up(config.store_path, runs)
        beside.believe()


def _look_up(database: Path, runs: Sequence[str]) -> None:
    """Whether the runs are there with the strange file, on a copy: to open the store itself would fold it in."""
    from orchestrator.store.beside import FOLDER
    from orchestrator.store.open import opened_as_is
    from orchestrator.store.strange import in_use

    if in_use(database):
        return  # somebody goes by it already
    with tempfile.TemporaryDirectory(dir=database.parent, prefix=".try-") as folder:
        copy = Path(shutil.copy(database, folder))
        shutil.copy(database.with_name(database.name + "-wal"), folder)
        with contextlib.suppress(FileNotFoundError):
            shutil.copytree(database.parent / FOLDER, copy.parent / FOLDER)
        store = opened_as_is(copy)
        try:
            _chosen(store, runs, every=not runs)
        finally:
            store.engine.dispose()


def _accept(store: Store, chosen: dict[str, str]) -> None:
    """Of these runs nothing is missed from now on."""
    from orchestrator.store.highwater import forget
    from orchestrator.store.lease import owner_alive

    for run in list(chosen):
        if not owner_alive(store, run):
            forget(store, run)
            if chosen[run]:
                del chosen[run]


def problems_of_all(store: Store, chosen: Mapping[str, str], *, every: bool) -> dict[str, list[str]]:
    """By run. Where nobody named them, one that somebody removed meanwhile is not missed."""
    found = {run: [gone] if gone else problems_of(store, run) for run, gone in chosen.items()}
    if not every:
        return found
    return {run: problems for run, problems in found.items() if chosen[run] or store.has(run)}


def problems_of(store: Store, run: str) -> list[str]:
    """What is wrong with the record of a run; of a file that cannot even be read, why not."""
    from orchestrator.store.quarantine import verified

    try:
        return verified(store, run)
    except (StoreError, UsageError) as error:
        return [error.message]


def _print(console: Console, store: Store, found: Iterable[tuple[str, list[str]]], missing: set[str]) -> None:
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
    if missing:
        console.say(
            "of what is missing, calls with an effect may have happened; to go by what is there all the same:"
        )
        console.say(f"orch verify {' '.join(sorted(missing)[:SHOWN])} --accept")


def _more(rest: int) -> str:
    return f"; and {rest:,} more" if rest > 0 else ""
