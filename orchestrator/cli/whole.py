"""Whether the record of a run can be gone on with: nothing in it is damaged, nothing of its beginning is missing, nobody
goes on with it now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.events import RunStarted
    from orchestrator.store.store import Store


def refuse_damaged(run: str, problems: list[str]) -> None:
    if problems:
        raise UsageError(
            f"the record of run {run} is damaged: {problems[0]}",
            hint=f"see all of it: orch verify {run}; start a new run, the others are not affected",
        )


def warn_damaged(console: Console, store: Store, run: str) -> str:
    """Say it to somebody who reads the run. Returns what is damaged, or nothing."""
    from orchestrator.store.quarantine import checked

    problem = checked(store, run)
    if problem:
        console.problem("warning", f"the record of run {run} is damaged: {problem}", "yellow")
        console.problem("hint", f"see all of it: orch verify {run}", "cyan")
    return problem


def refuse_running(store: Store, run: str) -> None:
    """Raise UsageError for a run that somebody executes: both would do what it has not done yet."""
    if store.run(run).live:
        raise UsageError(
            f"run {run} is still being executed, and what it does from now on would be done twice",
            hint=f"wait for its end, or end it: orch cancel {run}",
        )


def refuse_half_made(record: RunStarted, events: int) -> None:
    """Raise UsageError for a run that was stopped while it was being made out of another one: it misses what that did."""
    forked = record.options.get("forked")
    if isinstance(forked, Mapping) and events <= int(forked.get("events", 0)):
        at = f" --at {forked['at']}" if forked.get("at") else ""
        raise UsageError(
            f"run {record.run} was stopped while it was being made out of run {forked['run']}",
            hint=f"make it again: orch fork {forked['run']}{at}",
        )
