"""The shipped examples, killed once at each boundary of their logs; those that need neither tools nor knowledge.

Their models are scripted: the same question gets the same answer, of the shape that was asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from orchestrator.events import RunFinished, encode
from orchestrator.graph.open import open_workflow
from orchestrator.inputs import read_inputs
from orchestrator.store.answers import approve, open_asks
from tests.chaos.life import RUN, Life, Place, acknowledged_of, live
from tests.chaos.trial import LIVES, Count, repeated

EXAMPLES = Path(__file__).parents[2] / "examples"
FIT = ("01", "02", "03", "04", "05", "06", "07", "08")


def try_examples(folder: Path, count: Count, empty: Path) -> None:
    """Each one whole, and then once for each boundary."""
    for example in sorted(EXAMPLES.iterdir()):
        if example.name[:2] in FIT:
            _try(example, folder, count, empty)


def _try(example: Path, folder: Path, count: Count, empty: Path) -> None:
    whole = _run(example, folder / f"{example.name} whole", "", Count(), empty)
    told = len(acknowledged_of(whole[0]))
    for boundary in range(2, 2 * told):
        place, outputs = _run(example, folder / f"{example.name} {boundary}", str(boundary), count, empty)
        if outputs != whole[1]:
            count.wrong.append(f"{example.name}, {boundary}: {outputs} instead of {whole[1]}")
        shutil.rmtree(place.folder)


def _run(example: Path, folder: Path, kill: str, count: Count, empty: Path) -> tuple[Place, Any]:
    shutil.copytree(example, folder)
    place = _place(folder)
    place.database.parent.mkdir()
    shutil.copy(empty, place.database)
    for _ in range(LIVES):
        ended = live(place, Life(kill))
        count.lives += 1
        count.kills["after" if int(kill or 0) % 2 else "before"] += ended.status == "killed"
        kill = ""
        if ended.status == "waiting":
            _answer(place, count)
        elif ended.status != "killed":
            break
    return place, _check(f"{folder.name}: {ended.error}", place, count)


def _place(folder: Path) -> Place:
    graph = open_workflow(folder / "workflow.yaml")
    today = date(2026, 1, 31)
    inputs = read_inputs(graph.workflow.inputs, {}, root=folder, cwd=folder, base=folder, today=today)
    return replace(Place(folder, graph), inputs=inputs)


def _answer(place: Place, count: Count) -> None:
    store = place.store()
    try:
        for path, ask in open_asks(store, RUN).items():
            approve(store, RUN, path, ask.choices[0] if ask.choices else "yes", "ann")
            count.answers += 1
    finally:
        store.close()


def _check(name: str, place: Place, count: Count) -> Any:
    """What is wrong is counted; returns the outputs."""
    store = place.store()
    try:
        count.broken += [f"{name}: {problem}" for problem in store.verify(RUN)]
        log = dict(store.events(RUN))
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


def sample(schema: Mapping[str, Any]) -> Any:
    """A value of this shape, always the same."""
    if "enum" in schema:
        return schema["enum"][0]
    if "const" in schema:
        return schema["const"]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return sample(schema[several][0])
    kind = schema.get("type", "string")
    match kind[0] if isinstance(kind, list) else kind:
        case "object":
            return {name: sample(one) for name, one in schema.get("properties", {}).items()}
        case "array":
            return [sample(schema.get("items", {})) for _ in range(max(1, schema.get("minItems", 1)))]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return "an answer"[: schema.get("maxLength", 100)]
