"""Runs one scope: in-degree counts, a ready queue, a bounded pool of workers.

A worker that finishes a step goes on with a successor itself; others are started only while more is ready.
Knows no verb.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

from orchestrator.engine.frame import Frame
from orchestrator.engine.run import Run
from orchestrator.graph.model import Node, Scope

RunNode = Callable[[Run, Node, Frame], Awaitable[bool]]


async def run_scope(run: Run, scope: Scope, frame: Frame, run_node: RunNode) -> bool:
    """Execute every node of the scope once its dependencies are finished.

    Returns False when something waits for a person: then everything that could run has run.
    The first failure cancels the rest and is raised.
    """
    pending = [len(node.deps) for node in scope.nodes]
    ready = deque(scope.roots)

    async def advance(index: int) -> bool:
        node = scope.nodes[index]
        if not await run_node(run, node, frame):
            return False
        for successor in node.successors:
            pending[successor] -= 1
            if pending[successor] == 0:
                ready.append(successor)
        return True

    return await drain(ready, run, advance)


async def drain(
    ready: deque[int], run: Run, work: Callable[[int], Awaitable[bool]], width: int | None = None
) -> bool:
    """Work on everything in `ready`, which `work` may extend, with at most `width` workers at once.

    Returns whether every call of `work` returned True. The first exception cancels the other workers.
    """
    limit = run.width if width is None else width
    complete = True
    workers = 1

    async def worker(group: asyncio.TaskGroup) -> None:
        nonlocal complete, workers
        while ready:
            index = ready.popleft()
            if ready and workers < limit:
                workers += 1
                group.create_task(worker(group))
            if not await work(index):
                complete = False
            if run.should_breathe():
                await asyncio.sleep(0)
        workers -= 1

    try:
        async with asyncio.TaskGroup() as group:
            await worker(group)
    except BaseExceptionGroup as several:
        raise first_of(several) from None
    return complete


def first_of(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first real exception in a group, however deep."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            return first_of(error)
        return error
    return group
