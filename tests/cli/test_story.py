"""A run that goes on in another process is told from where it stood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.cli.story import Story
from orchestrator.events import (
    Event,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)

START = RunStarted(0.0, "r", "w", "w.yaml", "/p", "", "d", "0", {}, {}, 1)
CONTAINER = {"container": "steps"}


def items(path: str, numbers: Iterable[int], at: float) -> Iterator[Event]:
    for number in numbers:
        yield StepStarted(at, f"{path}.{number}", "agent")
        yield StepFinished(at, f"{path}.{number}", "x", {})


def resumed(before: Iterable[Event]) -> Story:
    story = Story()
    story.recall(enumerate(before))
    story.tell(RunResumed(1000.0, "me"))
    return story


def tell(story: Story, events: Iterable[Event]) -> list[str]:
    return [text for event in events for text, _ in story.tell(event)]


def test_items_of_the_process_before_count() -> None:
    """`13/30`, not `1/30`; what is left is estimated from what happens now."""
    story = resumed([START, StepStarted(0.0, "lines", "agent", 30), *items("lines", range(12), 5.0)])

    tell(story, items("lines", [12], 1004.0))
    early = story.running(1004.0, 3)
    tell(story, items("lines", [13, 14], 1006.0))

    assert early == [("lines", "lines  13/30")]
    assert story.running(1006.0, 3) == [("lines", "lines  15/30 · about 30 s left")]


def test_what_failed_is_tried_again() -> None:
    """But a null that was kept stays one, and the fan-out goes on although it had failed."""
    story = resumed(
        [
            START,
            StepStarted(0.0, "all", "steps", 5),
            StepFinished(1.0, "all.0", None, CONTAINER),
            StepFailed(1.0, "all.2", "check", "no", kept=True),
            StepFailed(1.0, "all.3", "check", "no"),
            StepFailed(1.0, "all", "check", "no"),
            RunInterrupted(2.0, "Ctrl-C"),
        ]
    )

    assert story.running(1000.0, 3) == [("all", "all  2/5 · 1 failed")]


def test_a_fan_out_that_goes_on_is_told_as_a_whole() -> None:
    """One that had ended is not told again."""
    fans: list[Event] = [StepStarted(0.0, name, "agent", 2) for name in ("old", "new")]
    end = StepFinished(5.0, "old", None, CONTAINER)
    story = resumed([START, *fans, *items("old", [0, 1], 4.0), end, *items("new", [0], 5.0)])

    lines = tell(story, [*items("new", [1], 1002.0), StepFinished(1003.0, "new", None, CONTAINER)])

    assert [line.split("  ")[0] for line in lines] == ["✓ new.1", "✓ new"]
    assert "2 items" in lines[-1]


def test_a_fan_out_inside_a_group_that_went_on_without_it_runs_no_more() -> None:
    """Its group has a value in the place of the error."""
    story = Story()

    tell(story, [StepStarted(0.0, "g.f", "agent", 3), StepFailed(1.0, "g.f", "check", "no")])
    tell(story, [StepFinished(1.0, "g", None, {}, handled="no")])

    assert story.running(2.0, 3) == []


def test_a_resumed_run_says_what_was_done_and_takes_the_time_of_both() -> None:
    """The night between is not counted."""
    story = Story()
    story.recall(enumerate([START, *items("a", [0, 1], 5.0), RunInterrupted(6.0, "Ctrl-C")]))

    lines = tell(story, [RunResumed(1000.0, "me")])

    assert lines == ["resumed; done before: 2 steps"]
    assert story.headline(1001.0, 0.0) == "… 0/1 steps · 7.0 s"
    story.tell(RunFinished(1002.0, "x"))
    assert story.summary.seconds == 8.0


def test_a_run_that_goes_on_in_the_same_process_counts_on() -> None:
    """Somebody answered while it ended: no recall, and nothing is lost."""
    story = Story()
    tell(story, [START, StepStarted(0.0, "f", "agent", 3), *items("f", [0], 1.0), RunResumed(9.0, "me")])

    tell(story, items("f", [1], 10.0))

    assert story.running(10.0, 3) == [("f", "f  2/3")]


def test_a_tool_whose_result_speaks_of_an_error_says_so_in_its_line() -> None:
    """It is a value and the run goes on, but nobody should take it for an answer; of an agent it may be one."""
    told = tell(
        Story(),
        [
            START,
            StepStarted(0.0, "totals", "tool"),
            StepFinished(1.0, "totals", {"rows": [], "error": f"no column\n{'x' * 200}"}, {}),
            StepStarted(1.0, "good", "tool"),
            StepFinished(2.0, "good", {"rows": [], "error": None}, {}),
            StepStarted(2.0, "agent", "agent"),
            StepFinished(3.0, "agent", {"error": "E42"}, {"model": "small"}),
        ],
    )

    assert told == [
        f"✓ totals  1.0 s  (its result says: no column {'x' * 89}…)",
        "✓ good  1.0 s",
        "✓ agent  1.0 s",
    ]
