"""`orch replay`: a recorded run once more without any model, and whether every request and decision is as it was."""

from __future__ import annotations

import asyncio
import difflib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.cli import complete
from orchestrator.cli.console import the_console
from orchestrator.cli.opening import opened_again, pairs
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.calling import Example
    from orchestrator.engine.replay import Comparison, Difference, Given
    from orchestrator.engine.trail import Record
    from orchestrator.graph.model import Graph
    from orchestrator.ports import Tool

DIFFERS = 8
"""The exit code when something is not as it was."""
SHOWN = 20
"""Differences that are printed one by one."""
UNSEEN = "sampling parameters and limits stand in no record, and what they do to an answer is not known"


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.option(
    "-i", "--input", "given", multiple=True, metavar="NAME=VALUE", help="An input that the record did not keep."
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: str, given: tuple[str, ...], as_json: bool) -> int:
    """Run RUN (an id, its beginning, or `last`) again from its record, with the workflow's file as it is now.

    No model, tool, server or person is asked and nothing is written. Every request is rendered anew and compared with
    the recorded one; answers, results of tools, what was looked up and what a person said are taken from the record;
    every decision is taken anew. Exit code 8 when something is not as it was.
    """
    from orchestrator.cli.again import started_of
    from orchestrator.cli.replay_changed import changed_unseen, name_the_gone
    from orchestrator.cli.whole import refuse_damaged
    from orchestrator.cli.wiring import existing_store
    from orchestrator.engine.trail import record_of
    from orchestrator.store.foreign import refuse_foreign

    console = the_console()
    store = existing_store()
    try:
        run = store.find(run)
        refuse_foreign(store, run)
        refuse_damaged(run, store.verify(run))
        started = started_of([(0, store.event(run, 0))])
        graph = opened_again(started, console, started.options.get("models", {}))
        record = record_of(event for _, event in store.events(run))
    finally:
        store.close()
    missing = pairs(given, "-i")
    _refuse_needless(missing, started.inputs, run)
    found = asyncio.run(_played(record, graph, missing))
    name_the_gone(graph, found)
    unseen = changed_unseen(started, graph, found)
    if as_json:
        console.json(_data(run, found, unseen))
    else:
        for line in _lines(run, found, unseen):
            console.view(line)
    return DIFFERS if found.differences else 0


def _refuse_needless(given: Mapping[str, str], recorded: Mapping[str, Any], run: str) -> None:
    """Raise UsageError for an input that is on record: with another one it would be another run."""
    from orchestrator.policy.keep import noted

    for name in given:
        if name in recorded and noted(recorded[name]) is None:
            raise UsageError(
                f"-i {name}=…: the record has this input, and a replay takes it from there",
                hint=f"run it with another one: orch fork {run} -i {name}=…",
            )


async def _played(record: Record, graph: Graph, given: Mapping[str, str]) -> Comparison:
    from orchestrator.cli.equipment import Equipment
    from orchestrator.engine.replay import replay

    equipment = Equipment(graph, os.environ)
    try:
        return await replay(record, _given(record, graph, given, equipment))
    finally:
        await equipment.close()


def _given(record: Record, graph: Graph, given: Mapping[str, str], equipment: Any) -> Given:
    from orchestrator.cli.again import whole_inputs
    from orchestrator.cli.equipment import declared_as, graphs_of
    from orchestrator.cli.listed import listed_tool
    from orchestrator.cli.needs import price_list
    from orchestrator.engine.replay import Given

    graphs = {one.file: one for one in graphs_of(graph)}
    today = str(record.started.options["today"])

    async def opened(file: str, name: str) -> Tool | None:
        declared = declared_as(graphs[file], name)
        if declared is not None and declared.spec.mcp is not None:
            return listed_tool(graph, graphs[file], declared, name)
        tool: Tool = await equipment(file, name)
        return tool

    return Given(
        graph,
        whole_inputs(graph, record.started.inputs, given, today),
        today,
        {name: f"[env.{name}]" for one in graphs.values() for name in one.env},
        opened,
        cases,
        price_list,
    )


def cases(file: Path) -> Sequence[Example]:
    """The worked examples of a file, in its order. Raises KnowledgeError."""
    from orchestrator.errors import KnowledgeError
    from orchestrator.policy.cases import read_cases, told

    try:
        found, wrong = read_cases(file.read_bytes())
    except OSError as error:
        raise KnowledgeError(f"{file.name} cannot be read: {error.strerror}") from None
    if wrong:
        raise KnowledgeError(told(wrong, file.name))
    return found


# ----------------------------------------------------------------------------------------------- printing


def _lines(run: str, found: Comparison, unseen: Sequence[str]) -> Iterator[str]:
    from orchestrator.report.words import count

    for difference in found.differences[:SHOWN]:
        yield f"{difference.path or 'the run'}: {difference.what}"
        yield from (f"  {line}" for line in unified(difference))
        yield ""
    if len(found.differences) > SHOWN:
        yield f"and {len(found.differences) - SHOWN:,} more differences: orch replay {run} --json\n"
    for why, paths in _by_reason(found).items():
        yield f"not compared: {_some(paths)}: {why}"
    if unseen:
        yield f"changed in the file, with no difference here: {_some(unseen)}: {UNSEEN}"
    parts = [
        count(found.requests, "request"),
        count(found.decisions, "decision"),
        count(found.calls, "tool call"),
        count(found.values, "value"),
    ]
    told = ", ".join(parts)
    if found.differences:
        yield f"{count(len(found.differences), 'difference')} among {told}"
    elif not (found.requests or found.values):
        yield "nothing of it could be compared"
    else:
        yield f"as recorded: {told}"


def _by_reason(found: Comparison) -> dict[str, list[str]]:
    reasons: dict[str, list[str]] = {}
    for path, why in found.left_out.items():
        reasons.setdefault(why, []).append(path)
    return reasons


def _some(paths: Sequence[str]) -> str:
    more = f" and {len(paths) - 5:,} more" if len(paths) > 5 else ""
    return ", ".join(paths[:5]) + more


def unified(difference: Difference) -> list[str]:
    """The lines that are not as they were, with those around them."""
    before, now = text_of(difference.recorded), text_of(difference.now)
    return list(difflib.unified_diff(before, now, "recorded", "now", lineterm="", n=2))


def text_of(value: Any) -> list[str]:
    """A value as lines: of a request what each message says, of everything else JSON."""
    match value:
        case None:
            return []
        case str():
            return value.splitlines()
        case [{"role": _, "content": _}, *_]:
            return [
                line
                for message in value
                for line in (f"[{message['role']}]", *str(message["content"]).splitlines())
            ]
        case _:
            return json.dumps(value, ensure_ascii=False, indent=2).splitlines()


def _data(run: str, found: Comparison, unseen: Sequence[str]) -> dict[str, Any]:
    return {
        "run": run,
        "same": not found.differences,
        "compared": {
            "requests": found.requests,
            "decisions": found.decisions,
            "tool_calls": found.calls,
            "values": found.values,
        },
        "differences": [
            {
                "path": one.path,
                "what": one.what,
                "recorded": one.recorded,
                "now": one.now,
                "diff": "\n".join(unified(one)),
            }
            for one in found.differences
        ],
        "not_compared": dict(found.left_out),
        "changed_unseen": list(unseen),
    }
