"""Asks the process that executes a run to stop it, as `orch cancel` does. Blocks; draws nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.store.inbox import post
from orchestrator.store.lease import owner

if TYPE_CHECKING:
    from orchestrator.store.store import Store


def cancel(store: Store, run: str, user: str) -> str:
    """Ask for it, and say in a sentence what happens now. Raises OrchError when the store cannot be written."""
    who = owner(store, run)
    if who is None:
        return why_not(store.run(run).status, run)
    post(store, run, "cancel", {"by": f"orch tui ({user})" if user else "orch tui"})
    return f"asked {who} to stop run {run}; what has finished is kept"


def why_not(status: str, run: str) -> str:
    """Why there is nothing to stop, and what can be done instead."""
    match status:
        case "waiting":
            return f"run {run} waits for an answer and no process executes it: refuse the question, or just leave it"
        case "interrupted":
            return f"no process executes run {run}: it was interrupted; go on with `orch resume {run}`"
        case _:
            return f"run {run} has ended already: {status}"
