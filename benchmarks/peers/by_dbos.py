"""DBOS: a workflow whose steps are decorated functions; always durable, here with its SQLite system database.

https://docs.dbos.dev/python/programming-guide (workflows, steps, SQLite by default) and
https://docs.dbos.dev/python/reference/contexts (asynchronous workflows). It recommends Postgres in production.
"""

from __future__ import annotations

import asyncio
import atexit
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from dbos import DBOS

from benchmarks.peers.work import Run, items
from benchmarks.peers.work import step as plain


@DBOS.step()
async def say(text: str) -> str:
    return await plain(text)


@DBOS.workflow()
async def chain(steps: int) -> str:
    text = "once"
    for _ in range(steps):
        text = await say(text)
    return text


@DBOS.workflow()
async def fan_out(steps: int) -> list[str]:
    return list(await asyncio.gather(*(say(item) for item in items(steps))))


@cache
def _launched() -> None:
    """One database for the process, as an application has."""
    folder = tempfile.TemporaryDirectory()
    file = Path(folder.name) / "dbos.db"
    DBOS(config={"name": "bench", "system_database_url": f"sqlite:///{file}", "log_level": "ERROR"})
    DBOS.launch()
    atexit.register(folder.cleanup)
    atexit.register(DBOS.destroy)


def _work(workflow: Callable[[int], Any]) -> Callable[[int], Run]:
    def prepare(steps: int) -> Run:
        _launched()
        return lambda: workflow(steps)

    return prepare


WORK = {"durable chain": _work(chain), "durable fan-out": _work(fan_out)}
