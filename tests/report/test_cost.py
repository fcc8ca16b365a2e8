"""What runs cost, and what they would have cost elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Decided,
    Event,
    ModelReady,
    RunResumed,
    StepFinished,
)
from orchestrator.money import Price
from orchestrator.report.cost import Line, all_cloud, kept_local, saved, table, total
from orchestrator.report.summary import summary

LOCAL = ModelReady(0.0, "small", "llamacpp:x", True, 2048, 4, "", "", 0.5)
CLOUD = ModelReady(0.0, "big", "openai:y", False, 8192, 1, "", "https://api.example", 0.0)
DEAR = Price(1.0, 10.0)


def attempt(
    path: str,
    model: str = "small",
    decision: Literal["keep", "repair", "fail", "escalate"] = "keep",
    *,
    tokens: tuple[int, int] = (100, 10),
    cost: int = 0,
    reserved: int = 0,
    outcome: Literal["ok", "invalid", "error"] = "ok",
) -> list[Event]:
    begun = AttemptStarted(1.0, path, 1, model, (), 5, True, {}, intent=model == "big", reserved=reserved)
    ended = AttemptFinished(
        2.0, path, 1, model, outcome, decision, "", "x", "", *tokens, 0, 1.0, None, None, cost=cost
    )
    return [begun, ended]


def lines(*events: Sequence[Event]) -> dict[tuple[str, str], Line]:
    return summary([LOCAL, CLOUD, *(event for group in events for event in group)]).spending.all_lines()


def test_calls_and_amounts_are_counted_by_step_and_model() -> None:
    """Items of a step are one line; each model has its own."""
    found = lines(attempt("sort.0"), attempt("sort.1"), attempt("sort.1", "big", cost=7, reserved=9))

    assert {key: (line.calls, line.cost, line.local) for key, line in found.items()} == {
        ("sort", "small"): (2, 0, True),
        ("sort", "big"): (1, 7, False),
    }


def test_only_the_attempt_that_counted_is_priced_elsewhere() -> None:
    """A bigger model is taken to need neither the repair nor the lower rung."""
    found = lines(
        attempt("a", decision="repair"),
        attempt("a", decision="escalate"),
        attempt("a", "big", tokens=(120, 20), cost=5, reserved=5),
    )
    whole = total(found.values())

    assert (whole.calls, whole.answers) == (3, 1)
    assert all_cloud(whole, DEAR) == 120 * 1000 + 20 * 10_000


def test_an_answer_that_stood_because_the_cloud_was_down_counts_once() -> None:
    """The tokens of the local answer are those that counted."""
    found = lines(
        attempt("a", decision="escalate"), attempt("a", "big", "fail", tokens=(0, 0), outcome="error")
    )
    whole = total(found.values())

    assert (whole.answers, whole.answer_prompt, whole.answer_completion) == (1, 100, 10)


def test_the_model_that_gave_the_value_is_the_one_that_counted() -> None:
    """Also when a bigger one was asked last: its answer was invalid, or it never came."""
    ended = [StepFinished(3.0, "a", "x", {"model": "small"})]
    found = lines(attempt("a", decision="escalate"), attempt("a", "big", "fail", outcome="invalid"), ended)

    assert {key: line.answers for key, line in found.items()} == {("a", "small"): 1, ("a", "big"): 0}
    assert kept_local(found.values()) == (1, 1)


def test_calls_without_a_bill_are_told_with_what_they_may_have_cost() -> None:
    """A crash cut them off: the budget counts them as spent, so nobody may think that they were free."""
    begun = attempt("a", "big", reserved=9)[:1]
    again = Decided(1.5, "a", "again", "fault", "", "big", reserved=9)

    whole = total(lines([*begun, again]).values())
    after = total(lines([*begun, RunResumed(2.0, "me")], attempt("a", "big", cost=4, reserved=9)).values())

    assert (whole.calls, whole.cost, whole.open_calls, whole.open_cost) == (0, 0, 1, 18)
    assert (after.calls, after.cost, after.open_calls, after.open_cost) == (1, 4, 1, 9)
    assert "1 call without a bill" in saved(after, DEAR, "y")


def test_what_was_sent_again_is_no_overrun() -> None:
    """Each time has a reservation of its own."""
    begun, ended = attempt("a", "big", cost=15, reserved=9)
    again = Decided(1.5, "a", "again", "fault", "", "big", reserved=9)

    assert total(lines([begun, again, ended]).values()).overruns == 0


def test_a_bill_above_its_reservation_is_an_overrun() -> None:
    """Counted, so that nobody learns of it from the invoice."""
    found = lines(attempt("a", "big", cost=10, reserved=9), attempt("b", "big", cost=9, reserved=9))

    assert total(found.values()).overruns == 1


def test_the_share_kept_local_is_of_answers() -> None:
    """A climbed step is not kept local, however often the local model tried."""
    found = lines(attempt("a"), attempt("b", decision="escalate"), attempt("b", "big"))

    assert kept_local(found.values()) == (1, 2)


def test_what_was_saved_is_said_in_a_sentence() -> None:
    """And nothing is said when nobody answered."""
    whole = total(lines(attempt("a"), attempt("b", "big", cost=4_000_000)).values())

    assert saved(whole, DEAR, "big-y") == "$0.0040 spent; about $0.00040 if big-y had done it all"
    assert saved(Line(), DEAR, "big-y") == ""
    assert saved(replace(whole, cost=0), DEAR, "y").startswith("nothing spent; about ")


def test_the_table_has_a_column_for_the_other_model() -> None:
    """Only when there is a price to compare with."""
    rows = [("sort", total(lines(attempt("sort")).values()))]

    assert table(rows, DEAR, "y")[1] == [("sort", "1", "1", "100", "10", "$0", "$0.00020")]
    assert len(table(rows, None, "y")[0]) == 6
