"""The same work written by hand: a bare asyncio task group, once without and once with template and validation.

https://docs.python.org/3.11/library/asyncio-task.html#task-groups
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from benchmarks.peers.work import LAST, Prepare, Run, items, model, step


async def _bare(text: str) -> str:
    """No template, no validation."""
    await model(f"Go on: {text}")
    return LAST


def _chain(do: Callable[[str], Awaitable[str]]) -> Prepare:
    def prepare(steps: int) -> Run:
        async def run() -> str:
            text = "once"
            for _ in range(steps):
                async with asyncio.TaskGroup() as group:
                    task = group.create_task(_awaited(do, text))
                text = task.result()
            return text

        return run

    return prepare


def _fan_out(do: Callable[[str], Awaitable[str]]) -> Prepare:
    def prepare(steps: int) -> Run:
        async def run() -> list[str]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(_awaited(do, item)) for item in items(steps)]
            return [task.result() for task in tasks]

        return run

    return prepare


async def _awaited(do: Callable[[str], Awaitable[str]], text: str) -> str:
    return await do(text)


BARE = {"chain": _chain(_bare), "fan-out": _fan_out(_bare)}
WORK = {"chain": _chain(step), "fan-out": _fan_out(step)}
