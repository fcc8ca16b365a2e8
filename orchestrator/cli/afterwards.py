"""What is said when somebody stops watching a run: how it stands, its result, how to look again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.errors import OrchError
from orchestrator.events import RunFailed, RunFinished

if TYPE_CHECKING:
    from orchestrator.cli.console import Console
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
            last = store.event(run, row.events - 1)
            result = Result("done", 0)
            if isinstance(last, RunFinished):
                result = Result("done", 0, outputs=last.outputs)
            elif isinstance(last, RunFailed):
                error = OrchError(last.message, hint=last.hint)
                result = Result("failed", last.exit_code, error=error, path=last.path)
            return conclude(result, run, console, as_json=False, events=False, streamed="")
        case "interrupted" | "cancelled":
            return conclude(Result(row.status, 130), run, console, as_json=False, events=False, streamed="")
        case _:
            console.say(f"run {run} goes on; {again}")
            return 0
