"""`make bench`: every figure the project reports about itself, measured on this machine, as a Markdown table.

Absolute times are noisy; ratios are taken within one run, from alternating repetitions. `peers` does the same work with
other orchestrators, in an environment of their own that is made when first asked for.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import (
    engine,
    flood,
    hybrid,
    knowledge,
    scale,
    screen,
    startup,
    swaps,
    team_scheduling,
    throughput,
)
from benchmarks.peers import suite as peers
from benchmarks.table import Row, as_markdown

SUITES: dict[str, Callable[[], list[Row]]] = {
    "startup": startup.measure,
    "engine": engine.measure,
    "scale": scale.measure,
    "flood": flood.measure,
    "peers": peers.rows,
    "gate": hybrid.gate,
    "throughput": throughput.measure,
    "scheduling": team_scheduling.measure,
    "swaps": swaps.measure,
    "knowledge": knowledge.measure,
    "screen": screen.measure,
}
QUICK: dict[str, Callable[[], list[Row]]] = {
    "screen": partial(screen.measure, quick=True),
    "scale": partial(scale.measure, quick=True),
    "flood": partial(flood.measure, quick=True),
    "peers": partial(peers.rows, quick=True),
    "scheduling": partial(team_scheduling.measure, (8,), 1),
}
"""Suites that have a shorter form: fewer cases and shorter looks, good for a comparison while working."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="which; all when none is named")
    parser.add_argument(
        "--quick", action="store_true", help=f"the shorter form of suites that have one ({', '.join(QUICK)})"
    )
    parser.add_argument(
        "--write",
        action="store_true",
        help="put what is known of the peers into docs/figures.md and its picture",
    )
    arguments = parser.parse_args()
    suites = {**SUITES, **QUICK} if arguments.quick else SUITES
    rows: list[Row] = []
    for name in arguments.suite or list(SUITES):
        print(f"measuring {name} …", file=sys.stderr)
        rows += suites[name]()
    print(as_markdown(rows))
    if arguments.write:
        peers.write()
    return 0


if __name__ == "__main__":
    sys.exit(main())
