"""A run out of another one, before it begins: which run, which inputs, what of it stands, what the rest may cost at most."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.opening import opened_again
from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.cli.past import Past
    from orchestrator.cli.privacy import Privacy
    from orchestrator.config import Config
    from orchestrator.engine.fork import Looked, Survey
    from orchestrator.events import Event, RunStarted
    from orchestrator.graph.model import Graph
    from orchestrator.store.store import Store

SHOWN = 40
"""Steps that are told one by one; of more only how many."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a person wants anew: from a step on, with other inputs, with other models, or what changed in the file."""

    at: str = ""
    inputs: Mapping[str, str] | None = None
    models: Mapping[str, str] | None = None
    changed: bool = False

    def refuse_empty(self) -> None:
        """Raise UsageError for one that says nothing."""
        if not (self.at or self.inputs or self.models or self.changed):
            raise UsageError(
                "say what is to run anew",
                hint="--at STEP, other inputs (-i NAME=VALUE), other models (-m NAME=REF), or --changed",
            )


@dataclass(frozen=True, slots=True)
class Copy:
    """Everything about a run that begins with what another one finished."""

    survey: Survey
    before: RunStarted
    graph: Graph
    inputs: Mapping[str, Any]
    options: Mapping[str, Any]
    privacy: Privacy
    config: Config

    def taken(self, store: Store, at: float) -> Iterator[Event]:
        """What the new run begins with, read from the record of the other one."""
        from orchestrator.engine.fork import TAKEN_OVER

        return self.survey.begins_with(store.events(self.before.run, kinds=TAKEN_OVER), at)


def copy_of(store: Store, run: str, wish: Wish, config: Config, console: Console, *, fresh: bool) -> Copy:
    """Find out what stands of this run. `fresh` asks the models again where an answer is known. Raises UsageError."""
    from orchestrator.cli.privacy import privacy_of
    from orchestrator.cli.whole import refuse_running
    from orchestrator.engine.fork import survey
    from orchestrator.store.foreign import refuse_foreign

    refuse_foreign(store, run)
    refuse_running(store, run)
    known = _looked_through(store, run)
    before = known.started
    assert before is not None, "the first event of every run is that it started"
    models = {**before.options.get("models", {}), **(wish.models or {})}
    graph = opened_again(before, console, models)
    config = config.staying(bool(before.options.get("local_only")))
    privacy, today = privacy_of(graph, config, os.environ), str(before.options["today"])
    inputs, other = _inputs(graph, before.inputs, wish.inputs or {}, privacy, today)
    found = survey(graph, known, at=wish.at, inputs=other)
    options = {
        "today": today,
        "cache": not fresh and bool(before.options.get("cache", True)),
        "models": models,
        **({"local_only": True} if config.offline else {}),
    }
    return Copy(found, before, graph, inputs, options, privacy, config)


def _looked_through(store: Store, run: str) -> Looked:
    """What matters of its record, which is read and checked in one pass. Raises UsageError for one that is damaged."""
    from orchestrator.cli.whole import refuse_damaged
    from orchestrator.engine.fork import LOOKED_AT, looked
    from orchestrator.store.reading import Reading

    reading = Reading(store, run, LOOKED_AT)
    known = looked(reading)
    refuse_damaged(run, reading.problems)
    return known


def started_of(record: Sequence[tuple[int, Event]]) -> RunStarted:
    from orchestrator.events import RunStarted

    first = record[0][1]
    assert isinstance(first, RunStarted), "the first event of every run is that it started"
    return first


def newest(store: Store, file: Path) -> str:
    """The newest run of a workflow's file, however it ended; imported ones may say any file. Raises UsageError for none."""
    from orchestrator.store.foreign import foreign

    others, place = foreign(store), str(file.resolve())
    found = next((row.id for row in store.runs() if row.file == place and row.id not in others), None)
    if found is None:
        raise UsageError(
            f"there is no run of {file} yet, so nothing of it can be taken over",
            hint="start one without --from",
        )
    return found


def _inputs(
    graph: Graph, recorded: Mapping[str, Any], given: Mapping[str, str], privacy: Privacy, today: str
) -> tuple[dict[str, Any], list[str]]:
    """The inputs of the new run, and the names of those that are not what they were."""
    inputs = whole_inputs(graph, recorded, given, today)
    return inputs, [
        name for name, value in inputs.items() if not _is_same(recorded.get(name), value, privacy)
    ]


def whole_inputs(
    graph: Graph, recorded: Mapping[str, Any], given: Mapping[str, str], today: str
) -> dict[str, Any]:
    """What a run was given, with what is given now in its place, and defaults for inputs that are new in the file.

    Raises UsageError for one that the record did not keep and nobody gives.
    """
    from orchestrator.inputs import read_inputs, refuse_unknown
    from orchestrator.policy.keep import noted

    specs = graph.workflow.inputs
    refuse_unknown(given, specs)
    stay = {n: v for n, v in recorded.items() if n in specs and n not in given and noted(v) is None}
    _refuse_lost(graph, recorded, given)
    anew = read_inputs(
        {name: spec for name, spec in specs.items() if name not in stay},
        dict(given),
        root=Path(graph.root),
        cwd=Path.cwd(),
        base=Path(graph.file).resolve().parent,
        today=date.fromisoformat(today),
    )
    _refuse_unfit(graph, stay)
    return {name: stay[name] if name in stay else anew[name] for name in specs}


def _refuse_lost(graph: Graph, recorded: Mapping[str, Any], given: Mapping[str, str]) -> None:
    from orchestrator.policy.keep import noted

    for name, value in recorded.items():
        spec, note = graph.workflow.inputs.get(name), noted(value)
        if spec is None or note is None or name in given or "default" in spec.model_fields_set:
            continue
        raise UsageError(
            f"the record did not keep the input '{name}', because it is {note[0]} (`keep`)",
            hint=f"give it again: -i {name}=…",
        )


def _refuse_unfit(graph: Graph, stay: Mapping[str, Any]) -> None:
    """Raise UsageError for a value of the record that the file does not take any more."""
    from orchestrator.spec.values import check_value

    for name, value in stay.items():
        kind = graph.workflow.inputs[name].type
        problems = [] if isinstance(kind, str) or value is None else check_value(kind, value, name)
        if problems:
            raise UsageError(
                f"the input of that run does not fit any more: {problems[0]}", hint=f"-i {name}=…"
            )


def _is_same(before: Any, now: Any, privacy: Privacy) -> bool:
    from orchestrator.policy.keep import noted

    note = noted(before)
    return before == now if note is None else bool(note[1]) and privacy.keep.digest(now) == note[1]


# --------------------------------------------------------------------------------------------- what is told


@dataclass(frozen=True, slots=True)
class Rest:
    """What the part that runs anew may take: calls of models in words, and nano-dollars (None: nobody knows)."""

    calls: str
    most: int | None
    usd: int | None


def lines(copy: Copy, rest: Rest) -> Iterator[str]:
    """What is taken over and what is not, for a person."""
    from orchestrator.money import shown

    found, wish = copy.survey, copy.before
    yield f"out of run {wish.run} of {wish.workflow}:"
    reused = [f"{step} ({count:,})" if count > 1 else step for step, count in found.reused.items()]
    yield f"  taken over  {_listed(reused) or 'nothing'}"
    anew = [f"{path} ({why})" for path, why in found.reasons().items()]
    yield f"  anew        {_listed(anew) or 'nothing: only the result is put together again'}"
    money = (
        ""
        if rest.usd == 0
        else ", at a cost that nobody knows"
        if rest.usd is None
        else f", {shown(rest.usd)}"
    )
    yield f"  at most     {rest.calls} model calls{money}"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def data(copy: Copy, rest: Rest) -> dict[str, Any]:
    """The same for scripts and for the screen."""
    from orchestrator.money import dollars

    found = copy.survey
    return {
        "run": copy.before.run,
        "file": copy.before.file,
        "reused": dict(found.reused),
        "anew": found.reasons(),
        "once": [{"path": path, "tool": tool} for path, tool in found.once],
        "calls": rest.most if rest.most is not None else rest.calls,
        "usd": None if rest.usd is None else dollars(rest.usd),
        "cache": bool(copy.options["cache"]),
    }


# ------------------------------------------------------------------------------------------------ beginning


def begin(store: Store, run: str, copy: Copy, at: str) -> Past:
    """Write the beginning of the new run; its lease is the caller's. Durable on return. Raises StoreError.

    The record of the run before is read twice, since the first event says how many follow: nothing of it is held.
    """
    from orchestrator.cli.beginning import started
    from orchestrator.cli.fresh import digests_of
    from orchestrator.cli.past import Remembering
    from orchestrator.engine.record import kept_inputs, recording
    from orchestrator.engine.recover import Recovered
    from orchestrator.engine.run import SystemClock
    from orchestrator.store.journal import StoreJournal

    privacy, at_once = copy.privacy, time.time()
    kept = kept_inputs(copy.graph, copy.inputs, privacy.keep, privacy.secrets)
    count = sum(1 for _ in copy.taken(store, at_once))
    forked = {"run": copy.before.run, "at": at, "events": count}
    files = digests_of(copy.graph, copy.inputs, privacy.keep)
    first = started(copy.graph, run, kept, {**copy.options, "forked": forked})
    store.create(run, first, files)
    journal = StoreJournal(store, run)
    remembering = Remembering(journal, first)
    try:
        record = recording(remembering, copy.graph, privacy.secrets, privacy.keep, Recovered(), SystemClock())
        for event in copy.taken(store, at_once):
            record.append(event)
    finally:
        journal.close()
    remembering.past.recovered.settled()
    return remembering.past


__all__ = [
    "Copy",
    "Rest",
    "Wish",
    "begin",
    "copy_of",
    "data",
    "lines",
    "newest",
    "started_of",
    "whole_inputs",
]
