"""`orch run`: check the file, read the inputs, record the run, execute it, print its result."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import complete
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.opening import LOCAL_ONLY, pairs
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.job import Shown
    from orchestrator.config import Config
    from orchestrator.graph.model import Graph
    from orchestrator.store.store import Store


@click.command()
@click.argument("workflow", shell_complete=complete.workflows)
@click.option(
    "-i",
    "--input",
    "given",
    multiple=True,
    metavar="NAME=VALUE",
    help="An input; NAME=@FILE reads it from a file.",
)
@click.option("--input-file", type=click.Path(path_type=Path), help="A YAML or JSON file with all inputs.")
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="NAME=REF",
    help="Use another model for this run, e.g. tiny=ollama:llama3.2:3b.",
)
@click.option(
    "--from",
    "at",
    metavar="STEP",
    default="",
    help="From this step on; what stands before it is taken over from the newest run of this workflow.",
)
@click.option("-y", "--yes", is_flag=True, help="With --from: also make calls with an effect a second time.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--events", is_flag=True, help="Print every event as a line of JSON instead of the result.")
@click.option("--no-cache", is_flag=True, help="Ask the models again, also where an answer is known.")
@click.option(
    "--locked", is_flag=True, help="Refuse to run when anything is not as `orch lock` wrote it down."
)
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
@click.option("-q", "--quiet", is_flag=True, help="No progress; questions stay open.")
@click.option("--detach", is_flag=True, help="Run as a process of its own; print the run's id and return.")
@click.option("--tui", is_flag=True, help="Run as a process of its own and watch it on a screen.")
@click.option("--run-id", hidden=True, help="The id that a detached run was given.")
def command(
    workflow: str,
    given: tuple[str, ...],
    input_file: Path | None,
    models: tuple[str, ...],
    at: str,
    yes: bool,
    as_json: bool,
    events: bool,
    no_cache: bool,
    locked: bool,
    local_only: bool,
    quiet: bool,
    detach: bool,
    tui: bool,
    run_id: str | None,
) -> int:
    """Run WORKFLOW: a file, or the name of one that ships (`orch workflows` lists them)."""
    from orchestrator.config import Config

    console = the_console()
    others = {"--json": as_json, "--events": events, "--quiet": quiet, "--detach": detach}
    if at:
        _refuse_with_from(tui=tui, input_file=input_file, locked=locked)
    tui = _screen_wanted(tui, others, console)
    if detach and events:
        from orchestrator.cli.starting import unseen

        raise unseen()
    config = Config.from_environment(os.environ, Path.cwd()).staying(local_only)
    replaced = pairs(models, "-m")
    if at:
        shown = {"as_json": as_json, "events": events, "quiet": quiet}
        how = {"yes": yes, "no_cache": no_cache, "detach": detach, "run_id": run_id, **shown}
        return _from(workflow, at, pairs(given, "-i"), replaced, how, config, console)
    graph = checked_graph(workflow, replaced, console)
    today = date.today()  # noqa: DTZ011 - the user's own calendar
    inputs = _inputs(graph, given, input_file, today)
    options = {"today": today.isoformat(), "cache": not no_cache, "models": replaced}
    options |= {"local_only": True} if config.offline else {}
    options |= {"locked": True} if locked else {}
    from orchestrator.cli.job import Shown
    from orchestrator.cli.wiring import the_store

    store = the_store()
    try:
        again = _again(workflow, given, input_file, models, no_cache, local_only, locked)
        if detach:
            return _detach(store, again, config, console, as_json=as_json)
        if tui:
            return _on_screen(store, again, graph, config, console)
        run = run_id or store.fresh_id(time.time())
        return _execute(store, config, graph, run, inputs, options, console, Shown(as_json, events, quiet))
    finally:
        store.close()


def _from(
    workflow: str,
    at: str,
    given: Mapping[str, str],
    models: Mapping[str, str],
    how: Mapping[str, Any],
    config: Config,
    console: Console,
) -> int:
    """The newest run of this workflow, from a step on."""
    from orchestrator.cli.again import Wish, newest
    from orchestrator.cli.fork import How, fork
    from orchestrator.cli.wiring import the_store
    from orchestrator.library import find_workflow

    file = find_workflow(workflow, Path.cwd())
    store = the_store()
    try:
        return fork(store, newest(store, file), Wish(at, given, models), How(**how), config, console)
    finally:
        store.close()


def _refuse_with_from(*, tui: bool, input_file: Path | None, locked: bool) -> None:
    """Raise UsageError for options that mean a run from its beginning."""
    if tui:
        raise UsageError(
            "--tui and --from exclude each other", hint="start it with --detach, then: orch tui last"
        )
    if locked:
        raise UsageError(
            "--locked and --from exclude each other", hint="check it first: orch lock --check WORKFLOW"
        )
    if input_file is not None:
        raise UsageError(
            "--input-file and --from exclude each other",
            hint="the inputs are those of the run before; give those that are to be others with -i NAME=VALUE",
        )


def checked_graph(workflow: str, models: Mapping[str, str], console: Console) -> Graph:
    """The graph of a file or a name, with `-m` applied.

    Warnings are printed. Raises SpecError, UsageError.
    """
    from orchestrator.cli.opening import opened

    return opened(workflow, console, models)


def _inputs(graph: Graph, given: tuple[str, ...], input_file: Path | None, today: date) -> dict[str, Any]:
    from orchestrator.inputs import read_inputs

    return read_inputs(
        graph.workflow.inputs,
        pairs(given, "-i"),
        root=Path(graph.root),
        cwd=Path.cwd(),
        base=Path(graph.file).resolve().parent,
        today=today,
        input_file=input_file,
    )


def _execute(
    store: Store,
    config: Config,
    graph: Graph,
    run: str,
    inputs: Mapping[str, Any],
    options: Mapping[str, Any],
    console: Console,
    shown: Shown,
) -> int:
    from orchestrator.cli.beginning import begin, streamed_steps
    from orchestrator.cli.concluding import conclude
    from orchestrator.cli.executing import execute
    from orchestrator.cli.fresh import only_new
    from orchestrator.cli.job import job_of
    from orchestrator.cli.locked import guard_of
    from orchestrator.cli.needs import open_models
    from orchestrator.cli.privacy import privacy_of
    from orchestrator.store.lease import Lease

    strict = bool(options.get("locked"))
    guard = guard_of(graph, config, strict=strict, replaced=tuple(options["models"]))
    privacy = privacy_of(graph, config, os.environ)
    inputs, taken = only_new(store, graph, inputs, privacy.keep, console)
    models = open_models(graph, config, console)
    with Lease.acquire(store, run):
        past = begin(store, graph, run, inputs, options, privacy, taken)
        streamed = streamed_steps(graph)
        job = job_of(past, graph, inputs, models, config, privacy, shown, streamed=streamed, lock=guard)
        result, text = execute(store, job, console)
    return conclude(result, run, console, as_json=shown.as_json, events=shown.events, streamed=text)


def _again(
    workflow: str,
    given: tuple[str, ...],
    input_file: Path | None,
    models: tuple[str, ...],
    no_cache: bool,
    local_only: bool,
    locked: bool,
) -> list[str]:
    """The same command line for a process of its own."""
    arguments = [f"--input={pair}" for pair in given] + [f"--model={pair}" for pair in models]
    arguments += [f"--input-file={input_file}"] if input_file is not None else []
    arguments += ["--no-cache"] if no_cache else []
    arguments += ["--local-only"] if local_only else []
    arguments += ["--locked"] if locked else []
    return [*arguments, "--", workflow]


def _detach(store: Store, arguments: list[str], config: Config, console: Console, *, as_json: bool) -> int:
    from orchestrator.cli.starting import start_run, tell_started

    run = store.fresh_id(time.time())
    start_run(store, run, arguments, config.cwd)
    tell_started(console, run, as_json=as_json)
    return 0


def _on_screen(store: Store, arguments: list[str], graph: Graph, config: Config, console: Console) -> int:
    """Start the run as a process of its own, as `--detach` does, and watch it; its result is printed afterwards."""
    from orchestrator.cli.afterwards import how_it_stands
    from orchestrator.cli.needs import check_models
    from orchestrator.cli.starting import start_run
    from orchestrator.cli.tui import settings_for, show

    settings = settings_for(config)
    check_models(graph, config, console)  # what is missing is fetched and said before the screen opens
    run = store.fresh_id(time.time())
    start_run(store, run, arguments, config.cwd)
    try:
        left = show(config, store, settings, console, run)
    finally:  # also when the screen broke: the run did not
        code = how_it_stands(store, run, console)
    return left or code


def _screen_wanted(tui: bool, others: Mapping[str, bool], console: Console) -> bool:
    """Whether the run is to be watched on a screen; where there can be none, it is told as ever.

    Raises UsageError for options that mean another output.
    """
    if not tui:
        return False
    for option, given in others.items():
        if given:
            raise UsageError(f"--tui and {option} exclude each other", hint="give one of them")
    from orchestrator.cli.tui import why_no_screen

    if why := why_no_screen():
        console.say(f"{why}: progress is told in lines")
        return False
    return True
