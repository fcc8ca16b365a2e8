"""Events become rows and rows become the same events."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.errors import StoreError
from orchestrator.events import Event, StepFinished
from orchestrator.store.codec import INLINE, Packed, blob_marks, pack, pack_all, unpack
from tests.store.samples import AT, finished, json_values, one_of_each, started


def read(packed: Packed) -> Event:
    blobs = {sha.hex(): text for sha, text in packed.blobs.items()}
    return unpack(packed.at, packed.kind, packed.path, packed.payload, blobs.__getitem__)


def value_of(event: Event) -> Any:
    assert isinstance(event, StepFinished)
    return event.value


@pytest.mark.parametrize("event", one_of_each(), ids=lambda event: str(event.kind))
def test_every_kind_of_event_comes_back_the_same(event: Event) -> None:
    """What is appended is what is read, field by field."""
    assert read(pack(event)) == event


@settings(max_examples=150, deadline=None)
@given(json_values())
def test_any_json_value_comes_back_the_same(value: Any) -> None:
    """NUL, emoji, huge and nested values survive, and data that looks like a blob mark stays data."""
    packed = pack(StepFinished(AT, "a", value, {}))

    assert value_of(read(packed)) == value


@settings(max_examples=50, deadline=None)
@given(st.text(), st.floats(allow_nan=False, allow_infinity=False))
def test_paths_and_times_come_back_the_same(path: str, at: float) -> None:
    """The columns are part of the event, to the last bit of the time."""
    path = path.encode("utf-8", "replace").decode()

    assert read(pack(StepFinished(at, path, 1, {}))) == StepFinished(at, path, 1, {})


ODD = [
    "x\ud83dy",
    "\n,\n",
    "$blob",
    {"$blob": "a"},
    None,
    "null",
    "x" * 9000,
    [[1.5]] * 300,
    "ü" * 5000,
    math.nan,
    {1: 2},
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from([*one_of_each(), *(finished(7, value) for value in ODD)]), max_size=12))
def test_many_events_are_packed_as_each_by_itself(events: list[Event]) -> None:
    """A row does not tell what was encoded together with it; what is refused ends the rows."""
    single: list[tuple[object, ...]] = []
    refused = ""
    for event in events:
        try:
            single.append(pack(event))
        except StoreError as error:
            refused = error.message
            break

    rows, fault = pack_all(events)

    assert rows == single
    assert (fault.message if fault else "") == refused


def test_half_a_surrogate_pair_becomes_the_replacement_character() -> None:
    """A model can write one in JSON; no database can hold it."""
    packed = pack(StepFinished(AT, "a", "x\ud83dy", {}))

    assert value_of(read(packed)) == "x\ufffdy"


@pytest.mark.parametrize("value", [math.nan, math.inf, {"deep": [-math.inf]}, object(), b"bytes", {1, 2}])
def test_what_json_cannot_hold_is_refused_by_name(value: Any) -> None:
    """The message says which step the value is of."""
    with pytest.raises(StoreError, match=r"'triage\.7'"):
        pack(finished(7, value))


def test_a_bottomless_value_is_refused() -> None:
    """Depth is bounded by the encoder, not by a crash."""
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]

    with pytest.raises(StoreError):
        pack(finished(7, value))


def test_a_large_value_moves_out_of_the_payload() -> None:
    """The row stays small; the value is found by its hash."""
    packed = pack(finished(1, "x" * 100_000))

    assert len(packed.payload) < 300
    assert list(blob_marks(packed.payload)) == [sha.hex() for sha in packed.blobs]


def test_a_large_text_among_small_ones_moves_alone() -> None:
    """The same document in two prompts is stored once."""
    document = "word " * 5_000

    one, other = pack(finished(1, {"a": 1, "text": document})), pack(finished(2, {"a": 2, "text": document}))

    assert set(one.blobs) == set(other.blobs)
    assert len(one.blobs) == 1


def test_many_small_values_move_as_one() -> None:
    """Ten thousand rows are one blob, not ten thousand."""
    packed = pack(started(inputs={"rows": [{"id": number, "body": "x" * 50} for number in range(10_000)]}))

    assert len(packed.blobs) == 1
    assert len(packed.payload) < INLINE
    assert read(packed).inputs["rows"][9_999]["id"] == 9_999  # type: ignore[union-attr]
