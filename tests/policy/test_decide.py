"""The order of decision, row by row: privacy before offline before budget before faults before the step's own rule."""

from __future__ import annotations

from itertools import product

import pytest

from orchestrator.policy.escalate import Case, Choice, Decision, Ground, Rule, carried, decide

TABLE: list[tuple[bool, bool, bool, bool, bool, Choice, Ground | None]] = [
    # wants, private, offline, over budget, down -> what happens, and what decided (None: the step's own rule)
    (False, False, False, False, False, "keep", None),
    (False, False, False, False, True, "keep", None),
    (False, False, False, True, False, "keep", None),
    (False, False, False, True, True, "keep", None),
    (False, False, True, False, False, "keep", None),
    (False, False, True, False, True, "keep", None),
    (False, False, True, True, False, "keep", None),
    (False, False, True, True, True, "keep", None),
    (False, True, False, False, False, "keep", None),
    (False, True, False, False, True, "keep", None),
    (False, True, False, True, False, "keep", None),
    (False, True, False, True, True, "keep", None),
    (False, True, True, False, False, "keep", None),
    (False, True, True, False, True, "keep", None),
    (False, True, True, True, False, "keep", None),
    (False, True, True, True, True, "keep", None),
    (True, False, False, False, False, "climb", None),
    (True, False, False, False, True, "stay", "fault"),
    (True, False, False, True, False, "stay", "budget"),
    (True, False, False, True, True, "stay", "budget"),
    (True, False, True, False, False, "stay", "offline"),
    (True, False, True, False, True, "stay", "offline"),
    (True, False, True, True, False, "stay", "offline"),
    (True, False, True, True, True, "stay", "offline"),
    (True, True, False, False, False, "refuse", "privacy"),
    (True, True, False, False, True, "refuse", "privacy"),
    (True, True, False, True, False, "refuse", "privacy"),
    (True, True, False, True, True, "refuse", "privacy"),
    (True, True, True, False, False, "refuse", "privacy"),
    (True, True, True, False, True, "refuse", "privacy"),
    (True, True, True, True, False, "refuse", "privacy"),
    (True, True, True, True, True, "refuse", "privacy"),
]
RULES: tuple[Rule, ...] = ("before", "when", "failed")


def test_the_table_has_every_row() -> None:
    """Nothing is left to what somebody thinks goes without saying."""
    assert [row[:5] for row in TABLE] == list(product((False, True), repeat=5))


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("row", TABLE, ids=lambda row: "".join("01"[fact] for fact in row[:5]))
def test_each_row_of_the_order(
    row: tuple[bool, bool, bool, bool, bool, Choice, Ground | None], rule: Rule
) -> None:
    """Whatever the rule of the step is."""
    wants, private, offline, over, down, choice, ground = row

    decision = decide(
        Case(rule, wants, "too private" * private, offline, "too dear" * over, "no answer" * down),
        "cloud",
        "why",
    )

    begins = choice == "keep" and rule == "before"
    assert decision.choice == ("local" if begins else choice)
    assert decision.rule == (ground or rule)
    assert decision.reason


def test_the_reason_is_that_of_what_decided() -> None:
    """Not of what would have decided otherwise."""
    case = Case("when", wants=True, refused="it is private", budget="it is too dear")

    assert decide(case, "cloud", "x is true") == Decision("refuse", "privacy", "it is private")


def test_nothing_is_carried_along_unless_it_is_there_and_asked_for() -> None:
    """`carry` names parts; an attempt that left none gives none."""
    assert carried((), "42", "no number") == {}
    assert carried(("answer", "errors"), "42", "") == {"answer": "42"}
    assert carried(("errors", "tool_results"), "42", "no number") == {"errors": "no number"}
