"""The rows of a diff of one instance in two runs, as the command and the screen show them."""

from __future__ import annotations

from orchestrator.events import AttemptStarted, Event, StepFailed, StepFinished, StepSkipped, StepStarted
from orchestrator.report.diff_instance import instance_json, instance_rows
from orchestrator.report.diff_lines import LINES, plain, unified


def finished(asked: str, answer: str, model: str = "tiny") -> list[Event]:
    return [
        StepStarted(1, "a", "agent"),
        AttemptStarted(1, "a", 1, model, ({"role": "user", "content": asked},), 3, True, {}),
        StepFinished(2, "a", answer, {}),
    ]


def test_prompt_and_output_are_compared_line_by_line() -> None:
    """Each line has the role by which it is coloured."""
    rows = instance_rows(finished("one\ntwo", "yes"), finished("one\nthree", "no", "big"))

    pieces = [piece for row in rows for piece in row]
    assert ("tiny → big", "warn") in pieces
    assert ("    -two", "removed") in pieces
    assert ("    +three", "added") in pieces
    assert ("     one", "") in pieces


def test_the_same_and_the_missing_are_said() -> None:
    """A run that has no such instance is named."""
    events = finished("a", "b")

    assert plain(instance_rows(events, events)) == "the same"
    assert plain(instance_rows(events, [], ("r1", "r2"))) == "only in r1"
    assert plain(instance_rows([], events, ("r1", "r2"))) == "only in r2"


def test_another_end_is_an_output_too() -> None:
    """What failed or was skipped says why in its place."""
    failed: list[Event] = [StepStarted(1, "a", "agent"), StepFailed(2, "a", "check", "no source")]
    skipped: list[Event] = [StepSkipped(2, "a", "its `when` was false")]

    text = plain(instance_rows(failed, skipped))

    assert "failed → skipped" in text
    assert "-failed: no source" in text
    assert "+skipped: its `when` was false" in text


def test_an_answer_out_of_the_cache_has_no_prompt_to_compare() -> None:
    """Its record holds none; that is no difference."""
    cached: list[Event] = [StepStarted(1, "a", "agent"), StepFinished(1, "a", "b", {}, cached=True)]

    found = instance_json(finished("a", "b"), cached)

    assert found["texts"] == {}
    assert (found["before"]["cached"], found["after"]["cached"]) == (False, True)


def test_texts_of_too_many_lines_are_not_compared_line_by_line() -> None:
    """Nobody waits for it; that they differ is said."""
    long = "x\n" * (LINES + 1)

    assert unified(long, long) == []
    assert "too many" in unified(long, "x")[0]
    assert unified("a\r\nb", "a\nb") == ["@@ only the ends of lines differ @@"]
