"""The table and the picture of the peers: ratios within a round, and whoever could not be measured is said."""

from __future__ import annotations

from xml.etree import ElementTree

from benchmarks.peers.measure import Series
from benchmarks.peers.report import markdown, rows, svg

FOUND = [
    Series("orch", "chain", 300, cpu=[40.0, 50.0, 44.0], wall=[41.0, 60.0, 45.0]),
    Series("langgraph", "chain", 300, cpu=[400.0, 450.0, 440.0], wall=[500.0, 460.0, 470.0]),
    Series("haystack", "chain", 300, why="no such version"),
]


def test_a_ratio_is_taken_within_its_round() -> None:
    """Median and range of 10, 9 and 10."""
    assert "| LangGraph | 440 | 470 | 10 x, 9–10 |" in markdown(FOUND, load=1.0)


def test_a_peer_that_is_not_there_is_in_the_table_with_the_reason() -> None:
    """In both tables, last."""
    assert "| Haystack | – | – | – | no such version |" in markdown(FOUND, load=1.0)
    assert [row.spread for row in rows(FOUND) if "Haystack" in row.what] == ["no such version"]


def test_a_busy_machine_is_told() -> None:
    """And a quiet one is not called busy."""
    assert "other work was going on" in markdown(FOUND, load=6.0)
    assert "other work was going on" not in markdown(FOUND, load=1.0)


def test_the_picture_has_a_bar_for_everyone_that_was_measured() -> None:
    """The page and two bars."""
    bars = ElementTree.fromstring(svg(FOUND)).iter("{http://www.w3.org/2000/svg}rect")

    assert [bar.get("class") for bar in bars] == ["page", "ours", "bar"]
