"""Lanes while a long record is still being looked at."""

from __future__ import annotations

from orch_tui.gantt import Gantt
from orch_tui.trace import Trace
from orchestrator.events import AttemptFinished, AttemptStarted, Event, RunResumed, StepFinished, StepStarted


def test_an_attempt_that_ended_while_it_waited_gives_its_lane_to_the_next() -> None:
    """Two attempts of one step after each other lie in one lane, also when the first was seen while it ran."""
    trace = fed(Trace(), StepStarted(0.0, "first", "agent"))
    gantt = Gantt(trace)
    gantt.update()
    fed(trace, *(StepStarted(1.0 + number, f"s{number}", "agent") for number in range(100)))
    fed(trace, AttemptStarted(200.0, "s0", 1, "tiny", (), 1, True, {}))

    gantt.update(0.0)  # looks at a part of the spans: the attempt has to wait for the others
    waited = not gantt.rows()
    fed(
        trace,
        AttemptFinished(201.0, "s0", 1, "tiny", "invalid", "repair", "", "", "", 1, 1, 0, 0.1, 0.1, 1.0),
        AttemptStarted(202.0, "s0", 2, "tiny", (), 1, True, {}),
    )
    gantt.update()

    assert waited
    assert [(name, list(lane.starts)) for name, _, lane in gantt.rows()] == [("tiny", [200.0, 202.0])]


def test_what_a_resumed_run_begins_again_takes_no_lane_more() -> None:
    """Two workers have two lanes: what began before it, and is looked at after it, does not come late."""
    trace = fed(Trace(), *value("b0", 0.0), *(StepStarted(0.2, name, "value") for name in ("a1", "a2")))
    for number in range(1, 6):
        fed(trace, *value(f"b{number}", float(number)))
    fed(trace, RunResumed(100.0, "me"), *value("a1", 100.0), *value("a2", 100.0))

    gantt = Gantt(trace)
    gantt.update()

    assert [list(lane.starts) for _, _, lane in gantt.rows()] == [
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 100.0],
        [100.0],
    ]


def value(name: str, at: float) -> list[Event]:
    return [StepStarted(at, name, "value"), StepFinished(at + 0.9, name, 1, {})]


def fed(trace: Trace, *events: Event) -> Trace:
    for event in events:
        trace.take(event, trace.state.events)
    return trace
