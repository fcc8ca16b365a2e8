"""`make bench`: every figure the project reports about itself, measured on this machine, as a Markdown table.

Absolute times are noisy; ratios are taken within one run, from alternating repetitions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from benchmarks import engine, startup, throughput
from benchmarks.table import Row, as_markdown

SUITES: dict[str, Callable[[], list[Row]]] = {
    "startup": startup.measure,
    "engine": engine.measure,
    "throughput": throughput.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="*", choices=[*SUITES, []], help="which; all when none is named")
    chosen = parser.parse_args().suite or list(SUITES)
    rows: list[Row] = []
    for name in chosen:
        print(f"measuring {name} …", file=sys.stderr)
        rows += SUITES[name]()
    print(as_markdown(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
