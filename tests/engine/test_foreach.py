"""`foreach`: one entry per item, in input order, bounded workers, failures kept or not."""

from __future__ import annotations

import asyncio
import tracemalloc
from pathlib import Path

import pytest

from orchestrator.events import StepFailed, StepFinished
from tests.engine.harness import play


def test_results_are_in_input_order(project: Path) -> None:
    """Whichever answer comes first, the list is in the order of the items."""
    played = play(
        project,
        """
        steps:
          say: {foreach: "['a', 'b', 'c']", agent: writer, prompt: "{{ item }}{{ index }}"}
        """,
        lambda request: request.messages[-1].content.upper(),
    )

    assert played.outputs == ["A0", "B1", "C2"]


def test_a_literal_list_and_named_items(project: Path) -> None:
    """A YAML list may stand there, and `as` names the item."""
    played = play(
        project,
        """
        steps:
          double: {foreach: [1, 2, 3], as: n, value: "{{ n * 2 }}"}
        """,
    )

    assert played.outputs == [2, 4, 6]


def test_zip_gives_several_names(project: Path) -> None:
    """`zip` with `as: [a, b]` walks lists together."""
    played = play(
        project,
        """
        steps:
          left: {value: "{{ [1, 2] }}"}
          right: {value: "{{ [10, 20] }}"}
          total: {foreach: "zip(left, right)", as: [a, b], value: "{{ a + b }}"}
        """,
    )

    assert played.outputs == [11, 22]


def test_zip_refuses_unequal_lengths(project: Path) -> None:
    """Nothing is cut to the shorter list silently."""
    played = play(
        project,
        """
        inputs: {n: "[int]"}
        steps:
          right: {value: "{{ [10, 20] }}"}
          total: {foreach: "zip(inputs.n, right)", as: [a, b], value: "{{ a + b }}"}
        """,
        inputs={"n": [1]},
    )

    assert played.result.status == "failed"
    assert "length" in played.of(StepFailed)[0].message


def test_when_is_per_item(project: Path) -> None:
    """A skipped item is null in its place; `present` drops it."""
    played = play(
        project,
        """
        steps:
          even: {foreach: [1, 2, 3, 4], when: item % 2 == 0, value: "{{ item }}"}
          kept: {value: "{{ even | present }}"}
        outputs: {even: "{{ even }}", kept: "{{ kept }}"}
        """,
    )

    assert played.outputs == {"even": [None, 2, None, 4], "kept": [2, 4]}


def test_groups_run_once_per_item_and_hold_the_item(project: Path) -> None:
    """The value of a group under foreach holds the item under its name."""
    played = play(
        project,
        """
        steps:
          each:
            foreach: [1, 2]
            as: n
            steps:
              double: {value: "{{ n * 2 }}"}
              more: {value: "{{ double + index }}"}
        """,
    )

    assert played.outputs == [{"n": 1, "double": 2, "more": 2}, {"n": 2, "double": 4, "more": 5}]
    assert "each.1.more" in [e.path for e in played.of(StepFinished)]


def test_the_first_failed_item_fails_the_step(project: Path) -> None:
    """`on_item_error: stop` is the default."""
    played = play(
        project,
        """
        steps:
          say:
            foreach: [1, 2]
            agent: writer
            prompt: "{{ item }}"
            output: int
            repair: 0
        """,
        lambda request: "nonsense" if request.messages[-1].content == "1" else "2",
    )

    assert played.result.status == "failed"
    assert played.result.path == "say.0"


def test_keep_puts_null_in_place_of_a_failed_item(project: Path) -> None:
    """The others go on."""
    played = play(
        project,
        """
        steps:
          say:
            foreach: [1, 2, 3]
            on_item_error: keep
            agent: writer
            prompt: "{{ item }}"
            output: int
            repair: 0
        """,
        lambda request: "nonsense" if request.messages[-1].content == "2" else request.messages[-1].content,
    )

    assert played.outputs == [1, None, 3]
    assert [e.kept for e in played.of(StepFailed)] == [True]


@pytest.mark.parametrize("count", [0, 1])
def test_short_lists(project: Path, count: int) -> None:
    """No item gives an empty list."""
    played = play(
        project,
        """
        inputs: {n: "[int]"}
        steps: {same: {foreach: inputs.n, value: "{{ item }}"}}
        """,
        inputs={"n": list(range(count))},
    )

    assert played.outputs == list(range(count))


def test_parallel_bounds_the_open_items(project: Path) -> None:
    """`parallel: 2` never has three requests under way."""
    running, most = 0, 0

    async def answer(_request: object) -> str:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return "x"

    play(
        project,
        """
        inputs: {n: "[int]"}
        steps: {say: {foreach: inputs.n, parallel: 2, agent: writer, prompt: "{{ item }}"}}
        """,
        answer,
        inputs={"n": list(range(20))},
    )

    assert most == 2


def test_ten_thousand_items_in_bounded_memory(project: Path) -> None:
    """What stays is the values, not a task or a frame per item."""
    tracemalloc.start()
    played = play(
        project,
        """
        inputs: {n: "[int]"}
        steps:
          each: {foreach: inputs.n, steps: {double: {value: "{{ item * 2 }}"}}}
          many: {value: "{{ each | length }}"}
        """,
        inputs={"n": list(range(10_000))},
    )
    events = sum(1 for _ in played.events)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert played.outputs == 10_000
    assert peak < 60_000_000, f"{events} events are kept in memory by this test's journal"


def test_facts_of_a_foreach_are_a_list(project: Path) -> None:
    """One map of facts per item, also for groups."""
    played = play(
        project,
        """
        steps:
          say: {foreach: [1, 2], agent: writer, prompt: "{{ item }}"}
          group: {foreach: [1], steps: {inner: {agent: writer, prompt: "x{{ item }}"}}}
        outputs:
          models: "{{ steps.say | map(attribute='model') | list }}"
          inner: "{{ steps.group[0].inner.attempts }}"
        """,
    )

    assert played.outputs == {"models": ["tiny", "tiny"], "inner": 1}
