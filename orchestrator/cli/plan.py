"""`orch plan`: what a run will do and take, before one token is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import leaving
from orchestrator.cli.complete import workflows
from orchestrator.cli.console import the_console
from orchestrator.cli.opening import LOCAL_ONLY
from orchestrator.errors import OrchError

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.plan.overview import Overview
    from orchestrator.plan.spend import Expected


@click.command()
@click.argument("workflow", shell_complete=workflows)
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="An input; NAME=@FILE reads a file."
)
@click.option("--input-file", type=click.Path(path_type=Path), help="A YAML or JSON file with all inputs.")
@click.option("-m", "--model", "models", multiple=True, metavar="NAME=REF", help="Plan with another model.")
@click.option(
    "--measure",
    is_flag=True,
    help="Start the local models: count prompts with their tokenizers, find what is cached.",
)
@click.option("--local-only", is_flag=True, help=LOCAL_ONLY)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(
    workflow: str,
    given: tuple[str, ...],
    input_file: Path | None,
    models: tuple[str, ...],
    measure: bool,
    local_only: bool,
    as_json: bool,
) -> None:
    """Show what a run of WORKFLOW will do: order, models, calls, prompt sizes, memory, what may leave.

    Inputs that are not given are unknowns in the numbers. Nothing of the workflow is executed.
    """
    from orchestrator.cli.needs import price_list
    from orchestrator.cli.opening import opened, pairs
    from orchestrator.cli.plan_data import plan_data
    from orchestrator.cli.plan_measured import cached_answers, measured
    from orchestrator.cli.plan_told import print_plan
    from orchestrator.config import Config
    from orchestrator.engine.preflight import preflight
    from orchestrator.plan.overview import overview
    from orchestrator.providers.registry import is_cloud

    console = the_console()
    graph = opened(workflow, console, pairs(models, "-m"))
    offline = Config.from_environment(os.environ, Path.cwd()).staying(local_only).offline
    if offline:
        preflight(graph, price_list, offline=True)
    inputs, missing = _inputs(graph, pairs(given, "-i"), input_file)
    plan = overview(graph, inputs, is_cloud, leaving.price)
    if offline:
        plan = replace(plan, leaves=(), exits=())
    before = _before(graph, plan)
    counted = measured(graph, plan) if measure else {}
    cached = cached_answers(graph, plan, inputs) if measure and not missing else None
    if as_json:
        found = plan_data(graph, plan, counted, missing) | leaving.data(plan, before)
        console.json(found | ({} if cached is None else {"cached": cached}))
    else:
        print_plan(graph, plan, counted, missing, console, cached)
        for line in leaving.sentences(graph, plan, before, offline=offline):
            console.result(line)


def _before(graph: Graph, plan: Overview) -> Expected | None:
    """What runs of this workflow came to; nothing when none of it leaves, or no store can be read."""
    from orchestrator.cli.wiring import find_store

    if not plan.leaves:
        return None
    try:
        store = find_store()
    except OrchError:
        return None
    if store is None:
        return None
    try:
        return leaving.history(plan, graph.workflow.name or Path(graph.file).stem, store)
    finally:
        store.close()


def _inputs(
    graph: Graph, given: Mapping[str, str], input_file: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """The inputs that are known, and the names of those that a run would still need."""
    from orchestrator.inputs import read_inputs

    specs = graph.workflow.inputs
    missing = [
        name
        for name, spec in specs.items()
        if name not in given and "default" not in spec.model_fields_set and spec.missing is None
    ]
    if input_file is not None:
        missing = []
    values = read_inputs(
        {name: spec for name, spec in specs.items() if name not in missing},
        given,
        root=Path(graph.root),
        cwd=Path.cwd(),
        base=Path(graph.file).resolve().parent,
        today=date.today(),  # noqa: DTZ011 - the user's own calendar
        input_file=input_file,
    )
    return values, missing
