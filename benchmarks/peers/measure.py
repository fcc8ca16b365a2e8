"""Every peer on the same work, round after round in turning order: what a step costs, and what a start takes.

Ratios are taken within a round, in CPU time: other work on the machine disturbs wall time more.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

from benchmarks.bytecode import compiled
from benchmarks.peers.environment import prepared
from benchmarks.peers.worker import ROOT, Absent, Cost, TooSlow, Worker, start

OURS = ("orch", "bare", "hand")
PEERS = ("langgraph", "burr", "pydantic-graph", "dbos", "haystack")
NEEDS = {"langgraph": "langgraph", "burr": "burr", "dbos": "dbos", "haystack": "haystack-ai"}
ORDER = ("chain", "chain of nodes", "fan-out", "durable chain", "durable fan-out")
DATA = ROOT / "benchmarks" / "data" / "peers.json"
ROUNDS, STARTS = 5, 5


@dataclass
class Series:
    """One peer on one work: the cost of each round, or why there is none."""

    who: str
    work: str
    steps: int
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)
    why: str = ""

    def add(self, cost: Cost) -> None:
        self.cpu.append(cost.cpu)
        self.wall.append(cost.wall)


def measure(*, quick: bool = False) -> list[Series]:
    python, missing = prepared()
    pythons = {name: Path(sys.executable) for name in OURS} | dict.fromkeys(PEERS, python)
    why = {name: missing.get(NEEDS.get(name, name), "") for name in (*OURS, *PEERS)}
    sizes = (300,) if quick else (1000, 10_000)
    starts = _starts(pythons, why, 3 if quick else STARTS)
    keep = _forget if quick else save
    return _works(pythons, why, sizes, 3 if quick else ROUNDS, lambda found: keep([*found, *starts]))


Keep = Callable[[list[Series]], list[Series]]
"""What happens to what is known after each round: a measurement that is broken off keeps what it has."""


def _works(
    pythons: dict[str, Path], why: dict[str, str], sizes: Sequence[int], rounds: int, keep: Keep
) -> list[Series]:
    kept: list[Series] = []
    with ExitStack() as stack:
        team = {name: Turn(name, python, stack, why[name]) for name, python in pythons.items()}
        found = [
            Series(name, work, steps, why=turn.why)
            for steps, work in _plan(sizes)
            for name, turn in team.items()
            if work in turn.works or turn.why
        ]
        for n in range(rounds):
            print(f"  round {n + 1} of {rounds}", file=sys.stderr)
            for series in found if n % 2 == 0 else reversed(found):
                team[series.who].do(series)
            kept = keep(found)
    return kept


def _plan(sizes: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Durable work only at the smaller size: some take ten milliseconds for a step."""
    for steps in sizes:
        for work in ORDER:
            if steps == sizes[0] or not work.startswith("durable"):
                yield steps, work


class Turn:
    """A peer's worker, which is made anew after it was too slow."""

    def __init__(self, name: str, python: Path, stack: ExitStack, why: str) -> None:
        self.name, self.python, self.stack, self.why = name, python, stack, why
        self.worker: Worker | None = None
        self.works: list[str] = []
        if not why:
            self._begin()

    def do(self, series: Series) -> None:
        if series.why or self.why:
            return
        if self.worker is None:
            self._begin()
        assert self.worker is not None
        try:
            self.worker.ask(series.work, 20)  # what is made once
            series.add(self.worker.ask(series.work, series.steps))
        except TooSlow:
            self._end(series, "stopped after 60 s")
        except Absent as error:
            self._end(series, str(error))

    def _end(self, series: Series, why: str) -> None:
        series.why = why
        assert self.worker is not None
        self.worker.close(patience=0)
        self.worker = None

    def _begin(self) -> None:
        try:
            self.worker = self.stack.enter_context(Worker(self.python, self.name))
            self.works = self.worker.works
        except (Absent, TooSlow) as error:
            self.why = str(error) or "did not start"


def _starts(pythons: dict[str, Path], why: dict[str, str], rounds: int) -> list[Series]:
    compiled()
    found = [Series(name, "start", 1, why=why[name]) for name in pythons]
    for n in range(rounds + 1):
        for series in found:
            if series.why:
                continue
            try:
                cost = start(pythons[series.who], series.who)
            except Absent as error:
                series.why = str(error)
                continue
            if n:  # the first fills the file cache
                series.add(cost)
    return found


def _forget(found: list[Series]) -> list[Series]:
    return found


def save(found: list[Series]) -> list[Series]:
    """As data, with how busy the machine is."""
    load = round(os.getloadavg()[1], 1)
    facts = {"load": load, "cores": os.cpu_count(), "series": [asdict(series) for series in found]}
    DATA.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return found


def saved() -> tuple[list[Series], float]:
    facts = json.loads(DATA.read_text(encoding="utf-8"))
    return [Series(**series) for series in facts["series"]], float(facts["load"])
