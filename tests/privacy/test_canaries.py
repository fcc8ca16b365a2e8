"""Canaries: private words planted in random workflows never reach a cloud, in no spelling and by no detour."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from orchestrator.events import CallFinished, Decided, Retrieved
from orchestrator.graph.build import Built
from orchestrator.graph.model import Graph
from orchestrator.graph.open import check_workflow
from tests.privacy.cabinet import FUNCTION
from tests.privacy.canaries import Told, World, leaks, permissive, sightings, strict, tell, world
from tests.privacy.making import CASES, CHILD, ROLE_CANARY, Name, probe, workflow

FULL, SAMPLE = 1000, 60
CALLED = ("python", "files.read", "sql.query", "score", "site.look", "agent:coder", "agent:keeper")
LOOKED_UP = ("handbook", "site", "away", "examples", "memory")
WORLDS = 2
"""How many pairs of worlds each accepted workflow is run in."""
PROBES = 3
seeds = st.lists(st.integers(0, 2**32 - 1), min_size=2, max_size=8)


@dataclass
class Bench:
    """A folder to check files in, and what was counted."""

    folder: Path
    counts: Counter[str] = field(default_factory=Counter)

    def check(self, text: str) -> Built:
        file = self.folder / "workflow.yaml"
        file.write_text(text, encoding="utf-8")
        return check_workflow(file, display="workflow.yaml")


@contextmanager
def bench() -> Iterator[Bench]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
        (root / "child.yaml").write_text(CHILD, encoding="utf-8")
        (root / "tools.py").write_text(FUNCTION, encoding="utf-8")
        (root / CASES).write_text('{"input": "Who?", "output": "Nobody."}\n', encoding="utf-8")
        yield Bench(root)


def many(count: int) -> settings:
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


def test_no_canary_of_a_random_workflow_reaches_the_cloud(
    full: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does anything that differs with it; and what the gate refuses at run time was refused before the run."""
    with bench() as here:

        @many(FULL if full else SAMPLE)
        @given(seeds)
        def each(numbers: list[int]) -> None:
            one_workflow(here, numbers)

        each()
        counts = here.counts

    with capsys.disabled():
        told = ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))
        sys.stdout.write(f"\ncanaries: {told}\n")
    assert counts["made"] >= (FULL if full else SAMPLE) * 0.9
    assert counts["accepted and asked the cloud"] >= 0.3 * counts["made"]
    assert counts["refused"] >= 0.1 * counts["made"], "what is never refused proves nothing"
    assert counts["refused by the gate too"] > 0
    assert counts["probes accepted"] > 0
    assert sum(counts[f"{tool} ok"] for tool in CALLED) > 20
    assert not full or all(counts[f"{tool} ok"] for tool in CALLED)
    assert not full or all(counts[f"looked up in {place}"] for place in LOOKED_UP)
    assert not full or counts["picked"]


def one_workflow(here: Bench, numbers: list[int]) -> None:
    text, names = workflow(numbers)
    built = here.check(text)
    here.counts["made"] += 1
    if built.graph is None:
        refused(here, text, built)
        return
    here.counts["accepted"] += 1
    graph, text = probed(here, text, names, built.graph, Random(numbers[0]))
    asked = False
    for number in range(WORLDS):
        asked |= accepted(here, graph, text, number)
    here.counts["accepted and asked the cloud"] += asked


def probed(here: Bench, text: str, names: list[Name], graph: Graph, rnd: Random) -> tuple[Graph, str]:
    """With steps more that send what is probably private: those of them that the proof lets pass."""
    private = [name for name in names if not name.low]
    for number, name in enumerate(rnd.sample(private, min(len(private), PROBES))):
        more = probe(text, number, name)
        built = here.check(more)
        here.counts["probes"] += 1
        if built.graph is not None:
            here.counts["probes accepted"] += 1
            graph, text = built.graph, more
    return graph, text


def accepted(here: Bench, graph: Graph, text: str, number: int) -> bool:
    """Run in two worlds; whether the cloud was asked."""
    one, two = world(2 * number), world(2 * number + 1)
    told, other = tell(graph, one), tell(graph, two)
    here.counts["calls of the cloud"] += told.calls + other.calls
    for event in told.events:
        if isinstance(event, CallFinished):
            here.counts[f"{event.tool} {event.outcome}"] += 1
        if isinstance(event, Retrieved):
            here.counts[
                f"looked up in {event.names[0] if event.source == 'knowledge' else event.source}"
            ] += 1
        if isinstance(event, Decided) and event.rule == "pick":
            here.counts["picked"] += 1
    here.counts["accepted, but refused by the gate"] += bool(told.refusals or other.refusals)
    assert told.refusals == other.refusals == [], text
    assert leaks(told, one, other) == [], text
    assert ROLE_CANARY not in "".join(told.seen), text
    recorded(told, one, graph, text)
    return bool(told.calls or other.calls)


def recorded(told: Told, given: World, graph: Graph, text: str) -> None:
    """What may not stand in the record does not: secrets never, private values not where `keep` says so."""
    assert sightings([told.record], given.secrets[:1]) == [], text
    if graph.workflow.keep:
        assert [word for word in given.canaries if word in told.record] == [], text


def refused(here: Bench, text: str, built: Built) -> None:
    """Only for what could leak; and where the gate alone stands before the same flows, nothing leaks either."""
    assert all(d.code.startswith("ORCH7") for d in built.diagnostics if d.severity == "error"), text
    here.counts["refused"] += 1
    graph = here.check(permissive(text)).graph
    if graph is None:
        return  # refused for what it lowers or hands to another workflow, which no gate sees
    one, two = world(1), world(2)
    told, other = tell(strict(graph), one), tell(strict(graph), two)
    here.counts["refused by the gate too"] += bool(told.refusals or other.refusals)
    assert sightings(told.seen, one.canaries) == [], text
