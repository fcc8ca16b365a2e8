"""Following a run from any process: its events as they are committed, until nobody executes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from orchestrator.store.lease import owner_alive

if TYPE_CHECKING:
    from orchestrator.events import Event
    from orchestrator.store.store import Store


async def follow(
    store: Store, run: str, after: int = -1, *, poll: float = 0.1, stop: asyncio.Event | None = None
) -> AsyncIterator[list[tuple[int, Event]]]:
    """Pages of events behind `after`. `poll` is in seconds; setting `stop` ends it early.

    The status afterwards is `store.run(run).status`: `interrupted` when the owner died without a word.
    """
    no = (await asyncio.to_thread(store.head, run)).no
    stopped = stop or asyncio.Event()
    while not stopped.is_set():
        # asked first: whatever the owner wrote before it ended is read below
        alive = await asyncio.to_thread(owner_alive, store, run)
        while page := await asyncio.to_thread(store.page, run, no, after):
            after = page[-1][0]
            yield page
        if not alive:
            return
        await _pause(stopped, poll)


async def _pause(stopped: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopped.wait(), seconds)
    except TimeoutError:
        return
