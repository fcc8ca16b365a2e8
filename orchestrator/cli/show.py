"""`orch show`: a run as a whole, or one of its steps with prompts, attempts and answers."""

from __future__ import annotations

import re
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from orchestrator.cli import complete
from orchestrator.cli.artifacts import print_artifacts
from orchestrator.cli.console import Console, the_console
from orchestrator.cli.instance import print_instance, print_table
from orchestrator.cli.waiting import what_to_do
from orchestrator.cli.whole import warn_damaged
from orchestrator.errors import UsageError
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.report.instances import Instances, find_step
from orchestrator.report.lines import short
from orchestrator.report.paths import step_of
from orchestrator.report.record import run_json, span_json, step_json
from orchestrator.report.summary import Summary, step_table, whereabouts
from orchestrator.state import RunState

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

_FAILURES = 10


@click.command()
@click.argument("run", shell_complete=complete.runs)
@click.argument("step", required=False, default="")
@click.option("--verify", is_flag=True, help="Check that the record is byte for byte what was written.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(run: str, step: str, verify: bool, as_json: bool) -> int:
    """Show RUN (an id, its beginning, or `last`), or one STEP of it with its prompts and answers.

    A step inside a group is `group.step`. One instance of it has its items and passes in the name: `answer.3` is
    item 3 (the first is 0), `loop~2.draft` the step `draft` in pass 2 of `loop`, `answer.3.loop~2.draft` both.
    """
    from orchestrator.cli.wiring import existing_store

    console = the_console()
    store = existing_store()
    try:
        found = store.find(run)
        if verify:
            return _verify(console, store, found, as_json=as_json)
        problem = warn_damaged(console, store, found)
        if step:
            _show_step(console, store, found, step, as_json=as_json)
        else:
            _show_run(console, store, found, problem, as_json=as_json)
    finally:
        store.close()
    return 0


def _verify(console: Console, store: Store, run: str, *, as_json: bool) -> int:
    from orchestrator.store.quarantine import verified

    problems = verified(store, run)
    if as_json:
        console.json({"run": run, "problems": problems})
    elif problems:
        for problem in problems:
            console.view(problem)
    else:
        console.view(f"run {run}: all {store.run(run).events:,} events are as they were written")
    return 1 if problems else 0


def _show_run(console: Console, store: Store, run: str, problem: str, *, as_json: bool) -> None:
    row, state, figures = store.run(run), RunState(), Summary()
    for seq, event in store.events(run):
        state.apply(event, seq)
        figures.add(event)
    if as_json:
        console.json({**run_json(asdict(row), state), **({"damaged": problem} if problem else {})})
        return
    _print_head(console, row, state, figures, "damaged" if problem else row.status)
    _print_origin(console, store, run)
    if figures.steps:
        console.view("")
        header, rows = step_table(figures)
        console.table([title.upper() for title in header], rows)
    if state.artifacts:
        console.view("")
        print_artifacts(console, state.artifacts, store)
    _print_end(console, store, row, state, figures, whole=not problem)


def _print_head(console: Console, row: RunRow, state: RunState, figures: Summary, status: str) -> None:
    started = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.started))
    console.view(f"run {row.id} of {row.workflow}: {status}")
    console.view(f"  file     {row.file}" + (f" at {row.revision}" if row.revision else ""))
    console.view(f"  started  {started}{_took(row, figures)}")
    if forked := state.options.get("forked"):
        at = f" at {forked['at']}" if forked["at"] else ""
        console.view(f"  out of   run {forked['run']}{at}: {forked['events']:,} events taken over")
    for name, value in state.inputs.items():
        console.view(f"  input    {name}: {short(value)}")


def _print_origin(console: Console, store: Store, run: str) -> None:
    from orchestrator.store.foreign import foreign

    if mark := foreign(store).get(run):
        day = time.strftime("%Y-%m-%d %H:%M", time.localtime(mark["at"]))
        console.view(
            f"  imported {day}, there it was run {mark['run']}; values up to {mark['clearance']} came along"
        )


def _took(row: RunRow, figures: Summary) -> str:
    """From start to end as `orch runs` says it, and how much of it somebody worked when that is less."""
    if row.ended is None:
        return f", {words.seconds(figures.seconds)} of work so far" if figures.seconds else ""
    whole, worked = words.seconds(row.ended - row.started), words.seconds(figures.seconds)
    return f", took {whole}" + (f", {worked} of it at work" if worked != whole else "")


def _print_end(
    console: Console, store: Store, row: RunRow, state: RunState, figures: Summary, *, whole: bool
) -> None:
    failed = [span for span in state.spans.values() if span.status == "failed"]
    lines = [f"✗ {span.path}: {short(span.note, 300)}" for span in failed[:_FAILURES]]
    if len(failed) > _FAILURES:
        lines.append(f"  and {len(failed) - _FAILURES:,} more that failed")
    lines += [f"warning: {warning}" for warning in state.warnings[:_FAILURES]]
    if whole and (state.asks or row.status == "waiting"):
        lines += what_to_do(store, row.id)
    if state.error is not None:
        where = f"step '{state.error.path}': " if state.error.path else ""
        lines.append(f"{state.error.status}: {where}{state.error.message}")
    if row.status == "done":
        lines.append(f"result: {short(state.outputs, 300)}")
    if whole and row.status in ("failed", "interrupted"):
        lines.append(f"what is finished is kept; go on with: orch resume {row.id}")
    if stayed := whereabouts(figures):
        total = figures.spending.total()
        spent = f"; {shown(total.cost)} spent" if total.cost else ""
        more = f", at most {shown(total.open_cost)} more by calls without a bill" if total.open_cost else ""
        lines.append(f"{stayed}{spent}{more}")
    if lines:
        console.view("")
    for text in lines:
        console.view(text)


def _show_step(console: Console, store: Store, run: str, step: str, *, as_json: bool) -> None:
    instances = Instances.around(step)
    for seq, event in store.events(run):
        instances.take(event, seq)
    found = find_step(instances.state, step)
    if not found:
        raise UsageError(f"run {run} has no step '{step}' (so far)", hint=_near(instances.state, step, run))
    if len(found) == 1 and (found[0].path == step or found[0].items is None):
        events = [store.event(run, seq) for seq in instances.of(found[0].path)]
        if as_json:
            console.json(step_json(found[0], events, instances.values))
        else:
            print_instance(console, found[0], events, instances.values)
            made = [one for one in instances.state.artifacts if one["step"] == found[0].path]
            if made:
                console.view("")
                print_artifacts(console, made, store)
    elif as_json:
        console.json([span_json(span, instances.values) for span in found])
    else:
        print_table(console, found, instances.values, f"orch show {run}")


def _near(state: RunState, step: str, run: str) -> str:
    """What was meant: the step inside a group whose name stands there alone, or one that is spelled alike."""
    import difflib

    names = list(dict.fromkeys(step_of(path) for path in state.spans))
    inside = [name for name in names if name.endswith(f".{step}")]
    near = inside or difflib.get_close_matches(step, [*names, *state.spans], 1)
    if near:
        return f"did you mean {' or '.join(repr(name) for name in near[:3])}?{_spelling(state, near[0])}"
    return f"its steps: orch show {run}"


def _spelling(state: RunState, name: str) -> str:
    """How one instance of the step is named, where it has several."""
    path = next((path for path in reversed(state.spans) if step_of(path) == name), name)
    if path == name:
        return ""
    parts = [f"item {number}" for number in re.findall(r"\.(\d+)(?=[.~@^#]|$)", path)]
    parts += [f"pass {number}" for number in re.findall(r"~(\d+)", path)]
    parts += [f"sample {number}" for number in re.findall(r"#(\d+)", path)]
    about = f" ({', '.join(parts)})" if parts else ""
    return f" One of its instances: '{path}'{about}"
