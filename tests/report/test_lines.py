"""An event as one readable line."""

from __future__ import annotations

from orchestrator.events import StepFinished
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
