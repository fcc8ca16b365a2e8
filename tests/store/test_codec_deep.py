"""Values nested in values: what is recorded can be read back, and what is deeper is refused before it is written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StoreError
from orchestrator.events import AttemptStarted, Event, RunStarted, StepFinished
from orchestrator.spec.types import Unknown
from orchestrator.spec.values import DEPTH, coerce
from orchestrator.store.codec import DEEPEST, INLINE, pack, unpack
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store
from tests.store.samples import AT, started

Wrap = Callable[[Any], Event]


def nested(levels: int, leaf: Any = "x") -> Any:
    """Lists and maps in turn."""
    value = leaf
    for level in range(levels):
        value = [value] if level % 2 else {"inside": value}
    return value


def output(value: Any) -> Event:
    return StepFinished(AT, "a", value, {})


def inputs(value: Any) -> Event:
    return RunStarted(AT, "r", "w", "w.yaml", "", "", "", "0", {"given": value}, {}, 1)


def said(value: Any) -> Event:
    """What a tool gave back, in the messages of an attempt."""
    return AttemptStarted(AT, "a", 1, "m", ({"role": "tool", "content": value},), 1, True, {})


def back(event: Event) -> Event:
    packed = pack(event)
    blobs = {sha.hex(): text for sha, text in packed.blobs.items()}
    return unpack(packed.at, packed.kind, packed.path, packed.payload, blobs.__getitem__)


@pytest.mark.parametrize("leaf", ["x", "x" * (INLINE + 1)], ids=["short", "large"])
@pytest.mark.parametrize("levels", [50, DEEPEST - 3])
@pytest.mark.parametrize("wrap", [output, inputs, said])
def test_what_is_recorded_can_be_read_back(wrap: Wrap, levels: int, leaf: str) -> None:
    """As deep as the record allows, whatever kind of value it is and wherever it lies."""
    event = wrap(nested(levels, leaf))

    assert back(event) == event


@pytest.mark.parametrize("leaf", ["x", "x" * (INLINE + 1)], ids=["short", "large"])
@pytest.mark.parametrize("levels", [199, 200, 201, 500, 1000, 100_000])
@pytest.mark.parametrize("wrap", [output, inputs, said])
def test_what_could_not_be_read_back_is_refused_in_words(wrap: Wrap, levels: int, leaf: str) -> None:
    """One level decides: it is read back whole, or nothing is written."""
    event = wrap(nested(levels, leaf))
    if wrap is output and levels == DEEPEST - 1:
        assert back(event) == event
        return

    with pytest.raises(StoreError) as refused:
        pack(event)

    assert refused.value.message.endswith(f"nested more than {DEEPEST} levels deep")
    assert ("'a'" if wrap is not inputs else "of the run") in refused.value.message


def test_wide_values_with_many_brackets_are_not_deep() -> None:
    """A list of a thousand maps has two levels."""
    event = output([{"n": [number]} for number in range(1000)])

    assert back(event) == event


def test_a_run_with_a_value_that_is_too_deep_can_still_be_read(tmp_path: Path) -> None:
    """What was written before stays whole and readable; the writer learns why it ended."""
    store = open_store(tmp_path / "runs.db")
    first = started("1123-0700-abc")
    store.create("1123-0700-abc", first)
    with Lease.acquire(store, "1123-0700-abc"):
        journal = StoreJournal(store, "1123-0700-abc")
        journal.append(output("before"))
        journal.append(output(nested(300)))
        with pytest.raises(StoreError, match="nested more than"):
            journal.close()

    events = [event for _, event in store.events("1123-0700-abc")]
    store.close()

    assert events == [first, output("before")]


def test_an_input_that_is_too_deep_is_refused_before_the_run() -> None:
    """The command line is told at once, not the record at its end."""
    text = "[" * (DEPTH + 1) + "]" * (DEPTH + 1)

    with pytest.raises(ValueError, match=f"nested more than {DEPTH} levels deep"):
        coerce(Unknown(), text)

    assert coerce(Unknown(), text[1:-1]) == nested_lists(DEPTH)


def nested_lists(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value
