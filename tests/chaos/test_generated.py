"""Random workflows, killed at random boundaries and resumed until they end: nothing lost, nothing twice, nothing wrong.

A sample; `make chaos` takes a thousand seeds.
"""

from __future__ import annotations

import json
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from orchestrator.graph.open import open_workflow
from tests.chaos.graphs import Expected, flow
from tests.chaos.life import Place, warm
from tests.chaos.trial import Count, Trial, try_seed
from tests.store.processes import process

SEEDS, MANY = 8, 200
PATIENCE = 600.0


def play_seeds(tell: Connection, folder: Path, seeds: range, lies: float) -> None:
    """In a process without threads, which may fork."""
    count, empty = Count(), warm(_made(folder / "warm"))
    for seed in seeds:
        try_seed(seed, _made(folder / str(seed)), count, empty, lies)
    tell.send(count)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def played(folder: Path, seeds: range, lies: float = 0.0) -> Count:
    with process(play_seeds, folder, seeds, lies) as (_, told):
        assert told.poll(PATIENCE), "the trials do not end"
        count = told.recv()
        assert isinstance(count, Count)
        return count


def test_killed_anywhere_a_run_ends_as_if_nothing_had_happened(tmp_path: Path, full: bool) -> None:
    """Before and behind events, behind effects, inside commits; people answer, and say what happened."""
    count = played(tmp_path, range(MANY if full else SEEDS))

    assert count.defects == []
    assert set(count.kills) == {"before", "after", "effect", "commit"}
    assert count.lives > count.seeds
    assert count.settled > 0
    assert count.answers > 0


def test_a_store_that_commits_and_says_otherwise_is_not_believed(tmp_path: Path, full: bool) -> None:
    """Every fourth transaction reports a failure that was none; the journal finds out, other writers are resumed."""
    count = played(tmp_path, range(500, 500 + (MANY if full else SEEDS // 2)), lies=0.25)

    assert count.defects == []
    assert count.lives > count.seeds


@pytest.mark.parametrize(
    ("file", "damage", "found"),
    [
        ("effects", "first line twice", "doubled"),
        ("effects", "first line gone", "doubled"),
        ("acknowledged", "another event", "lost"),
    ],
)
def test_the_oracle_sees_what_is_wrong(tmp_path: Path, file: str, damage: str, found: str) -> None:
    """An effect twice, an effect that never was, an event that was told and is not there."""
    seed = next(n for n in range(100) if any(tool == "send" for tool, _ in Expected.of(flow(n)).effects))
    with process(play_one, tmp_path, seed) as (_, told):
        assert told.poll(PATIENCE)
        ended = told.recv()
    place = Place(tmp_path, open_workflow(tmp_path / "workflow.yaml"))
    path = tmp_path / file
    path.write_text(_damaged(path.read_text(encoding="utf-8"), damage), encoding="utf-8")

    count = Count()
    Trial("again", flow(seed), tmp_path, count).check(place, ended)

    assert [bool(defects) for defects in (count.lost, count.doubled)] == [found == "lost", found == "doubled"]
    assert count.wrong == count.again == count.broken == []


def _damaged(text: str, damage: str) -> str:
    lines = text.splitlines(keepends=True)
    sends = [line for line in lines if '"send"' in line]
    match damage:
        case "first line twice":
            return "".join([*lines, sends[0]])
        case "first line gone":
            return "".join(line for line in lines if line != sends[0])
        case _:
            return text + f"99999 {json.dumps({'kind': 'run.finished'})}\n"


def play_one(tell: Connection, folder: Path, seed: int) -> None:
    count = Count()
    ended = Trial(f"seed {seed}", flow(seed), folder, count).run([])
    assert not count.defects, count.defects
    tell.send(ended)


def test_the_seeds_have_everything_in_them() -> None:
    """Every kind of step and container, at least one hundred of each in a thousand workflows."""
    kinds: Counter[str] = Counter()
    for seed in range(1000):
        waiting = list(flow(seed).nodes)
        while waiting:
            node = waiting.pop()
            waiting += node.body
            kinds[node.verb] += 1
            kinds["foreach"] += bool(node.items)
            kinds["when"] += node.when is not None
            kinds["on_error"] += node.copes

    assert len(kinds) == 12
    assert min(kinds.values()) >= 100
