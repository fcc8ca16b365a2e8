"""What is said when somebody stops watching a run: how it stands, its result, how to look again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import OrchError
from orchestrator.events import RunFailed, RunFinished

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
    from orchestrator.engine.start import Result
    from orchestrator.store.store import Store


def how_it_stands(store: Store, run: str, console: Console) -> int:
    """Say it, print the result of a run that is done, and return the run's exit code as far as it is known."""
    from orchestrator.cli.concluding import conclude
    from orchestrator.cli.waiting import what_to_do
    from orchestrator.engine.start import Result

    row = store.run(run)
    again = f"look again with: orch tui {run}"
    match row.status:
        case "waiting":
            for line in what_to_do(store, run):
                console.say(line)
            return 7
        case "done" | "failed" | "rejected":
            return conclude(how_it_ended(store, run), run, console, as_json=False, events=False, streamed="")
        case "interrupted" | "cancelled":
            return conclude(Result(row.status, 130), run, console, as_json=False, events=False, streamed="")
        case _:
            console.say(f"run {run} goes on; {again}")
            return 0


def how_it_ended(store: Store, run: str) -> Result:
    """Of a run that is done, failed or rejected, as its record says."""
    from orchestrator.engine.start import Result

    last = store.event(run, store.run(run).events - 1)
    if isinstance(last, RunFinished):
        return Result("done", 0, outputs=last.outputs)
    if isinstance(last, RunFailed):
        error = OrchError(last.message, hint=last.hint)
        return Result("failed", last.exit_code, error=error, path=last.path)
    return Result("done", 0)
