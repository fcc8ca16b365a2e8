"""An event as one readable line."""

from __future__ import annotations

from orchestrator.events import CallFinished, StepFinished
from orchestrator.report.lines import line, short
from tests.store.samples import AT, one_of_each


def test_every_kind_of_event_has_a_line() -> None:
    """Nothing is told in two lines, whatever is in it."""
    for event in one_of_each():
        assert line(event)
        assert "\n" not in line(event)
    assert "\n" not in line(StepFinished(AT, "a\nb", "c\nd", {}, False, "e\nf"))


def test_a_value_in_short_is_one_line_that_says_when_it_was_cut() -> None:
    """Text as it is, the rest as JSON."""
    assert short("two\n  lines") == "two lines"
    assert short({"a": [1, "é"]}) == '{"a": [1, "é"]}'
    assert short("x" * 30, 10) == "xxxxxxxxx…"


def test_a_result_that_speaks_of_an_error_is_told_as_one() -> None:
    """Of a call and of its step; not of what an agent found out."""
    wrong = {"columns": [], "rows": [], "error": "there is no column n"}

    call = line(CallFinished(AT, "one", 1, "sql.query", "ok", wrong, 1.0))
    step = line(StepFinished(AT, "one", wrong, {}))
    agent = line(StepFinished(AT, "one", {"error": "E42"}, {"model": "small"}))

    assert call.endswith("(its result says: there is no column n)")
    assert step.endswith("✓ one  (its result says: there is no column n)")
    assert agent.endswith('✓ one  {"error": "E42"}')
