"""`make bench`: every figure the project reports about itself, measured on this machine, as a Markdown table.

Absolute times are noisy; ratios are taken within one run, from alternating repetitions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import partial

from benchmarks import engine, hybrid, knowledge, scale, screen, startup, throughput
from benchmarks.table import Row, as_markdown

SUITES: dict[str, Callable[[], list[Row]]] = {
    "startup": startup.measure,
    "engine": engine.measure,
    "scale": scale.measure,
    "gate": hybrid.gate,
    "throughput": throughput.measure,
    "knowledge": knowledge.measure,
    "screen": screen.measure,
}
QUICK: dict[str, Callable[[], list[Row]]] = {
    "screen": partial(screen.measure, quick=True),
    "scale": partial(scale.measure, quick=True),
}
"""Suites that have a shorter form: fewer cases and shorter looks, good for a comparison while working."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="which; all when none is named")
    parser.add_argument(
        "--quick", action="store_true", help="the shorter form of suites that have one (scale, screen)"
    )
    arguments = parser.parse_args()
    suites = {**SUITES, **QUICK} if arguments.quick else SUITES
    rows: list[Row] = []
    for name in arguments.suite or list(SUITES):
        print(f"measuring {name} …", file=sys.stderr)
        rows += suites[name]()
    print(as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
