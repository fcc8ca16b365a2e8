"""The shipped examples, and a workshop with tools that leave something behind, killed once at each boundary of their logs.

Their models are scripted, and their embedder needs no weights; tools, sandbox, indexes and files are the real ones.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from orchestrator.events import CallFinished, CallStarted, Event, RunFinished, StepFinished, encode
from orchestrator.graph.open import open_workflow
from orchestrator.inputs import read_inputs
from orchestrator.store.answers import approve, open_asks
from orchestrator.store.artifacts import artifact_path, folder_of, is_digest
from orchestrator.store.conversations import conversations, turns_of
from orchestrator.store.store import Store
from tests.chaos.left import digest_of, left_over
from tests.chaos.life import RUN, Ended, Life, Place, acknowledged_of, live
from tests.chaos.trial import LIVES, Count, kind_of, repeated

EXAMPLES = Path(__file__).parents[2] / "examples"
WORKSHOP = Path(__file__).parent / "workshop"
ROWS = {"questions.jsonl": 2, "problems.jsonl": 2}
"""How much of their files is enough."""
SAID: Mapping[str, Mapping[str, str]] = {"10-support-team": {"person": "here"}}
"""Inputs other than the ones that stand there."""
MADE = "out"
"""Where the workshop puts what it writes."""


def shown() -> list[Path]:
    """Everything that is killed."""
    return [*sorted(path for path in EXAMPLES.iterdir() if path.is_dir()), WORKSHOP]


def try_example(
    example: Path, folder: Path, count: Count, empty: Path, chance: random.Random | None = None, few: int = 0
) -> None:
    """At every boundary of its log, of its transactions and of its effects; with `chance` only at a few of them."""
    place, outputs = _run(example, folder / f"{example.name} whole", "", Count(), empty)
    kills = list(_kills(len(acknowledged_of(place)), example))
    for kill in chance.sample(kills, few) if chance is not None else kills:
        name = f"{example.name} {kill}"
        killed, found = _run(example, folder / name, kill, count, empty)
        if found != outputs:
            count.wrong.append(f"{name}: {found} instead of {outputs}")
        if _made(killed) != _made(place):
            count.doubled.append(f"{name}: {_made(killed)} instead of {_made(place)}")
        shutil.rmtree(killed.folder)
    shutil.rmtree(place.folder)


def _kills(told: int, example: Path) -> Iterator[str]:
    yield from (str(boundary) for boundary in range(2, 2 * told))
    yield from (f"commit:{event}" for event in range(0, told, 3))
    if example == WORKSHOP:
        yield from (f"effect:{number}" for number in range(6))


def _made(place: Place) -> Mapping[str, Sequence[str]]:
    """The lines of what it wrote, in any order."""
    files = sorted((place.folder / MADE).glob("*"))
    return {file.name: sorted(file.read_text(encoding="utf-8").splitlines()) for file in files}


def _run(example: Path, folder: Path, kill: str, count: Count, empty: Path) -> tuple[Place, Any]:
    place = _place(example, folder)
    place.database.parent.mkdir()
    shutil.copy(empty, place.database)
    life = Life(kill)
    for _ in range(LIVES):
        ended = live(place, life)
        count.lives += 1
        if ended.status == "killed":
            count.kills[kind_of(life.kill)] += 1
        elif ended.status not in ("waiting", "unknown"):
            break
        life = _between(place, ended, count)
    left = left_over()
    count.broken += [f"{folder.name}: {process} is still there" for process in left]
    return place, _check(f"{folder.name}: {ended.error}", place, count)


def _place(example: Path, folder: Path) -> Place:
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns("__pycache__", ".orch"))
    (folder / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    for name, rows in ROWS.items():
        if (file := folder / name).exists():
            file.write_text(
                "".join(file.read_text(encoding="utf-8").splitlines(True)[:rows]), encoding="utf-8"
            )
    graph = open_workflow(folder / "workflow.yaml")
    said, today = SAID.get(example.name, {}), date(2026, 1, 31)
    inputs = read_inputs(graph.workflow.inputs, said, root=folder, cwd=folder, base=folder, today=today)
    return replace(Place(folder, graph, real=True), inputs=inputs)


# ------------------------------------------------------------------------------------------- between lives


def _between(place: Place, ended: Ended, count: Count) -> Life:
    """What a person does: answers what is asked, and looks what happened."""
    store = place.store()
    try:
        for path, ask in open_asks(store, RUN).items() if ended.status == "waiting" else ():
            approve(store, RUN, path, ask.choices[0] if ask.choices else "yes", "ann")
            count.answers += 1
        count.settled += len(ended.unknown)
        return _settled(store, place, ended.unknown)
    finally:
        store.close()


def _settled(store: Store, place: Place, unknown: Iterable[str]) -> Life:
    """A line that is to be added once: it stands there, or it does not."""
    happened: list[str] = []
    again: list[str] = []
    for path in unknown:
        called = [e for _, e in store.events(RUN) if isinstance(e, CallStarted) and e.path == path][-1]
        file = place.folder / str(called.arguments["path"])
        lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        (happened if called.arguments["text"] in lines else again).append(path)
    values = [json.dumps({"path": f"{MADE}/all.txt", "size": 0}) for _ in happened]
    return Life("", tuple(happened), tuple(again), tuple(values))


# ------------------------------------------------------------------------------------------------ afterwards


def _check(name: str, place: Place, count: Count) -> Any:
    """What is wrong is counted; returns the outputs."""
    store = place.store()
    try:
        count.broken += [f"{name}: {problem}" for problem in store.verify(RUN)]
        log = dict(store.events(RUN))
        count.lost += [f"{name}: {problem}" for problem in _not_kept(store, place, log.values())]
        count.wrong += [f"{name}: {problem}" for problem in _misremembered(store, log.values())]
    finally:
        store.close()
    count.seeds += 1
    count.events += len(log)
    count.instances += sum(event.kind == "step.finished" for event in log.values())
    count.again += [f"{name}: {path} ran again" for path in repeated(log.values())]
    for line in acknowledged_of(place):
        number, _, text = line.partition(" ")
        if int(number) not in log or encode(log[int(number)]) != text:
            count.lost.append(f"{name}: event {number} was told to be durable")
    last = log[max(log)] if log else None
    return last.outputs if isinstance(last, RunFinished) else (name, last)


def _not_kept(store: Store, place: Place, log: Iterable[Event]) -> Iterator[str]:
    """Files that the record names and that are not there as they were."""
    folder = folder_of(store, place.folder)
    calls = [event for event in log if isinstance(event, CallFinished)]
    for path, one in ((call.path, one) for call in calls for one in call.artifacts):
        kept = artifact_path(folder, one["sha256"], one["name"])
        if not is_digest(one["sha256"]) or not kept.exists() or digest_of(kept) != one["sha256"]:
            yield f"{one['name']} of {path} is not kept"


def _misremembered(store: Store, log: Iterable[Event]) -> Iterator[str]:
    """Turns of a conversation that nobody said, or that are there twice."""
    said = [str(event.value) for event in log if isinstance(event, StepFinished)]
    for one in conversations(store):
        turns = [turn.answered for turn in turns_of(store, one.agent, one.key)]
        if len(set(turns)) < len(turns) or not set(turns) <= set(said):
            yield f"{one.agent} remembers {turns}"


__all__ = ["shown", "try_example"]
