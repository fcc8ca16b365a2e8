"""`make chaos`: random workflows killed at random, counted; every defect is told with the seed that shows it.

`python -m tests.chaos --seeds 1000 --lies 0.05` takes a thousand seeds on a store that commits and says otherwise.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.cancel import Stopped, prepare, stop_at
from tests.chaos.examples import try_examples
from tests.chaos.life import warm
from tests.chaos.trial import Count, try_everywhere, try_seed
from tests.chaos.wall import trials

COLUMNS = (
    "what", "runs", "steps", "events", "processes", "kills", "before", "after", "effect", "commit", "faults",
    "answers", "settled", "effects", "lost", "wrong end", "again", "once twice", "chain",
)  # fmt: skip
RATES = (0.01, 0.05, 0.1)
EVERYWHERE = 10
"""Workflows that are killed once at each of their boundaries."""


@dataclass(frozen=True)
class Part:
    """One row of the table."""

    name: str
    fill: Callable[[Count], None]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many random workflows (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--lies", type=float, action="append", help="only this share of lying commits")
    parser.add_argument(
        "--cancel", type=int, metavar="N", help="instead, stop so many runs at random moments"
    )
    parser.add_argument("--wall", type=int, metavar="N", help="instead, kill so many long runs by the clock")
    chosen = parser.parse_args(arguments)
    if chosen.cancel:
        return _cancel(chosen.cancel)
    if chosen.wall:
        return _wall(chosen.wall)
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        os.environ["ORCH_HOME"] = home
        empty = warm(Path(home))
        sys.stdout.write("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS) + "\n")
        counts = [_played(part) for part in _parts(chosen, empty)]
    defects = [defect for count in counts for defect in count.defects]
    for defect in defects[:50]:
        sys.stderr.write(f"DEFECT {defect}"[:1000] + "\n")
    return 1 if defects else 0


def _cancel(trials: int) -> int:
    """Half by Ctrl-C, half by `orch cancel`; a line for each way."""
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        os.environ["ORCH_HOME"] = home
        for how in ("ctrl-c", "orch cancel"):
            chance = random.Random(how)
            ended = [_stopped(chance.uniform(0.05, 4.0), how, number) for number in range(trials // 2)]
            bad = [one for one in ended if one.is_wrong]
            wrong += len(bad)
            sys.stdout.write(told(how, ended) + "\n")
            sys.stdout.flush()
            sys.stderr.writelines(f"DEFECT {how}: {one}"[:3000] + "\n" for one in bad)
    return 1 if wrong else 0


def _wall(runs: int) -> int:
    """Real processes, killed whenever it is; one line."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        os.environ["ORCH_HOME"] = home
        wall = trials(runs, Path(home))
    sys.stdout.write(wall.told() + "\n")
    sys.stderr.writelines(f"DEFECT {defect}"[:1000] + "\n" for defect in wall.defects[:50])
    return 1 if wall.defects else 0


def _stopped(moment: float, how: str, number: int) -> Stopped:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        return stop_at(Path(folder), prepare(Path(folder), number), moment, how)


def told(how: str, ended: Sequence[Stopped]) -> str:
    """One line of figures."""
    seconds = sorted(one.seconds for one in ended)
    states = Counter(one.status or "no run yet" for one in ended)
    return (
        f"{how}: {len(ended)} trials, median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s, "
        f"{sum(len(one.orphans) for one in ended)} orphans, "
        f"{sum(one.resumed == 0 for one in ended)} of {sum(one.resumed is not None for one in ended)} resumed; "
        + ", ".join(f"{count} {state}" for state, count in states.items())
    )


def _parts(chosen: argparse.Namespace, empty: Path) -> Iterable[Part]:
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    if chosen.lies:
        for rate in chosen.lies:
            yield Part(f"{rate:.0%} of commits lie", _seeds(seeds, empty, rate))
        return
    yield Part("random workflows", _seeds(seeds, empty, 0.0))
    yield Part(f"{EVERYWHERE} of them, everywhere", _everywhere(seeds[:EVERYWHERE], empty))
    yield Part("shipped examples, everywhere", _examples(empty))
    fewer = seeds[: max(1, len(seeds) // 5)]
    for rate in RATES:
        yield Part(f"{rate:.0%} of commits lie", _seeds(fewer, empty, rate))


def _seeds(seeds: Iterable[int], empty: Path, rate: float) -> Callable[[Count], None]:
    def fill(count: Count) -> None:
        for seed in seeds:
            with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
                try_seed(seed, Path(folder), count, empty, rate)

    return fill


def _examples(empty: Path) -> Callable[[Count], None]:
    def fill(count: Count) -> None:
        with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
            try_examples(Path(folder), count, empty)

    return fill


def _everywhere(seeds: Iterable[int], empty: Path) -> Callable[[Count], None]:
    def fill(count: Count) -> None:
        for seed in seeds:
            with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
                try_everywhere(seed, Path(folder), count, empty)

    return fill


def _played(part: Part) -> Count:
    count, began = Count(), time.monotonic()
    part.fill(count)
    row = {"what": part.name, **count.figures()}
    sys.stdout.write("| " + " | ".join(row[name] for name in COLUMNS) + " |\n")
    sys.stdout.flush()
    sys.stderr.write(f"{part.name}: {time.monotonic() - began:,.0f} s\n")
    return count


if __name__ == "__main__":
    sys.exit(main())
