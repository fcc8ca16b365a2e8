"""Values of groups, loops and fan-outs, put together from the events of their steps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from orchestrator.events import Event, StepFailed, StepFinished, StepSkipped, StepStarted
from orchestrator.report.values import Sizes, Values


def leaf(path: str, value: Any) -> Iterator[Event]:
    yield StepStarted(0.0, path, "value")
    yield StepFinished(0.0, path, value, {})


def container(
    path: str, inner: Iterable[Event], *, kind: str = "steps", items: int | None = None
) -> list[Event]:
    return [
        StepStarted(0.0, path, "steps", items),
        *inner,
        StepFinished(0.0, path, None, {"container": kind}),
    ]


def values(events: Iterable[Event]) -> Values:
    result = Values()
    for event in events:
        result.add(event)
    return result


def sizes(events: Iterable[Event]) -> Sizes:
    result = Sizes()
    for event in events:
        result.add(event)
    return result


def test_a_group_is_the_map_of_its_steps() -> None:
    """In the order in which they began; a skipped one is null."""
    events = container("g", [*leaf("g.a", 1), StepSkipped(0.0, "g.b", "when"), *leaf("g.c", "x")])

    assert values(events).of("g") == {"a": 1, "b": None, "c": "x"}
    assert sizes(events).of("g") == "3 steps"


def test_a_fan_out_is_the_list_of_its_items() -> None:
    """In input order, null for a skipped or failed one, whatever finished first."""
    items = [*leaf("f.2", "c"), *leaf("f.0", "a"), StepFailed(0.0, "f.1", "check", "no", kept=True)]
    events = container("f", items, kind="foreach", items=3)

    assert values(events).of("f") == ["a", None, "c"]
    assert sizes(events).of("f") == "3 items"


def test_a_loop_is_its_last_pass() -> None:
    """Also when there are more than nine, and inside an item."""
    turns = [event for number in range(1, 12) for event in leaf(f"f.0~{number}.draft", number)]
    events = container("f", container("f.0", turns), kind="foreach", items=1)

    assert values(events).of("f") == [{"draft": 11}]
    assert values(events).of("f.0") == {"draft": 11}
    assert values(events).passes("f.0") == 11
    assert sizes(events).of("f.0") == "11 passes"


def test_containers_nest() -> None:
    """A fan-out in a group in a fan-out."""
    inner = container("f.0.all", [*leaf("f.0.all.0", 1), *leaf("f.0.all.1", 2)], kind="foreach", items=2)
    events = container("f", container("f.0", inner), kind="foreach", items=1)

    assert values(events).of("f") == [{"all": [1, 2]}]


def test_the_answers_of_several_models_are_no_steps_of_their_own() -> None:
    """`g.a@tiny` and `g.a^1.0` make up `g.a`, which has the value."""
    parts = [*leaf("g.a@tiny", 1), *leaf("g.a^1.0", 2), *leaf("g.a", {"tiny": 1})]
    events = container("g", parts)

    assert values(events).of("g") == {"a": {"tiny": 1}}
    assert sizes(events).of("g") == "1 step"


def test_a_container_that_went_on_after_an_error_has_the_value_of_its_event() -> None:
    """`on_error: {value: …}` is written down."""
    events: list[Event] = [
        StepStarted(0.0, "g", "steps"),
        StepFinished(0.0, "g", "none", {}, handled="it failed"),
    ]

    assert values(events).of("g") == "none"


def test_only_what_is_worth_its_memory_is_kept() -> None:
    """The values of other steps are not held."""
    result = Values(lambda path: path == "a")
    for event in [*leaf("a", 1), *leaf("b", 2)]:
        result.add(event)

    assert (result.of("a"), result.of("b")) == (1, None)
