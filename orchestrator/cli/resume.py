"""`orch resume`: go on with a run that stopped, waited or crashed. Nothing that finished runs again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.opening import LOCAL_ONLY, opened_again, pairs
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.job import Job
    from orchestrator.cli.past import Past
    from orchestrator.config import Config
    from orchestrator.engine.start import Result
    from orchestrator.events import RunStarted
    from orchestrator.graph.model import Graph
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--events", is_flag=True, help="Print every event as a line of JSON instead of the result.")
@click.option(
    "--changed", is_flag=True, help="Go on although the workflow file has changed since the run began."
)
@click.option(
    "-i",
    "--input",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input that the record did not keep.",
)
@click.option(
    "--done",
    "happened",
    multiple=True,
    metavar="STEP",
    help="The call of STEP, of which nobody knew, happened.",
)
@click.option(
    "--value", "values", multiple=True, metavar="JSON", help="What the call of --done gave; null without it."
)
@click.option(
    "--rerun", "again", multiple=True, metavar="STEP", help="It did not happen: call the tool of STEP again."
)
@click.option(
    "--budget-usd", type=click.FloatRange(min=0), help="What the whole run may spend from now on, in dollars."
)
@click.option("--budget-tokens", type=click.IntRange(min=1), help="Tokens the whole run may use from now on.")
@click.option(
    "--budget-cloud-calls", type=click.IntRange(min=0), help="Cloud calls the whole run may make from now on."
)
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
@click.option("-q", "--quiet", is_flag=True, help="No progress; questions stay open.")
def command(
    run: str,
    given: tuple[str, ...],
    as_json: bool,
    events: bool,
    changed: bool,
    happened: tuple[str, ...],
    values: tuple[str, ...],
    again: tuple[str, ...],
    budget_usd: float | None,
    budget_tokens: int | None,
    budget_cloud_calls: int | None,
    local_only: bool,
    quiet: bool,
) -> int:
    """Go on with RUN (an id, its beginning, or `last`).

    A run whose budget was used up (`then: pause`) goes on with a larger one: --budget-usd 2. What it has spent
    already counts. A run that stopped in the middle of a call with an effect (`effects: once`) does not make it a second
    time: say that it happened (--done), or that it did not (--rerun).
    """
    from orchestrator.cli.concluding import conclude
    from orchestrator.cli.wiring import existing_store
    from orchestrator.config import Config

    console, config = the_console(), Config.from_environment(os.environ, Path.cwd())
    config = config.staying(local_only)
    said = Said(pairs(given, "-i"), changed, happened, again, values, as_json, events, quiet,
                _limits(budget_usd, budget_tokens, budget_cloud_calls))  # fmt: skip
    store = existing_store()
    try:
        run = store.find(run)
        row = store.run(run)
        ended = _ended(store, row)
        result, text = (ended, "") if ended is not None else _go_on(store, row, said, config, console)
        return conclude(result, run, console, as_json=as_json, events=events, streamed=text)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class Said:
    """What a command line says: inputs that the record did not keep, calls that happened or did not, larger limits."""

    given: Mapping[str, str]
    changed: bool
    happened: Sequence[str]
    again: Sequence[str]
    values: Sequence[str]
    as_json: bool
    events: bool
    quiet: bool
    limits: Mapping[str, int]


def _ended(store: Store, row: RunRow) -> Result | None:
    """How a run ended that a person rejected; None for one that can go on. Raises UsageError for one that is done."""
    from orchestrator.cli.afterwards import how_it_ended
    from orchestrator.cli.whole import refuse_damaged
    from orchestrator.store.foreign import refuse_foreign
    from orchestrator.store.quarantine import checked

    refuse_foreign(store, row.id)
    if row.status not in ("done", "rejected"):
        return None
    refuse_damaged(row.id, [problem] if (problem := checked(store, row.id)) else [])
    if row.status == "done":
        raise UsageError(f"run {row.id} is done", hint=f"see it with: orch show {row.id}")
    return how_it_ended(store, row.id)


def _go_on(store: Store, row: RunRow, said: Said, config: Config, console: Console) -> tuple[Result, str]:
    """Read the record once, and execute what is not in it."""
    from orchestrator.cli.executing import execute
    from orchestrator.cli.past import past_of
    from orchestrator.store.lease import Lease

    with Lease.acquire(store, row.id):
        past = past_of(store, row.id)
        return execute(store, _job(store, row, past, said, config, console), console)


def _job(store: Store, row: RunRow, past: Past, said: Said, config: Config, console: Console) -> Job:
    """Raises OrchError for what keeps it from going on."""
    from orchestrator.cli.job import Shown, job_of
    from orchestrator.cli.locked import guard_of
    from orchestrator.cli.needs import open_models
    from orchestrator.cli.privacy import privacy_of, refuse_lost, whole_inputs
    from orchestrator.cli.settling import settled
    from orchestrator.cli.whole import refuse_half_made
    from orchestrator.store.seen import taken_by

    started, options = past.started, past.started.options
    refuse_half_made(started, row.events)
    graph = _graph(started, console, changed=said.changed)
    config = config.staying(bool(options.get("local_only")))
    privacy, today = privacy_of(graph, config, os.environ), str(options["today"])
    refuse_lost(past.recovered)
    strict, replaced = bool(options.get("locked")), tuple(options.get("models") or ())
    guard = guard_of(graph, config, strict=strict, replaced=replaced, resumed=True)
    taken = taken_by(store, row.id)
    inputs = whole_inputs(graph, started.inputs, said.given, privacy.keep, today, taken)
    models = open_models(graph, config, console)
    calls = settled(row.id, past.recovered, said.happened, said.again, said.values)
    shown = Shown(said.as_json, said.events, said.quiet)
    return job_of(
        past, graph, inputs, models, config, privacy, shown,
        resumed=True, lock=guard, settled=calls, limits=said.limits,
    )  # fmt: skip


def _graph(started: RunStarted, console: Console, *, changed: bool) -> Graph:
    """The file as it was when the run began, unless `changed` says that it may be another one. Raises UsageError."""
    graph = opened_again(started, console, started.options.get("models", {}))
    if graph.digest != started.source and not changed:
        raise UsageError(
            f"{started.file} (or something it includes) has changed since run {started.run} began",
            hint="start a new run (known answers are reused), or go on all the same with --changed",
        )
    return graph


def _limits(usd: float | None, tokens: int | None, cloud_calls: int | None) -> dict[str, int]:
    """The limits that are raised, money in nano-dollars."""
    from orchestrator.money import nano

    limits = {"usd": None if usd is None else nano(usd), "tokens": tokens, "cloud_calls": cloud_calls}
    return {name: limit for name, limit in limits.items() if limit is not None}
