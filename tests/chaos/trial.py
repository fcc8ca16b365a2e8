"""A run that is killed again and again, and what is counted afterwards: nothing may be lost, doubled or wrong."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path

from orchestrator.events import (
    CallStarted,
    Event,
    RunFinished,
    StepFinished,
    StepSkipped,
    StepStarted,
    encode,
)
from orchestrator.graph.open import open_workflow
from orchestrator.store.answers import approve, open_asks
from orchestrator.store.store import Store
from tests.chaos.graphs import TOOLS, Expected, Flow, choice_of, flow, reply
from tests.chaos.life import RUN, Ended, Life, Place, acknowledged_of, effects_of, live

LIVES = 200
"""Processes after which a run that does not end is given up."""


@dataclass
class Count:
    """What happened in trials, and what must be 0."""

    seeds: int = 0
    instances: int = 0
    lives: int = 0
    events: int = 0
    kills: Counter[str] = field(default_factory=Counter)
    faults: int = 0
    answers: int = 0
    settled: int = 0
    effects: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    again: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def figures(self) -> dict[str, str]:
        """For a row of a table."""
        kinds = {kind: self.kills[kind] for kind in ("before", "after", "effect", "commit")}
        found = {
            "runs": self.seeds,
            "steps": self.instances,
            "events": self.events,
            "processes": self.lives,
            "kills": self.kills.total(),
            **kinds,
            "faults": self.faults,
            "answers": self.answers,
            "settled": self.settled,
            "effects": self.effects,
            "lost": len(self.lost),
            "wrong end": len(self.wrong),
            "again": len(self.again),
            "once twice": len(self.doubled),
            "chain": len(self.broken),
        }
        return {name: f"{number:,}" for name, number in found.items()}

    def add(self, other: Count) -> None:
        """Take in what another process counted."""
        for one in fields(self):
            mine, theirs = getattr(self, one.name), getattr(other, one.name)
            setattr(self, one.name, mine + theirs)

    @property
    def defects(self) -> list[str]:
        return [*self.lost, *self.wrong, *self.again, *self.doubled, *self.broken]


@dataclass
class Trial:
    """One run of a flow in a folder; `kills` gives how each of its processes dies, then they live."""

    name: str
    flow: Flow
    folder: Path
    count: Count
    lies: float = 0.0
    empty: Path | None = None
    """A store without runs, to begin with."""

    def run(self, kills: Iterable[str]) -> Ended:
        """To the end, whatever it takes; checked afterwards. Returns how its last process ended."""
        place = Place(self.folder, open_workflow(self.flow.write(self.folder)), self.lies)
        if self.empty is not None:
            place.database.parent.mkdir()
            shutil.copy(self.empty, place.database)
        deaths, life = iter(kills), Life()
        for _ in range(LIVES):
            kill = next(deaths, "")
            ended = live(place, Life(kill, life.happened, life.again, life.values))
            self._tally(ended, kill)
            if ended.status in ("done", "failed", "broken"):
                break
            life = self._between(place, ended)
        self.check(place, ended)
        return ended

    def _tally(self, ended: Ended, kill: str) -> None:
        count = self.count
        count.lives += 1
        count.faults += ended.status == "fault"
        if ended.status == "killed":
            count.kills[kind_of(kill)] += 1

    def _between(self, place: Place, ended: Ended) -> Life:
        """What a person does before the next process: answers what is asked, looks what happened."""
        store = place.store()
        try:
            if ended.status == "waiting" and ended.asks:
                self._answer(store)
            return self._look(store, place, ended.unknown) if ended.unknown else Life()
        finally:
            store.close()

    def _answer(self, store: Store) -> None:
        for path, ask in open_asks(store, RUN).items():
            approve(store, RUN, path, choice_of(ask.question), "ann")
            self.count.answers += 1

    def _look(self, store: Store, place: Place, unknown: Iterable[str]) -> Life:
        made = {(effect["key"], effect["to"]) for effect in effects_of(place)}
        happened, again, values = [], [], []
        for path in unknown:
            text = _called_with(store, path)
            self.count.settled += 1
            if (f"{RUN}/{path}", text) in made:
                happened.append(path)
                values.append(json.dumps(reply(text)))
            else:
                again.append(path)
        return Life("", tuple(happened), tuple(again), tuple(values))

    # -- afterwards

    def check(self, place: Place, ended: Ended) -> None:
        """Compare what is there with what must be."""
        count, expected = self.count, Expected.of(self.flow)
        store = place.store()
        try:
            problems = store.verify(RUN)
            log = [] if problems else list(store.events(RUN))
        finally:
            store.close()
        count.broken += [f"{self.name}: {problem}" for problem in problems]
        if ended.status == "broken":
            count.broken.append(f"{self.name}: {ended.error}")
        count.seeds += 1
        count.instances += expected.instances
        count.events += len(log)
        self._check_end([event for _, event in log], ended, expected)
        self._check_acknowledged(place, dict(log))
        self._check_effects(place, expected)

    def _check_end(self, log: list[Event], ended: Ended, expected: Expected) -> None:
        last = log[-1] if log else None
        if not isinstance(last, RunFinished) or last.outputs != expected.outputs:
            self.count.wrong.append(f"{self.name}: {ended} {last} instead of {expected.outputs}")
        self.count.again += [f"{self.name}: {path} ran again" for path in repeated(log)]

    def _check_acknowledged(self, place: Place, log: Mapping[int, Event]) -> None:
        for line in acknowledged_of(place):
            number, _, text = line.partition(" ")
            if int(number) not in log or encode(log[int(number)]) != text:
                self.count.lost.append(f"{self.name}: event {number} was told to be durable: {text[:200]}")

    def _check_effects(self, place: Place, expected: Expected) -> None:
        """`once`: as often as the model says. `idempotent`: perhaps more often, under as many keys."""
        made = effects_of(place)
        self.count.effects += len(made)
        happened = Counter((e["tool"], e["to"]) for e in made if TOOLS[e["tool"]] == "once")
        keys = {(e["tool"], e["to"], e["key"]) for e in made if TOOLS[e["tool"]] == "idempotent"}
        happened += Counter((tool, text) for tool, text, _ in keys)
        for effect in happened.keys() | expected.effects.keys():
            if happened[effect] != expected.effects[effect]:
                told = f"{self.name}: {effect} {happened[effect]} times instead of {expected.effects[effect]}"
                self.count.doubled.append(told)


def _called_with(store: Store, path: str) -> str:
    began = [e for _, e in store.events(RUN) if isinstance(e, CallStarted) and e.path == path]
    return str(began[-1].arguments["to"])


def kind_of(kill: str) -> str:
    """In which column of the table a kill is counted."""
    if ":" in kill:
        return kill.partition(":")[0]
    return "after" if int(kill or 0) % 2 else "before"


def repeated(log: Iterable[Event]) -> Iterator[str]:
    """Paths that began again after they had finished, other than containers, which only gather."""
    finished: set[str] = set()
    for event in log:
        if isinstance(event, StepStarted) and event.path in finished:
            yield event.path
        elif isinstance(event, StepSkipped) or (
            isinstance(event, StepFinished) and "container" not in event.facts
        ):
            finished.add(event.path)


def deaths(chance: random.Random, instances: int) -> Iterator[str]:
    """Up to six kills at random boundaries of a run with so many instances of steps.

    How many commits there are depends on the machine, since what waits is committed at once; the first one there is always.
    """
    for _ in range(chance.randint(2, 6)):
        kind = chance.choice(["event", "event", "effect", "commit"])
        most = {"event": 6 * instances, "effect": 4, "commit": chance.choice((1, 3, 2 * instances))}[kind]
        number = chance.randrange(2, most + 3) if kind == "event" else chance.randrange(most)
        yield str(number) if kind == "event" else f"{kind}:{number}"


def try_seed(seed: int, folder: Path, count: Count, empty: Path, lies: float = 0.0) -> None:
    """The workflow of a seed, killed at random."""
    chance, made = random.Random(~seed), flow(seed)
    kills = deaths(chance, max(2, Expected.of(made).instances))
    Trial(f"seed {seed}", made, folder, count, lies, empty).run(kills)


def try_everywhere(seed: int, folder: Path, count: Count, empty: Path) -> None:
    """The workflow of a seed, killed once at each of its boundaries, one run after the other."""
    made = flow(seed)
    (folder / "whole").mkdir()
    Trial(f"seed {seed}", made, folder / "whole", Count(), 0.0, empty).run([])
    told = len((folder / "whole" / "acknowledged").read_text(encoding="utf-8").splitlines())
    kills = [str(number) for number in range(2, 2 * told)]
    kills += [f"effect:{number}" for number in range(Expected.of(made).effects.total())]
    kills += [f"commit:{number}" for number in range(0, told, 3)]
    for number, kill in enumerate(kills):
        (folder / str(number)).mkdir()
        Trial(f"seed {seed}, {kill}", made, folder / str(number), count, 0.0, empty).run([kill])
        shutil.rmtree(folder / str(number))
