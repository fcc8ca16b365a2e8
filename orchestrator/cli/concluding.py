"""How a run ended, told to a person: its result on stdout, what to do next on stderr, and the exit code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.cli.console import Console

if TYPE_CHECKING:
    from orchestrator.engine.start import Result


def conclude(
    result: Result, run: str, console: Console, *, as_json: bool, events: bool, streamed: str
) -> int:
    """Print the result or what went wrong, and return the exit code."""
    from orchestrator.cli.result import print_result
    from orchestrator.cli.waiting import waiting_lines

    match result.status:
        case "done":
            if streamed and streamed.strip() == str(result.outputs).strip():
                return result.exit_code
            if not events:
                print_result(console, result.outputs, as_json=as_json)
            return result.exit_code
        case "waiting":
            for line in waiting_lines(run, result.asks, result.waits_for, result.unknown):
                console.say(line)
        case "interrupted":
            console.say(f"everything finished is kept; go on with: orch resume {run}")
        case "cancelled":
            console.say(f"run {run} was cancelled")
        case "failed":
            _say_failed(result, run, console)
    if as_json and not events:
        console.json(ending_json(result, run))
    return result.exit_code


def ending_json(result: Result, run: str) -> dict[str, Any]:
    """A run that has no result, for a script. What is shown or may be changed is left to `orch show`, which knows
    what the record holds."""
    from orchestrator.policy.editing import editable

    told: dict[str, Any] = {"run": run, "status": "rejected" if result.exit_code == 3 else result.status}
    if result.status == "waiting":
        told["asks"] = [
            {
                "path": ask.path,
                "question": ask.question,
                "choices": list(ask.choices),
                "deadline": ask.deadline,
                "then": ask.then,
                "editable": editable(ask.edit) is not None,
            }
            for ask in result.asks.values()
        ]
        told |= {"waits_for": result.waits_for, "unknown": list(result.unknown)}
    if result.error is not None:
        told["error"] = {"path": result.path, "message": result.error.message, "hint": result.error.hint}
    return told


def _say_failed(result: Result, run: str, console: Console) -> None:
    error = result.error
    where = f"step '{result.path}': " if result.path else ""
    if error is not None:
        console.error(f"{where}{error.message}", error.hint)
    if result.exit_code == 3:
        console.say(
            f"this is final; to be asked again, in a run of its own: orch fork {run} --at {result.path}"
        )
        return
    step = f" {result.path}" if result.path else ""
    console.say(f"see it with: orch show {run}{step}; what is finished is kept: orch resume {run}")
