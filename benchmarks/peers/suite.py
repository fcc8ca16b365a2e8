"""The peers as a suite among the others: measured, kept as data, and as tables."""

from __future__ import annotations

import os

from benchmarks.peers import report
from benchmarks.peers.measure import measure, save, saved
from benchmarks.table import Row


def rows(*, quick: bool = False) -> list[Row]:
    """For the table of all figures; the short form leaves no data behind."""
    found = measure(quick=quick)
    if not quick:
        save(found, os.getloadavg()[1])
    return report.rows(found)


def write() -> None:
    """The last full measurement, into the docs."""
    report.write(*saved())
