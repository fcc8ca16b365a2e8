"""A run in columns: what a fold over its events says about every instance of a step."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterable
from itertools import count

import pytest

from benchmarks.screen_run import run_events
from orch_tui.trace import (
    ASKING,
    CACHED,
    DONE,
    FAILED,
    NOWHERE,
    RUNNING,
    SKIPPED,
    STOPPED,
    Trace,
)
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    Event,
    ModelReady,
    RunFailed,
    RunInterrupted,
    RunResumed,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from tests.tui.recorded import tried


def trace_of(*events: Event) -> Trace:
    trace = Trace()
    for seq, event in enumerate(events):
        trace.take(event, seq)
    return trace


def started(at: float, *paths: str, verb: str = "agent") -> list[Event]:
    return [StepStarted(at, path, verb) for path in paths]


def finished(at: float, *paths: str) -> list[Event]:
    return [StepFinished(at, path, None, {}) for path in paths]


def statuses(trace: Trace, paths: Iterable[str]) -> list[str]:
    return [trace.status_of(trace.find(path)) for path in paths]


def test_a_resumed_run_begins_again_what_failed_and_does_not_count_the_time_between() -> None:
    """The failed leaf starts anew; the group around it goes on, without the hours in which nobody worked."""
    failed = RunFailed(14.0, "all.1", "check", "no")
    trace = trace_of(
        StepStarted(10.0, "all", "agent", 2),
        *started(10.0, "all.0", "all.1"),
        *finished(11.0, "all.0"),
        StepFailed(12.0, "all.1", "check", "no"),
        StepFailed(12.0, "all", "check", "no"),
        failed,
        RunResumed(1014.0, "host:1"),
        StepStarted(1014.0, "all", "agent", 2),
        *started(1015.0, "all.1"),
        *finished(1017.0, "all.1", "all"),
    )
    group, leaf = trace.find("all"), trace.find("all.1")

    assert statuses(trace, ["all", "all.0", "all.1"]) == ["done", "done", "done"]
    assert trace.seconds(leaf, 2000.0) == 2.0
    assert trace.seconds(group, 2000.0) == 7.0
    assert not trace.failed
    assert not trace.notes
    assert len(trace) == 3
    assert trace.gaps == [(14.0, 1014.0)]


def test_an_interrupted_run_stops_what_was_under_way() -> None:
    """What ran is `stopped` at that moment and runs again, under the same number, when somebody goes on."""
    trace = trace_of(*started(1.0, "a", "a.x"), RunInterrupted(5.0, "sam"))
    before = statuses(trace, ["a", "a.x"]), trace.seconds(trace.find("a.x"), 99.0), trace.running()

    trace.take(RunResumed(6.0, "host:1"), 3)
    for event in started(7.0, "a", "a.x"):
        trace.take(event, 4)

    assert before == (["stopped", "stopped"], 4.0, [])
    assert statuses(trace, ["a", "a.x"]) == ["running", "running"]
    assert len(trace) == 2


def test_a_waiting_question_stays_open_while_nobody_works_on_the_run() -> None:
    """A run that waits has its question as the one thing under way."""
    ask = AskOpened(1.0, "send", "Send?", None, ("yes",), None, None)
    trace = trace_of(*started(1.0, "send"), ask, RunWaiting(2.0, ("send",)))
    trace.stop(3.0)

    assert trace.status[trace.find("send")] == ASKING
    assert trace.running() == [trace.find("send")]


@pytest.mark.parametrize(
    "end",
    [
        RunFailed(3.0, "other", "rejected", "sam said no", exit_code=3),
        RunInterrupted(3.0, "sam", cancelled=True),
        RunInterrupted(3.0, "ctrl-c"),
    ],
)
def test_an_ended_run_asks_nobody_and_a_resumed_one_asks_again(end: Event) -> None:
    """No event says either: an open question is open again when the run goes on."""
    ask = AskOpened(1.0, "send", "Send?", None, ("yes",), None, None)
    each = AskOpened(1.0, "mail.0", "Mail?", None, ("yes",), None, None)
    events = [*started(1.0, "send", "mail"), ask, each, end]

    ended = trace_of(*events)
    again = trace_of(*events, RunResumed(9.0, "x"), *started(9.0, "send", "mail"))

    assert statuses(ended, ["send", "mail.0"]) == ["stopped", "stopped"]
    assert ended.notes[ended.find("send")] == "not asked any more"
    assert statuses(again, ["send", "mail", "mail.0"]) == ["asking", "running", "asking"]
    assert not again.notes


def test_a_question_took_as_long_as_it_was_open_and_nobody_worked_meanwhile() -> None:
    """Its answer is of the time in which the run lay still; taking the run up again takes nothing from it."""
    trace = trace_of(
        *started(1.0, "ok", verb="ask"),
        AskOpened(2.0, "ok", "?", None, ("yes",), None, None),
        RunWaiting(3.0, ("ok",)),
        AskAnswered(38.0, "ok", "yes", "ann"),
        RunResumed(100.0, "x"),
        *started(100.1, "ok", verb="ask"),
        *finished(100.1, "ok"),
    )

    assert trace.seconds(trace.find("ok"), 200.0) == 36.0
    assert trace.summary.steps["ok"].seconds == 36.0
    assert trace.gaps == [(3.0, 100.0)]
    assert trace.status_of(trace.find("ok")) == "done"


def test_a_pass_of_a_loop_ends_with_the_next_one_and_with_the_loop() -> None:
    """Passes have no events: they begin with their first step, and are called by their number."""
    trace = trace_of(*started(1.0, "loop", "loop~1.draft"), *finished(2.0, "loop~1.draft"))
    first = trace.find("loop~1")
    assert trace.status[first] == RUNNING

    for event in [*started(3.0, "loop~2.draft"), *finished(4.0, "loop~2.draft")]:
        trace.take(event, 9)
    second = trace.find("loop~2")
    assert (trace.status[first], trace.status[second]) == (DONE, RUNNING)

    trace.take(finished(5.0, "loop")[0], 10)
    assert (trace.status[first], trace.status[second]) == (DONE, DONE)
    assert [trace.name(span) for span in (first, second)] == ["pass 1", "pass 2"]
    assert trace.verb(first) == "pass"


def test_a_span_whose_parents_nobody_told_of_brings_them_along() -> None:
    """The path alone says what it is inside of."""
    trace = trace_of(*started(1.0, "outer.3.loop~2.draft"))

    paths = [trace.path(span) for span in range(len(trace))]

    assert paths == ["outer", "outer.3", "outer.3.loop", "outer.3.loop~2", "outer.3.loop~2.draft"]
    assert trace.running() == [trace.find("outer.3.loop~2.draft")]
    assert [trace.depth(span) for span in range(5)] == [0, 1, 2, 3, 4]


def test_parts_of_a_step_are_called_what_they_are() -> None:
    """The answers of several models and the merges of a reduce are inside their step."""
    trace = trace_of(*started(1.0, "vote", "vote@tiny", "sum", "sum^1.0", "each", "each.12"))

    assert [trace.name(span) for span in range(len(trace))] == [
        "vote", "@tiny", "sum", "merge 1.0", "each", "12",
    ]  # fmt: skip
    assert trace.parent[trace.find("sum^1.0")] == trace.find("sum")


def test_a_fan_out_counts_its_items_as_they_change() -> None:
    """Done, cached, skipped and failed are numbers that are kept, whatever the length of the list."""
    trace = trace_of(
        StepStarted(1.0, "all", "agent", 5),
        *started(1.0, "all.0", "all.1", "all.2", "all.3"),
        *finished(2.0, "all.0"),
        StepFinished(2.0, "all.1", None, {}, cached=True),
        StepFailed(2.0, "all.2", "check", "no", kept=True),
        StepSkipped(2.0, "all.4", "when"),
    )
    span = trace.find("all")

    found = [trace.counted(span, status) for status in (RUNNING, DONE, CACHED, FAILED, SKIPPED)]
    trace.stop(3.0)

    assert found == [1, 1, 1, 1, 1]
    assert (trace.counted(span, RUNNING), trace.counted(span, STOPPED)) == (0, 1)
    assert trace.counted(trace.find("all.0"), DONE) == 0


@pytest.mark.parametrize("path", ["all.0", "all.777", "all.999.draft"])
def test_an_item_is_found_by_its_number(path: str) -> None:
    """Also when items began in another order, and not when there is no such item."""
    trace = trace_of(
        StepStarted(1.0, "all", "steps", 1000),
        *started(1.0, *(f"all.{number}" for number in reversed(range(1000)))),
        *started(1.0, "all.999.draft"),
    )

    assert trace.path(trace.find(path)) == path
    assert trace.find("all.1000") == NOWHERE
    assert trace.find("all.07") == NOWHERE
    assert trace.find("nothing.7") == NOWHERE


def test_spans_sort_as_the_tree_shows_them() -> None:
    """By their places among their siblings, from the top down."""
    trace = trace_of(*started(1.0, "a", "b", "b.x", "a.x", "a.y"))

    paths = [trace.path(span) for span in sorted(range(len(trace)), key=trace.order)]

    assert paths == ["a", "a.x", "a.y", "b", "b.x"]


def test_attempts_are_kept_while_they_say_something() -> None:
    """Those of a span that needed one and went well are forgotten; tokens of all of them are added up."""
    trace = trace_of(
        ModelReady(0.0, "far", "openai:y", False, 8000, 4, "", "https://api.example", 0.1),
        *started(1.0, "good", "bad"),
        *tried("good", 1, "x", model="far"),
        *tried("bad", 1, "x", outcome="check", decision="repair", reason="too long"),
        *tried("bad", 2, "x"),
        *finished(5.0, "good", "bad"),
    )
    good, bad = trace.find("good"), trace.find("bad")

    assert good not in trace.tries
    assert [(one.outcome, one.reason) for one in trace.tries[bad]] == [("check", "too long"), ("ok", "valid")]
    assert (trace.tokens_in[bad], trace.tokens_out[bad], trace.tried[bad]) == (100, 24, 2)
    assert [trace.is_cloud(span) for span in (good, bad)] == [True, False]


def test_a_span_takes_less_than_250_bytes() -> None:
    """With its name, what its group knows of it, and the rare things that are kept of failures."""
    ticks = count()
    events = run_events("r", lambda: 1e9 + next(ticks) * 0.005)
    trace = Trace()
    gc.collect()
    tracemalloc.start()
    try:
        for seq, event in enumerate(events):
            trace.take(event, seq)
            if len(trace) >= 20_000:
                break
        del event
        gc.collect()
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert used / len(trace) < 250


def test_what_waits_for_its_model_is_counted_by_its_parent() -> None:
    """From its beginning until something is sent, it has something inside, or it ends."""
    begun = started(1.0, "all", "all.0", "all.1", "all.2", "all.3")
    later = [*tried("all.0", 1, "x"), *finished(2.0, "all.1"), *started(2.0, "all.2.draft")]

    first, then = trace_of(*begun), trace_of(*begun, *later)

    assert first.waiting(first.find("all")) == 4
    assert then.waiting(then.find("all")) == 1
    assert then.waiting(then.find("all.2")) == 1
