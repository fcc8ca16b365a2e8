"""The running totals in a run's row say what the events say when they are read."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from orchestrator.events import (
    AttemptFinished,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunResumed,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.report.summary import steps_done, summary
from orchestrator.state import fold
from orchestrator.store.tally import Tally
from tests.store.samples import AT, started

GROUP = {"container": "steps"}


def tally(*parts: Iterable[Event]) -> Tally:
    """Each part is written by a process of its own."""
    total = Tally()
    for part in parts:
        columns = total.columns()
        total = Tally(*columns.values())
        for event in part:
            total.add(event)
    return total


def one(path: str) -> list[Event]:
    return [StepStarted(AT, path, "agent"), StepFinished(AT, path, "x", {})]


FIRST: list[Event] = [
    started(),
    *one("a"),
    StepSkipped(AT, "b", "when"),
    StepStarted(AT, "all", "steps", 3),
    StepStarted(AT, "all.0", "steps"),
    *one("all.0.draft@tiny"),
    *one("all.0.draft"),
    StepFinished(AT, "all.0", None, GROUP),
    StepStarted(AT, "all.1", "steps"),
    StepStarted(AT, "all.1.draft", "agent"),
    StepFailed(AT, "all.1.draft", "check", "no"),
    StepFailed(AT, "all.1", "check", "no"),
    StepFailed(AT, "all", "check", "no"),
    RunFailed(AT + 1, "all.1.draft", "check", "no"),
]
AGAIN: list[Event] = [
    RunResumed(AT + 9, "me"),
    *one("all.1.draft"),
    StepFailed(AT + 9, "all.2.draft", "check", "no"),
    StepFailed(AT + 9, "all.2", "check", "no", kept=True),
    StepFailed(AT + 9, "rest.0", "check", "no"),
    StepFinished(AT + 9, "rest", "none", {}, handled="no"),
    StepFinished(AT + 9, "all", None, {"container": "foreach"}),
    RunFinished(AT + 10, "x"),
]


@pytest.mark.parametrize(("parts", "counts"), [((FIRST,), (2, 1)), ((FIRST, AGAIN), (4, 2))])
def test_a_list_of_runs_counts_what_the_run_itself_says(
    parts: tuple[list[Event], ...], counts: tuple[int, int]
) -> None:
    """Steps and items, not the groups they are in; what failed and was tried again has not failed."""
    total = tally(*parts)
    report = summary(event for part in parts for event in part)

    assert (total.finished, total.failed) == counts
    assert (steps_done(report), report.failed) == counts


def ready(model: str, *, local: bool) -> ModelReady:
    return ModelReady(AT, model, f"x:{model}", local, 2048, 1, "", "http://127.0.0.1:1", 0.1)


def called(model: str) -> AttemptFinished:
    return AttemptFinished(AT, "a", 1, model, "ok", "keep", "", "x", "", 9, 3, 0, 0.4, 0.1, 8.0)


def test_calls_are_counted_by_where_they_went() -> None:
    """As the run's own state counts them; the next process says anew where the models are."""
    first: list[Event] = [
        started(),
        ready("tiny", local=True),
        ready("big", local=False),
        *map(called, ("tiny", "big", "tiny")),
    ]
    again: list[Event] = [RunResumed(AT, "me"), ready("big", local=False), called("big"), called("tiny")]

    total, state = tally(first, again), fold([*first, *again])

    assert (total.local_calls, total.cloud_calls) == (3, 2)
    assert (state.local_calls, state.cloud_calls) == (3, 2)


def test_a_run_that_a_person_rejected_did_not_fail() -> None:
    """The row, the state and the figures say the same word."""
    events: list[Event] = [started("r"), RunFailed(AT, "ok", "OrchError", "ok was rejected by ann", "", 3)]

    assert tally(events).status == fold(events).status == summary(events).status == "rejected"
