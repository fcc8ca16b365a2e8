"""What the data team makes of 60 held-out questions about three tables: queries whose result equals that of the right one.

    python -m benchmarks.team_data              all four kinds of help, as a Markdown table
    python -m benchmarks.team_data --limit 20   twenty questions, drawn

One plain prompt; the query of the most similar worked example; a query written freely with worked examples and a grammar
(`analyst_sql`); and `ask-table`, which builds it from columns that are found and a kind that is chosen.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from orchestrator.library import shipped_workflows

ROOT = Path(__file__).parents[1]
DATA = ROOT / "benchmarks" / "data"
FREE, BUILT = DATA / "team_data_sql.jsonl", DATA / "team_data_asked.jsonl"
NAMES = {
    "plain": "one plain prompt",
    "nearest": "nearest neighbour, no model",
    "as-is": "written freely, with help",
}


def bench(words: Sequence[str]) -> list[Mapping[str, Any]]:
    """The rows of one call of `orch bench`."""
    command = [sys.executable, "-m", "orchestrator", "bench", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    if not done.stdout.strip():
        raise SystemExit(done.stderr)
    rows: list[Mapping[str, Any]] = json.loads(done.stdout)["rows"]
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, help="only so many questions, drawn")
    wanted = parser.parse_args()
    drawn = ["--limit", str(wanted.limit)] if wanted.limit else []
    free = bench(["analyst_sql", "--cases", str(FREE), "--rungs", "plain,as-is,nearest", *drawn])
    built = bench([str(shipped_workflows()["ask-table"]), "--cases", str(BUILT), "--rungs", "as-is", *drawn])
    print("| help | questions | right | 95 % |\n| --- | ---: | ---: | ---: |")
    for name, row in [*((NAMES[one["help"]], one) for one in free), *(("ask-table", one) for one in built)]:
        low, high = row["interval"]
        print(f"| {name} | {row['cases']} | {row['right']} | {100 * low:.0f}–{100 * high:.0f} % |")


if __name__ == "__main__":
    main()
