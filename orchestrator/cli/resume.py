"""`orch resume`: go on with a run that stopped, waited or crashed. Nothing that finished runs again."""

from __future__ import annotations

import os
from pathlib import Path

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.cli.opening import LOCAL_ONLY, opened, pairs
from orchestrator.errors import UsageError


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
    from orchestrator.cli.afterwards import how_it_ended
    from orchestrator.cli.concluding import conclude
    from orchestrator.cli.executing import Job, execute, open_models
    from orchestrator.cli.locked import guard_of
    from orchestrator.cli.privacy import privacy_of, refuse_lost, whole_inputs
    from orchestrator.cli.settling import settled
    from orchestrator.cli.whole import refuse_damaged, refuse_half_made
    from orchestrator.cli.wiring import existing_store
    from orchestrator.config import Config
    from orchestrator.engine.recover import recover
    from orchestrator.store.foreign import refuse_foreign
    from orchestrator.store.lease import Lease
    from orchestrator.store.quarantine import checked, verified
    from orchestrator.store.seen import taken_by

    console = the_console()
    config = Config.from_environment(os.environ, Path.cwd())
    store = existing_store()
    try:
        run = store.find(run)
        row = store.run(run)
        refuse_foreign(store, run)
        if row.status == "done":
            refuse_damaged(run, [problem] if (problem := checked(store, run)) else [])
            raise UsageError(f"run {run} is done", hint=f"see it with: orch show {run}")
        if row.status == "rejected":
            refuse_damaged(run, [problem] if (problem := checked(store, run)) else [])
            ended = how_it_ended(store, run)
            return conclude(ended, run, console, as_json=as_json, events=events, streamed="")
        with Lease.acquire(store, run):
            refuse_damaged(run, verified(store, run))
            recovered = recover(event for _, event in store.events(run))
            started = recovered.started
            assert started is not None, "the first event of every run is that it started"
            refuse_half_made(started, row.events)
            graph = opened(started.file, console, started.options.get("models", {}))
            if graph.digest != started.source and not changed:
                raise UsageError(
                    f"{started.file} (or something it includes) has changed since run {run} began",
                    hint="start a new run (known answers are reused), or go on all the same with --changed",
                )
            config = config.staying(local_only or bool(started.options.get("local_only")))
            privacy, today = privacy_of(graph, config, os.environ), str(started.options["today"])
            refuse_lost(recovered)
            strict, replaced = bool(started.options.get("locked")), started.options.get("models") or ()
            guard = guard_of(graph, config, strict=strict, replaced=tuple(replaced), resumed=True)
            job = Job(
                run=run,
                graph=graph,
                inputs=whole_inputs(
                    graph,
                    started.inputs,
                    pairs(given, "-i"),
                    privacy.keep,
                    today,
                    taken_by(store, run),
                ),
                today=today,
                models=open_models(graph, config, console),
                resumed=True,
                use_cache=bool(started.options.get("cache", True)),
                as_json=as_json,
                show_events=events,
                quiet=quiet,
                offline=config.offline,
                settled=settled(run, recovered, happened, again, values),
                limits=_limits(budget_usd, budget_tokens, budget_cloud_calls),
                privacy=privacy,
                lock=guard,
                data=config.data,
            )
            result, streamed = execute(store, job, console)
        return conclude(result, run, console, as_json=as_json, events=events, streamed=streamed)
    finally:
        store.close()


def _limits(usd: float | None, tokens: int | None, cloud_calls: int | None) -> dict[str, int]:
    """The limits that are raised, money in nano-dollars."""
    from orchestrator.money import nano

    limits = {"usd": None if usd is None else nano(usd), "tokens": tokens, "cloud_calls": cloud_calls}
    return {name: limit for name, limit in limits.items() if limit is not None}
