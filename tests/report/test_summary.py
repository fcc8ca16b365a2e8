"""What a run came to, from its events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.report import words
from orchestrator.report.paths import step_of
from orchestrator.report.summary import model_table, sentence, step_table, summary

START = RunStarted(0.0, "r", "w", "w.yaml", "/p", "", "d", "0", {}, {}, 2)
LOCAL = ModelReady(0.0, "small", "llamacpp:x", True, 2048, 4, "", "", 0.5)
CLOUD = ModelReady(0.0, "big", "openai:y", False, 8192, 1, "", "https://api.example", 0.0)


def call(
    path: str, start: float, end: float, *, model: str = "small", tokens: int = 10
) -> tuple[AttemptStarted, AttemptFinished]:
    return (
        AttemptStarted(start, path, 1, model, (), 5, True, {}),
        AttemptFinished(
            end, path, 1, model, "ok", "keep", "", "x", "", 5, tokens, 2, end - start, None, None
        ),
    )


def step(path: str, start: float, end: float, *, model: str = "small") -> Iterator[Event]:
    yield StepStarted(start, path, "agent")
    yield from call(path, start, end, model=model)
    yield StepFinished(end, path, "x", {})


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("triage", "triage"),
        ("triage.3", "triage"),
        ("answer.3.reply~2.draft", "answer.reply.draft"),
        ("answer.12.reply~2", "answer.reply"),
        ("compare@tiny", "compare"),
        ("all.4@tiny", "all"),
        ("sum^1.0", "sum"),
        ("all.4.sum^2.13", "all.sum"),
    ],
)
def test_an_instance_belongs_to_a_step_of_the_file(path: str, expected: str) -> None:
    """Items, passes, models and merges are taken out of the path."""
    assert step_of(path) == expected


def test_tokens_and_calls_are_counted_per_step_and_per_model() -> None:
    """What `orch show` prints."""
    result = summary([START, LOCAL, *step("a", 1.0, 2.0), *step("b", 2.0, 4.0), RunFinished(4.0, "x")])

    header, steps = step_table(result)
    _, models = model_table(result)

    assert header[0] == "step"
    assert steps[0] == ("a", "small", "1", "–", "–", "–", "1", "5", "10", "1.0", "10")
    assert models == [("small", "llamacpp:x", "this machine", "2", "10", "20", "3.0", "7")]


def test_calls_of_tools_have_a_column_where_there_are_any() -> None:
    """An agent that a step calls is part of the step, which stays a tool step."""
    begun, gave = (
        CallStarted(1.0, "a", 1, "agent:b", {}),
        CallFinished(2.0, "a", 1, "agent:b", "ok", "x", 1.0),
    )
    inside: list[Event] = [
        StepStarted(1.0, "a@b~1", "agent"),
        *call("a@b~1", 1.0, 2.0),
        StepFinished(2.0, "a@b~1", "x", {}),
    ]

    result = summary(
        [START, LOCAL, StepStarted(1.0, "a", "tool"), begun, *inside, gave, StepFinished(2.0, "a", "x", {})]
    )

    header, (row,) = step_table(result)
    shown = dict(zip(header, row, strict=True))
    assert (shown["tools"], shown["calls"], shown["done"]) == ("1", "1", "1")
    assert result.steps["a"].verb == "tool"
    assert "1 tool call" in sentence(result)


def test_calls_side_by_side_count_their_time_once() -> None:
    """Two calls in the same second are two hundred percent of the speed, not of the time."""
    first, second = call("s.0", 0.0, 2.0), call("s.1", 1.0, 2.0)

    result = summary([START, first[0], second[0], first[1], second[1]])

    assert result.total.busy == 2.0
    assert result.total.tokens_per_second == 10.0


def test_what_on_error_saved_is_done_and_counted_as_caught() -> None:
    """It has a value, so it is done; the line at the end says that it was not the step's own."""
    result = summary(
        [START, *step("a", 1.0, 2.0), StepFinished(3.0, "b", 0, {}, handled="no"), RunFinished(4.0, 0)]
    )

    assert (result.steps["b"].done, result.steps["b"].caught, result.caught) == (1, 1, 1)
    assert "2 steps · 1 caught" in sentence(result)


def test_a_fan_out_counts_its_items_not_itself() -> None:
    """Three items, one skipped, one failed."""
    events: list[Event] = [
        START,
        StepStarted(0.0, "s", "agent", 3),
        StepFinished(1.0, "s.0", "x", {}, cached=True),
        StepSkipped(1.0, "s.1", "when"),
        StepFailed(1.0, "s.2", "invalid", "no", kept=True),
        StepFinished(2.0, "s", None, {}),
    ]

    row = summary(events).steps["s"]

    assert (row.done, row.cached, row.skipped, row.failed, row.seconds) == (1, 1, 1, 1, 2.0)


def test_the_time_between_two_processes_does_not_count() -> None:
    """A run that waited over night took the seconds in which somebody worked on it."""
    result = summary(
        [START, RunInterrupted(2.0, "ctrl-c"), RunResumed(1000.0, "me"), RunFinished(1003.0, "x")]
    )

    assert result.seconds == 5.0


def test_a_crash_in_the_middle_of_a_call_does_not_count_the_night() -> None:
    """The open call is forgotten, the time ends with the last event."""
    open_call, _ = call("s", 1.0, 0.0)

    result = summary(
        [START, open_call, RunResumed(1000.0, "me"), *call("s", 1000.0, 1001.0), RunFinished(1001.0, "x")]
    )

    assert result.seconds == 2.0
    assert result.total.busy == 1.0


def test_a_step_does_not_count_the_time_nobody_worked_on_it() -> None:
    """Two processes worked on it, with a night between."""
    asked: list[Event] = [START, StepStarted(1.0, "ok", "agent"), RunWaiting(1.5, ("ok",))]
    answered: list[Event] = [RunResumed(900.0, "me"), StepStarted(900.0, "ok", "agent")]

    result = summary([*asked, *answered, StepFinished(900.25, "ok", "yes", {}), RunFinished(901.0, "x")])

    assert result.steps["ok"].seconds == 0.75
    assert result.seconds == 2.5


def test_a_question_took_as_long_as_it_was_open() -> None:
    """Whoever worked on the run meanwhile; the run itself took only the time in which somebody did."""
    ask = AskOpened(1.0, "ok", "?", None, ("yes",), None, None)
    asked: list[Event] = [START, StepStarted(1.0, "ok", "ask"), ask]
    answered: list[Event] = [AskAnswered(37.0, "ok", "yes", "ann"), RunResumed(900.0, "me")]
    ended: list[Event] = [StepFinished(900.25, "ok", "yes", {}), RunFinished(901.0, "x")]

    for waits in ([RunWaiting(1.5, ("ok",))], []):  # or its owner died
        result = summary([*asked, *waits, *answered, StepStarted(900.0, "ok", "ask"), *ended])
        assert result.steps["ok"].seconds == 36.0
        assert result.seconds == (2.5 if waits else 2.0)


def test_what_a_resumed_run_tries_again_has_not_failed() -> None:
    """Unless null or a value stands in its place: then it is as it is. A group fails with its step, once."""
    first: list[Event] = [
        START,
        StepStarted(0.0, "g", "steps", 2),
        *step("g.0.a", 0.0, 1.0),
        StepFinished(1.0, "g.0", None, {"container": "steps"}),
        StepFailed(1.0, "k.0.a", "invalid", "no"),
        StepFailed(1.0, "k.0", "invalid", "no", kept=True),
        StepFailed(1.0, "g.1.a", "invalid", "no"),
        StepFailed(1.0, "g.1", "invalid", "no"),
        StepFailed(1.0, "g", "invalid", "no"),
        RunFailed(1.0, "g.1.a", "invalid", "no"),
    ]
    again: list[Event] = [RunResumed(2.0, "me"), *step("g.1.a", 2.0, 3.0)]

    before, after = summary(first), summary([*first, *again])

    assert "1 step · 2 failed" in sentence(before)
    assert "2 steps · 1 failed" in sentence(after)
    assert (after.steps["g"].failed, after.steps["g.a"].failed, after.steps["k.a"].failed) == (0, 0, 1)


def test_it_is_said_where_the_calls_went() -> None:
    """Everything here, something elsewhere, or nothing when nobody knows."""
    local = [START, LOCAL, *step("a", 0.0, 1.0)]
    cloud = [*local, CLOUD, *step("b", 1.0, 2.0, model="big")]
    nobody = [START, *step("a", 0.0, 1.0)]

    assert "everything stayed on this machine" in sentence(summary(local))
    assert "1 call left this machine (big)" in sentence(summary(cloud))
    assert "machine" not in sentence(summary(nobody))


def test_a_call_that_was_begun_off_this_machine_is_never_called_local() -> None:
    """An intent that a crash left open may have left the machine."""
    intent = replace(call("a", 0.0, 1.0)[0], intent=True)

    assert summary([START, LOCAL, intent]).stayed_local is False


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.004, "0.00 s"),
        (0.42, "0.42 s"),
        (4.24, "4.2 s"),
        (59.96, "1 min 00 s"),
        (185, "3 min 05 s"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations_are_as_fine_as_they_matter(value: float, text: str) -> None:
    """Hundredths below a second, minutes above an hour."""
    assert words.seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(98_362_432, "98 MB"), (1_300_000_000, "1.3 GB"), (512, "512 B"), (5_400, "5.4 kB")]
)
def test_sizes_are_decimal(value: int, text: str) -> None:
    """As disks and downloads count."""
    assert words.size(value) == text
