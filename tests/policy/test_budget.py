"""The ledger: nothing begins without a full reservation, and everything is counted exactly."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import BudgetExceeded
from orchestrator.messages import Image, Message, Request
from orchestrator.money import Price
from orchestrator.policy.budget import Ledger, Worst, overrun, prompt_bound, worst_of_cloud

CENT = 10_000_000


def test_a_reservation_above_what_is_left_is_refused_and_changes_nothing() -> None:
    """What running calls may still spend is not left."""
    ledger = Ledger(usd=5 * CENT)
    ledger.reserve(Worst(10, 3 * CENT, cloud=True))

    with pytest.raises(BudgetExceeded, match=r"\$0\.05.*\$0\.03.*\$0\.03"):
        ledger.reserve(Worst(10, 3 * CENT, cloud=True))

    assert (ledger.held, ledger.paid, ledger.left, ledger.calls) == (3 * CENT, 0, 2 * CENT, 1)


def test_what_a_call_did_not_use_is_left_again() -> None:
    """Settled is what was billed."""
    ledger = Ledger(usd=5 * CENT)
    worst = Worst(10, 3 * CENT, cloud=True)
    ledger.reserve(worst)

    ledger.settle(worst, 4, CENT)

    assert (ledger.left, ledger.held, ledger.paid) == (4 * CENT, 0, CENT)


def test_local_calls_cost_no_dollars() -> None:
    """A budget of nothing keeps everything local."""
    ledger = Ledger(usd=0, cloud_calls=0)

    ledger.reserve(Worst(1000))

    with pytest.raises(BudgetExceeded, match="all are used"):
        ledger.reserve(Worst(1, 0, cloud=True))


def test_a_model_without_a_price_is_refused_under_a_budget_in_dollars() -> None:
    """And only there."""
    unknown = Worst(10, None, cloud=True)

    Ledger(cloud_calls=1).reserve(unknown)

    with pytest.raises(BudgetExceeded, match="nobody knows"):
        Ledger(usd=CENT).reserve(unknown)


def test_a_closed_way_out_stays_closed() -> None:
    """For calls off this machine; the others go on."""
    ledger = Ledger(closed="a bill was too large")

    ledger.reserve(Worst(10))

    with pytest.raises(BudgetExceeded, match="a bill was too large"):
        ledger.reserve(Worst(10, 0, cloud=True))


@given(
    limit=st.integers(0, 50),
    calls=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20), st.booleans()), max_size=40),
)
def test_bills_within_their_reservations_never_come_to_more_than_the_budget(
    limit: int, calls: list[tuple[int, int, bool]]
) -> None:
    """Whatever is open at once and whenever it ends; and in the end nothing is held."""
    ledger, open_calls = Ledger(usd=limit), []
    for most, billed, ends in calls:
        worst = Worst(1, most, cloud=True)
        if ledger.forbids(worst) is None:
            ledger.reserve(worst)
            open_calls.append((worst, min(billed, most)))
        assert ledger.paid + ledger.held <= limit
        if ends and open_calls:
            ended, price = open_calls.pop(0)
            ledger.settle(ended, 1, price)
    for ended, price in open_calls:
        ledger.settle(ended, 1, price)

    assert ledger.held == ledger.reserved == 0
    assert ledger.paid <= limit


@given(st.text(), st.text())
def test_no_tokenizer_makes_more_tokens_than_the_bound(system: str, user: str) -> None:
    """A token is at least one byte; the frame of each message is counted beside its text."""
    request = Request((Message("system", system), Message("user", user)), 100)

    assert prompt_bound(request) >= len((system + user).encode("utf-8", "surrogatepass")) + 2 * 4


def test_schema_and_images_are_part_of_the_bound() -> None:
    """Some servers put the schema into the prompt; an image costs far more tokens than its name."""
    plain = Request((Message("user", "hi"),), 100)
    schema = {"type": "string", "enum": ["a", "b"]}
    seen = Request((Message("user", "hi", (Image(b"x", "image/png"),)),), 100)

    assert prompt_bound(replace(plain, schema=schema)) == prompt_bound(plain) + len(json.dumps(schema))
    assert prompt_bound(seen) >= prompt_bound(plain) + 10_000


def test_the_worst_case_is_the_bound_and_the_longest_answer_at_their_prices() -> None:
    """In nano-dollars: a token at $1 per million is a thousand."""
    request = Request((Message("user", "hi"),), 100)

    worst = worst_of_cloud(request, Price(1, 2))

    assert worst == Worst(prompt_bound(request) + 100, prompt_bound(request) * 1000 + 100 * 2000, cloud=True)
    assert worst_of_cloud(request, None).usd is None


@pytest.mark.parametrize(
    ("tokens", "usd", "over"), [(10, 5, False), (10, 6, True), (11, 5, True), (9, 0, False)]
)
def test_an_overrun_is_a_bill_above_its_reservation(tokens: int, usd: int, over: bool) -> None:
    """Of money or of tokens."""
    assert bool(overrun(Worst(10, 5, cloud=True), tokens, usd)) is over
