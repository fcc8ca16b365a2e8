"""The peers as a suite among the others: measured, kept as data, and as tables."""

from __future__ import annotations

from benchmarks.peers import report
from benchmarks.peers.measure import measure, saved
from benchmarks.table import Row


def rows(*, quick: bool = False) -> list[Row]:
    """For the table of all figures; the short form leaves no data behind."""
    return report.rows(measure(quick=quick))


def write() -> None:
    """The last full measurement, into the docs."""
    report.write(*saved())
