"""What a person says about calls of which nobody knows whether they happened: `orch resume --done STEP`, `--rerun STEP`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from orchestrator.errors import UsageError
from orchestrator.events import CallFinished
from orchestrator.light import light

if TYPE_CHECKING:
    from orchestrator.engine.recover import Called, Recovered


@light(frozen=True, slots=True)
class Settled:
    """One call, and what a person knows of it: it happened and gave `value`, or it did not happen."""

    path: str
    call: int
    happened: bool
    value: Any = None


def settled(
    run: str, recovered: Recovered, happened: Sequence[str], again: Sequence[str], values: Sequence[str]
) -> tuple[Settled, ...]:
    """What the options say. Raises UsageError for a step that is no question, and for a value that is no JSON.

    `values` belong to `happened`, in their order.
    """
    if len(values) > len(happened):
        raise UsageError(
            "--value says what a call gave that happened", hint="give it beside --done STEP, in its order"
        )
    both = next((step for step in happened if step in again), None)
    if both is not None:
        raise UsageError(f"--done {both} and --rerun {both} exclude each other", hint="give one of them")
    given = [_value(text) for text in values] + [None] * (len(happened) - len(values))
    said = [(step, True, value) for step, value in zip(happened, given, strict=True)]
    said += [(step, False, None) for step in again]
    return tuple(Settled(*_asked(run, recovered, step), done, value) for step, done, value in said)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(
            f"--value {text!r} is no JSON: {error}", hint="""e.g. --value '{"id": 7}'"""
        ) from None


def _asked(run: str, recovered: Recovered, step: str) -> tuple[str, int]:
    """Path and number of the call that a person means: the last one of this step that counts."""
    calls = {n: called for n, called in recovered.calls.get(step, {}).items() if called.counts}
    if calls:
        return step, max(calls)
    open_ = [path for path, numbers in recovered.calls.items() if _is_open(numbers)]
    hint = f"there is: {', '.join(open_)}" if open_ else f"go on with: orch resume {run}"
    raise UsageError(
        f"run {run} has no call with an effect at '{step}' that did not come to its end", hint=hint
    )


def _is_open(calls: Mapping[int, Called]) -> bool:
    return any(called.counts and called.outcome == "unknown" for called in calls.values())


def as_event(said: Settled, recovered: Recovered, at: float, by: str) -> CallFinished:
    """For the record of the run."""
    called = recovered.calls[said.path][said.call]
    return CallFinished(
        at=at,
        path=said.path,
        call=said.call,
        tool=called.began.tool,
        outcome="ok" if said.happened else "error",
        value=said.value,
        seconds=0.0,
        message=f"{by} says that it {'happened' if said.happened else 'did not happen'}",
    )
