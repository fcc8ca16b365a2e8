"""Intervals, percentiles, the table and the picture of a measurement."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as some

from orchestrator.money import Price
from orchestrator.report.score import Measured, Row, Table, as_data, percentile, table, wilson
from orchestrator.report.score_picture import html, svg

PRICE = Price(1.0, 2.0)


def row(right: int = 3, of: int = 4, **more: object) -> Row:
    measured = tuple(
        Measured(n + 1, 0, True, n < right, 0.1 * (n + 1), "x", "", 1, 10, 5, 0.5, 0, 10, 5)
        for n in range(of)
    )
    facts = {
        "subject": "router",
        "rung": "as-is",
        "model": "llamacpp:tiny",
        "planned": of,
        "measured": measured,
    }
    return Row(**{**facts, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("right", "trials", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (81, 263, 0.2553, 0.3662), (10, 10, 0.7225, 1.0)],
)
def test_the_interval_is_that_of_wilson(right: int, trials: int, low: float, high: float) -> None:
    """Values of the literature (Newcombe 1998 for 81 of 263)."""
    assert wilson(right / trials, trials) == pytest.approx((low, high), abs=5e-5)


@given(some.integers(0, 500), some.integers(1, 500))
def test_the_share_lies_in_its_interval(right: int, more: int) -> None:
    """For any count."""
    share, trials = right / (right + more), right + more
    low, high = wilson(share, trials)

    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_nothing_measured_says_nothing() -> None:
    """Everything is possible."""
    assert wilson(0.0, 0) == (0.0, 1.0)
    assert percentile([], 0.5) is None


def test_percentiles_lie_between_their_neighbours() -> None:
    """Of one value it is that value."""
    assert percentile([4.0], 0.95) == 4.0
    assert percentile([1.0, 3.0], 0.5) == 2.0
    assert percentile([5.0, 1.0, 2.0, 4.0, 3.0], 0.95) == pytest.approx(4.8)


def test_repeats_of_a_case_do_not_narrow_the_interval() -> None:
    """The same case again is no new evidence."""
    once = row(2, 4)
    again = tuple(Measured(one.case, 1, one.valid, one.right, one.seconds) for one in once.measured)
    twice = row(2, 4, planned=8, measured=(*once.measured, *again))

    assert twice.cases == 4
    assert twice.interval == once.interval


def test_the_table_holds_a_line_for_each_row() -> None:
    """What was not measured says why, what is not complete how far it came."""
    found = Table((row(), row(planned=9), row(measured=(), problem="no such model")), ("openai:big", PRICE))

    header, lines = table(found)

    assert header[-1] == "BY big"
    assert lines[0][:8] == (
        "router",
        "as-is",
        "llamacpp:tiny",
        "4",
        "75.0 %",
        "30.1–95.4 %",
        "100.0 %",
        "250 ms",
    )
    assert lines[0][-2:] == ("$0", "$0.000080")
    assert lines[1][3] == "4/9"
    assert lines[2][-1] == "no such model"


def test_the_data_hold_every_answer() -> None:
    """As JSON, with the price that is compared with."""
    data = json.loads(json.dumps(as_data(Table((row(),), ("openai:big", PRICE), {"seed": 7}))))

    assert (data["seed"], data["against"]["model"]) == (7, "openai:big")
    assert data["rows"][0]["score"] == 0.75
    assert data["rows"][0]["tokens_per_second"] == 10.0
    assert [one["right"] for one in data["rows"][0]["answers"]] == [True, True, True, False]


def test_a_picture_escapes_names() -> None:
    """What is written in files is never markup."""
    found = Table(
        (row(subject="<script>alert(1)</script>", model="x:<b>"), row(measured=(), problem="<i>")), None
    )

    picture, page = svg(found), html(found)

    ElementTree.fromstring(picture)
    for text in (picture, page):
        assert "<script>" not in text
        assert "<b>" not in text
    assert "&lt;i&gt;" in page


def test_a_picture_of_nothing_is_one() -> None:
    """Nothing measured, and still valid XML."""
    ElementTree.fromstring(svg(Table()))
