"""Server-sent events read strictly: bytes in, JSON objects out. Knows nothing of what the objects mean."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from orchestrator.providers.faults import protocol

LINE = 4 * 1024 * 1024
"""Bytes of one line, at most."""


async def objects(parts: AsyncIterator[bytes], where: str) -> AsyncIterator[dict[str, Any]]:
    """The JSON object of each event, until `[DONE]` or the end. Raises ProviderError at the first bad line."""
    async for data in _data(parts, where):
        if data == b"[DONE]":
            return
        try:
            value = json.loads(data)
        except (ValueError, RecursionError):
            raise protocol(where, "sent a piece of an answer that is no JSON") from None
        if not isinstance(value, dict):
            raise protocol(where, "sent a piece of an answer that is no object")
        yield value


async def _data(parts: AsyncIterator[bytes], where: str) -> AsyncIterator[bytes]:
    """The data of each event; llama.cpp ends a fault with an `error:` line, which counts as data too."""
    event: list[bytes] = []
    async for line in _lines(parts, where):
        if not line:
            if any(event):
                yield b"\n".join(event)
            event = []
            continue
        name, _, value = line.partition(b":")
        if name in (b"data", b"error"):
            event.append(value.removeprefix(b" "))
        elif name not in (b"", b"event", b"id", b"retry"):
            raise protocol(where, "sent something else than events")
    if any(event):
        yield b"\n".join(event)


async def _lines(parts: AsyncIterator[bytes], where: str) -> AsyncIterator[bytes]:
    rest = b""
    async for part in parts:
        *lines, rest = (rest + part).split(b"\n")
        for line in lines:
            yield line.removesuffix(b"\r")
        if len(rest) > LINE:
            raise protocol(where, "sent a line that does not end")
    if rest:
        yield rest.removesuffix(b"\r")
