"""Events read from bytes, however the network cuts them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import ProviderError
from orchestrator.providers.sse import LINE, objects

VALUES = st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20), max_size=3), max_size=5)


def _read(*parts: bytes) -> list[dict[str, Any]]:
    async def stream() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    async def act() -> list[dict[str, Any]]:
        return [value async for value in objects(stream(), "http://127.0.0.1")]

    return asyncio.run(act())


@given(VALUES, st.lists(st.integers(0, 400), max_size=6), st.sampled_from(["\n", "\r\n"]))
def test_events_are_the_same_however_they_are_cut(values: list[Any], cuts: list[int], end: str) -> None:
    """At any byte, with either line ending, with comments between."""
    text = "".join(f": x{end}data: {json.dumps(value, ensure_ascii=False)}{end}{end}" for value in values)
    raw = f"{text}data: [DONE]{end}{end}".encode()
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})

    parts = [raw[start:stop] for start, stop in pairwise(places)]

    assert _read(*parts) == values


def test_what_follows_the_end_is_not_read_as_an_answer() -> None:
    """`[DONE]` is the end."""
    assert _read(b"data: {}\n\ndata: [DONE]\n\ndata: nonsense\n\n") == [{}]


def test_an_event_may_lack_its_last_line_end() -> None:
    """And its data may stand on several lines."""
    assert _read(b'data: {"a":\ndata: 1}') == [{"a": 1}]


def test_an_empty_event_says_nothing() -> None:
    """As the standard has it."""
    assert _read(b"data:\n\nevent: ping\n\ndata: {}\n\n") == [{}]


@pytest.mark.parametrize(
    "raw", [b"<html>\n\n", b"data: [1]\n\n", b"data: {\n\n", b"data: \xff\n\n", b"[" * 3000 + b"\n\n", b"data: " + b"[" * 99999 + b"\n\n"]
)  # fmt: skip
def test_anything_else_is_a_fault(raw: bytes) -> None:
    """Typed, whatever the bytes."""
    with pytest.raises(ProviderError) as error:
        _read(raw)

    assert error.value.kind == "protocol"


def test_a_line_that_does_not_end_is_a_fault() -> None:
    """It is not collected for ever."""
    with pytest.raises(ProviderError, match="does not end"):
        _read(b"data: ", *([b"x" * 65536] * (LINE // 65536 + 1)))
