"""`orch diff` of two runs: both logs are read once for figures and digests, and again only where something differs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.cli.console import Console
    from orchestrator.events import Event
    from orchestrator.report.diff_facts import RunFacts
    from orchestrator.report.diff_runs import RunsDiff
    from orchestrator.store.store import Store

_LAST = re.compile(r"last~(\d{1,6})")


def diff_runs(
    console: Console, what: Sequence[str], form: str, *, step: str, limit: int, exit_code: bool
) -> int:
    """Compare two runs of the store around here. Returns the exit code."""
    from orchestrator.cli.whole import warn_damaged
    from orchestrator.cli.wiring import existing_store
    from orchestrator.report.diff_runs import compare_runs

    if step and form == "github":
        raise UsageError("a comment shows no values of a run, so --step has nothing to say in it", hint="use --format text or json")  # fmt: skip
    store = existing_store()
    try:
        names = _find(store, what[0]), _find(store, what[1])
        for name in dict.fromkeys(names):
            warn_damaged(console, store, name)
        found = compare_runs(_facts(store, names[0]), _facts(store, names[1]))
        if step:
            differs = _one(console, store, names, found, step, form)
        else:
            differs = found.differs
            _all(console, store, names, found, limit, form)
    finally:
        store.close()
    return int(exit_code and differs)


def _find(store: Store, name: str) -> str:
    """The id of a run; `last~2` is the second before the last. Raises UsageError."""
    back = _LAST.fullmatch(name)
    if back is None:
        return store.find(name)
    number = int(back[1])
    rows = store.runs(limit=number + 1)
    if len(rows) <= number:
        raise UsageError(f"there is no run {name}: there are {len(rows)}", hint="`orch runs` lists them")
    return rows[number].id


def _facts(store: Store, run: str) -> RunFacts:
    from orchestrator.report.diff_facts import RunFacts

    found = RunFacts()
    for seq, event in store.events(run):
        found.take(event, seq)
    return found


def _events(store: Store, run: str, facts: RunFacts, path: str) -> list[Event]:
    one = facts.instances.get(path)
    return [] if one is None else [event for _, event in store.span_events(run, path, one.first, one.last)]


def _all(
    console: Console, store: Store, names: tuple[str, str], found: RunsDiff, limit: int, form: str
) -> None:
    from orchestrator.cli.diff_print import print_rows
    from orchestrator.report.diff_runs import runs_json, summary_rows

    title = f"{names[0]} → {names[1]}"
    if form == "json":
        console.json({"before": names[0], "after": names[1], **runs_json(found, limit)})
        return
    if form == "github":
        from orchestrator.report.diff_github import of_rows

        console.out.write(of_rows(title, list(summary_rows(found, names, values=False))))
        return
    print_rows(console, [((title, "dim"),), *summary_rows(found, names)])
    for path, why in found.differing[:limit]:
        print_rows(console, [(), ((f"{path}: {', '.join(why)}", "bold"),)])
        if not why[0].startswith("only "):
            print_rows(console, _rows(store, names, found, path))
    _rest(console, found, limit)


def _rest(console: Console, found: RunsDiff, limit: int) -> None:
    more = len(found.differing) - limit
    if more > 0:
        console.say(f"{more:,} more differ; --limit N shows more, --step PATH one of them")
    elif not found.differs:
        kept = not any(step.withheld for step in found.steps)
        console.say("no difference" if kept else "no difference in what the record holds", "green")


def _rows(
    store: Store, names: tuple[str, str], found: RunsDiff, path: str
) -> list[tuple[tuple[str, str], ...]]:
    from orchestrator.report.diff_instance import instance_rows

    before = _events(store, names[0], found.before, path)
    after = _events(store, names[1], found.after, path)
    return [(("  ", ""), *row) for row in instance_rows(before, after, names)]


def _one(
    console: Console, store: Store, names: tuple[str, str], found: RunsDiff, step: str, form: str
) -> bool:
    """One instance, named by its path, or all of a step. Returns whether it differs."""
    from orchestrator.cli.diff_print import print_rows
    from orchestrator.report.diff_instance import instance_json
    from orchestrator.report.paths import step_of

    known = dict.fromkeys((*found.before.instances, *found.after.instances))
    differing = dict(found.differing)
    paths = [step] if step in known else [path for path in differing if step_of(path) == step]
    if not paths and not any(step_of(path) == step for path in known):
        raise UsageError(f"neither run has a step '{step}'", hint=_near(list(known), step))
    if form == "json":
        sides = (
            (
                path,
                [_events(store, n, f, path) for n, f in zip(names, (found.before, found.after), strict=True)],
            )
            for path in paths
        )
        console.json(
            [
                {"path": path, "why": list(differing.get(path, ())), **instance_json(*pair)}
                for path, pair in sides
            ]
        )
    else:
        for path in paths:
            print_rows(console, [((path, "bold"),), *_rows(store, names, found, path)])
        if not paths:
            console.say(f"all instances of {step} are the same", "green")
    return any(path in differing for path in paths)


def _near(paths: list[str], step: str) -> str:
    from difflib import get_close_matches

    from orchestrator.report.paths import step_of

    names = list(dict.fromkeys((*(step_of(path) for path in paths), *paths[:1000])))
    near = get_close_matches(step, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are {', '.join(names[:8])}"


__all__ = ["diff_runs"]
