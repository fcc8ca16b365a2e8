"""The shipped examples with their real tools, sandbox, indexes and memories, killed at a boundary and resumed.

A sample; `make chaos` kills them at every boundary.
"""

from __future__ import annotations

import random
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from tests.chaos.examples import shown, try_example
from tests.chaos.left import adopt
from tests.chaos.life import warm
from tests.chaos.trial import Count
from tests.store.processes import process

FEW, MANY = 1, 12
PATIENCE = 600.0


def play_examples(tell: Connection, folder: Path, examples: list[Path], few: int) -> None:
    """In a process without threads, which may fork; what the killed leave behind becomes its own."""
    adopt()
    folder.mkdir()
    count, empty = Count(), warm(folder)
    for example in examples:
        try_example(example, folder, count, empty, random.Random(example.name), few)
    tell.send(count)


@pytest.mark.parametrize("example", shown(), ids=lambda example: example.name)
def test_a_killed_example_ends_as_if_nothing_had_happened(tmp_path: Path, example: Path, full: bool) -> None:
    """Same outputs, same files, each turn remembered once, no process left."""
    few = MANY if full else FEW
    with process(play_examples, tmp_path / "trial", [example], few) as (_, told):
        assert told.poll(PATIENCE), "the trials do not end"
        count = told.recv()

    assert count.defects == []
    assert count.seeds == few
    assert count.lives > count.seeds
