"""Waits for a server that answers, but is still reading its weights. Knows no protocol: `faults` tells such a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from orchestrator.providers.faults import Loading

Answer = TypeVar("Answer")
LONGEST = 600.0
"""Seconds that are waited for a server's weights."""
INTERVAL = 0.5


async def once_loaded(
    ask: Callable[[], Awaitable[Answer]],
    alive: Callable[[], None] = lambda: None,
    *,
    longest: float = LONGEST,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Answer:
    """What it answers when it has loaded; `alive` is called meanwhile. Raises Loading after `longest` seconds."""
    loop = asyncio.get_running_loop()
    latest = loop.time() + longest
    while True:
        try:
            return await ask()
        except Loading:
            if loop.time() >= latest:
                raise
        alive()
        await sleep(INTERVAL)


__all__ = ["once_loaded"]
