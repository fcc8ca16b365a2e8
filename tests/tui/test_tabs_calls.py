"""What the tabs tell of calls of tools."""

from __future__ import annotations

from typing import Any

from orch_tui.tabs.attempts import attempts
from orch_tui.tabs.output import output
from orch_tui.tabs.page import Page
from orch_tui.tabs.prompt import prompt
from orch_tui.tabs.span import Span
from orch_tui.text import plain
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    CallFinished,
    CallStarted,
    Event,
    StepFinished,
    StepStarted,
)
from tests.tui.recorded import HOSTILE

MADE = {"name": "plot.png", "media_type": "image/png", "sha256": "a" * 64, "bytes": 2048}


def called(number: int = 1, **how: Any) -> list[Event]:
    ended = {"outcome": "ok", "value": {"exit": 0}, "seconds": 0.5, **how}
    return [
        CallStarted(1.0, "one", number, "python", {"code": "print(1)"}, "none"),
        CallFinished(1.5, "one", number, "python", **ended),
    ]


def span(verb: str, *events: Event, **more: Any) -> Span:
    return Span("r1", "one", verb, events=tuple(enumerate(events)), **more)


def text(page: Page) -> str:
    return "\n".join(plain(row) for row in page.rows)


def tool_step(*events: Event) -> Span:
    begun, done = StepStarted(1.0, "one", "tool"), StepFinished(2.0, "one", {"exit": 0}, {})
    return span("tool", begun, *events, done)


def test_the_prompt_of_a_tool_step_is_what_the_tool_is_called_with() -> None:
    """No model read anything."""
    shown = text(prompt(tool_step(*called()), 80))

    assert "python  is called with" in shown
    assert "print(1)" in shown


def test_the_attempts_of_a_tool_step_are_its_calls() -> None:
    """With what went wrong."""
    shown = text(attempts(tool_step(*called(outcome="error", value=None, message="busy"), *called(2)), 80))

    assert "✗ Call 1  python" in shown
    assert "error: busy" in shown
    assert "✓ Call 2  python" in shown


def test_the_output_of_a_tool_step_names_the_files_that_it_made() -> None:
    """And the command that says where they lie."""
    shown = text(output(tool_step(*called(artifacts=(MADE,))), 80))

    assert "plot.png  image/png, 2" in shown
    assert "orch show r1 one" in shown


def test_the_attempts_of_an_agent_have_its_calls_between_them() -> None:
    """Each behind the answer that chose it."""
    asked = AttemptStarted(0.5, "one", 1, "tiny", (), 3, True, {})
    chose = AttemptFinished(
        0.9, "one", 1, "tiny", "ok", "call", "calls python", "{}", "", 3, 2, 0, 0.4, None, None
    )
    events = [asked, chose, *called(value={"stdout": "1"}), asked]

    shown = text(attempts(span("agent", *events, live=True), 80))

    assert (
        shown.index("Attempt 1")
        < shown.index("Call 1  python")
        < shown.index("stdout")
        < shown.index("Attempt 2")
    )


def test_a_choice_out_of_the_cache_is_called_one() -> None:
    """No attempt stands before such a call; one that a model chose just now says nothing of it."""
    asked = AttemptStarted(0.5, "one", 1, "tiny", (), 3, True, {})
    chose = AttemptFinished(
        0.9, "one", 1, "tiny", "ok", "call", "calls python", "{}", "", 3, 2, 0, 0.4, None, None
    )
    begun = StepStarted(0.1, "one", "agent")

    known = text(attempts(span("agent", begun, *called()), 80))
    chosen = text(attempts(span("agent", begun, asked, chose, *called()), 80))

    assert "the choice was in the cache" in known
    assert "the choice was in the cache" not in chosen


def test_a_call_of_which_nobody_knows_says_so() -> None:
    """Not that it failed."""
    shown = text(attempts(span("tool", *called()[:1], status="stopped"), 80))

    assert "nobody knows whether it happened" in shown


def test_what_tools_give_is_only_text() -> None:
    """Names of files, results and messages alike."""
    bad = "\n".join(HOSTILE)
    events = called(value={bad: bad}, message=bad, artifacts=({**MADE, "name": bad},))

    for tab in (output, prompt, attempts):
        for verb in ("agent", "tool"):
            shown = text(tab(span(verb, *events), 40))
            assert not {"\x1b", "\x07", "\x9b", "\r"} & set(shown)
