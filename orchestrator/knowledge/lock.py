"""Who writes an index: one process at a time, by a lock that the kernel frees when its owner dies."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

EVERY = 0.05
"""Seconds between two looks at a lock that somebody else holds."""


@asynccontextmanager
async def alone(path: Path, waiting: Callable[[], None]) -> AsyncIterator[None]:
    """Hold the lock on this file, waiting for whoever has it; `waiting` is told once."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _take(descriptor):
            waiting()
            while not _take(descriptor):  # noqa: ASYNC110 - the kernel tells nobody that a lock is free
                await asyncio.sleep(EVERY)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
