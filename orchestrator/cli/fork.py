"""`orch fork`: a new run that begins with what another one finished, and does the rest anew."""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, is_terminal, the_console
from orchestrator.cli.opening import LOCAL_ONLY, pairs
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.again import Copy, Wish
    from orchestrator.config import Config
    from orchestrator.store.store import Store


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.option(
    "--at", metavar="STEP", default="", help="From this step on; or one instance of it: answer.3.draft."
)
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE",
    help="Another input; what reads it runs anew. NAME=@FILE reads it from a file.",
)  # fmt: skip
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME=REF",
    help="Another model; what asks it runs anew.",
)
@click.option("--changed", is_flag=True, help="What changed in the file since, and what comes after.")
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Say what would run anew, and what that may cost; start nothing.",
)
@click.option("-y", "--yes", is_flag=True, help="Also make calls with an effect a second time.")
@click.option("--json", "as_json", is_flag=True, help="Print the result (or the plan) as JSON.")
@click.option("--events", is_flag=True, help="Print every event as a line of JSON instead of the result.")
@click.option("--no-cache", is_flag=True, help="Ask the models again, also where an answer is known.")
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
@click.option("-q", "--quiet", is_flag=True, help="No progress; questions stay open.")
@click.option("--detach", is_flag=True, help="Run as a process of its own; print the run's id and return.")
@click.option("--run-id", hidden=True, help="The id that a detached run was given.")
def command(
    run: str,
    at: str,
    given: tuple[str, ...],
    models: tuple[str, ...],
    changed: bool,
    only_plan: bool,
    yes: bool,
    as_json: bool,
    events: bool,
    no_cache: bool,
    local_only: bool,
    quiet: bool,
    detach: bool,
    run_id: str | None,
) -> int:
    """Run a part of RUN (an id, its beginning, or `last`) anew, as a run of its own.

    What RUN finished before STEP is taken over: nothing of it is asked, called or paid again, and what a person answered
    stays answered. STEP and everything after it runs with the workflow's file as it is now. RUN itself stays as it is.
    """
    from orchestrator.cli.again import Wish
    from orchestrator.cli.wiring import existing_store
    from orchestrator.config import Config

    console = the_console()
    config = Config.from_environment(os.environ, Path.cwd()).staying(local_only)
    wish = Wish(at, pairs(given, "-i"), pairs(models, "-m"), changed)
    wish.refuse_empty()
    if detach and events:
        from orchestrator.cli.starting import unseen

        raise unseen()
    how = How(only_plan, yes, as_json, events, no_cache, quiet, detach, run_id)
    store = existing_store()
    try:
        return fork(store, store.find(run), wish, how, config, console)
    finally:
        store.close()


@dataclass(frozen=True, slots=True)
class How:
    """What a command line says about the way a run is made and shown."""

    only_plan: bool = False
    yes: bool = False
    as_json: bool = False
    events: bool = False
    no_cache: bool = False
    quiet: bool = False
    detach: bool = False
    run_id: str | None = None


def fork(store: Store, source: str, wish: Wish, how: How, config: Config, console: Console) -> int:
    """Make the new run and execute it, here or in a process of its own. Raises UsageError and what `execute` raises."""
    from orchestrator.cli.again import copy_of, data, lines
    from orchestrator.cli.rest import rest_of

    copy = copy_of(store, source, wish, config, console, fresh=how.no_cache)
    rest = rest_of(copy)
    if how.only_plan and how.as_json:
        console.json(data(copy, rest))
        return 0
    say = console.view if how.only_plan else console.say
    if how.only_plan or not how.quiet:
        for line in (*lines(copy, rest), *_twice(copy)):
            say(line)
    if how.only_plan:
        return 0
    _ask_twice(copy, how, console)
    if how.detach:
        return _detach(store, source, wish, how, copy.config, console)
    return _execute(store, copy, wish, how, console)


def _twice(copy: Copy) -> list[str]:
    return [
        f"  a second time: {path} calls {tool}, and it happened already" for path, tool in copy.survey.once
    ]


def _ask_twice(copy: Copy, how: How, console: Console) -> None:
    """Nothing that has its effect once is called a second time without being asked for. Raises UsageError."""
    if not copy.survey.once or how.yes:
        return
    path, tool = copy.survey.once[0]
    if is_terminal(sys.stdin) and is_terminal(console.err) and not how.quiet:
        if click.confirm("Make these calls a second time?", err=True):
            return
        raise UsageError("nothing was started", hint="begin behind that step: --at STEP")
    raise UsageError(
        f"'{path}' called {tool}, which has an effect and happened already; it would happen a second time",
        hint="say so with --yes, or begin behind that step",
    )


def _execute(store: Store, copy: Copy, wish: Wish, how: How, console: Console) -> int:
    from orchestrator.cli.again import begin
    from orchestrator.cli.beginning import streamed_steps
    from orchestrator.cli.concluding import conclude
    from orchestrator.cli.executing import execute
    from orchestrator.cli.job import Shown, job_of
    from orchestrator.cli.locked import guard_of
    from orchestrator.cli.needs import open_models
    from orchestrator.store.lease import Lease

    options, run, graph = copy.options, how.run_id or store.fresh_id(time.time()), copy.graph
    guard = guard_of(graph, copy.config, strict=False, replaced=tuple(options.get("models") or ()))
    models = open_models(graph, copy.config, console)
    shown = Shown(how.as_json, how.events, how.quiet)
    with Lease.acquire(store, run):
        past = begin(store, run, copy, wish.at)
        job = job_of(
            past, graph, copy.inputs, models, copy.config, copy.privacy, shown,
            forked=True, streamed=streamed_steps(graph), lock=guard,
        )  # fmt: skip
        result, text = execute(store, job, console)
    return conclude(result, run, console, as_json=how.as_json, events=how.events, streamed=text)


def _detach(store: Store, source: str, wish: Wish, how: How, config: Config, console: Console) -> int:
    from orchestrator.cli.starting import start_run, tell_started

    run = store.fresh_id(time.time())
    words = arguments(source, wish, no_cache=how.no_cache, local_only=config.offline)
    start_run(store, run, [*words, "--yes"], config.cwd, "fork")
    tell_started(console, run, as_json=how.as_json)
    return 0


def arguments(source: str, wish: Wish, *, no_cache: bool, local_only: bool) -> list[str]:
    """The same wish for a process of its own."""
    words = [f"--input={name}={text}" for name, text in (wish.inputs or {}).items()]
    words += [f"--model={name}={ref}" for name, ref in (wish.models or {}).items()]
    words += [f"--at={wish.at}"] if wish.at else []
    words += ["--changed"] if wish.changed else []
    words += ["--no-cache"] if no_cache else []
    words += ["--local-only"] if local_only else []
    return [*words, source]
