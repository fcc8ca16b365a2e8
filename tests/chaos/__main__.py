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
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from tests.chaos.cancel import Stopped, own_home, prepare, still_computing, stop_at
from tests.chaos.examples import shown, try_example
from tests.chaos.left import adopt
from tests.chaos.life import warm
from tests.chaos.trial import Count, try_everywhere, try_seed
from tests.chaos.wall import trials

COLUMNS = (
    "what", "runs", "steps", "events", "processes", "kills", "before", "after", "effect", "commit", "faults",
    "answers", "settled", "effects", "lost", "wrong end", "again", "once twice", "chain",
)  # fmt: skip
RATES = (0.01, 0.05, 0.1)
LOADING = 4
"""One of so many trials is stopped while the command loads, the others once the run has begun."""
GOAL = 2.0
"""Seconds in which a run that is told to stop ends, on a machine that is not busy."""
EVERYWHERE = 10
"""Workflows that are killed once at each of their boundaries."""


Fill = Callable[[Count], None]


@dataclass(frozen=True)
class Part:
    """One row of the table: pieces of work that know nothing of each other."""

    name: str
    pieces: Sequence[Fill]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=1000, help="how many random workflows (1000)")
    parser.add_argument("--first", type=int, default=0, help="the first seed (0)")
    parser.add_argument("--lies", type=float, action="append", help="only this share of lying commits")
    parser.add_argument(
        "--cancel", type=int, metavar="N", help="instead, stop so many runs at random moments"
    )
    parser.add_argument(
        "--embedded", action="store_true", help="those have a model on a host of this machine"
    )
    parser.add_argument("--wall", type=int, metavar="N", help="instead, kill so many long runs by the clock")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once (the cores)")
    parser.add_argument("--only", default="", metavar="WORD", help="only the rows whose name holds this")
    chosen = parser.parse_args(arguments)
    if chosen.cancel:
        return _cancel(chosen.cancel, embedded=chosen.embedded)
    if chosen.wall:
        return _wall(chosen.wall)
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        os.environ["ORCH_HOME"] = home
        empty = warm(Path(home))
        sys.stdout.write("| " + " | ".join(COLUMNS) + " |\n|" + " --- |" * len(COLUMNS) + "\n")
        sys.stdout.flush()
        counts = [_played(part, chosen.jobs) for part in _parts(chosen, empty)]
    defects = [defect for count in counts for defect in count.defects]
    for defect in defects[:50]:
        sys.stderr.write(f"DEFECT {defect}"[:1000] + "\n")
    return 1 if defects else 0


def _cancel(trials: int, *, embedded: bool) -> int:
    """Half by Ctrl-C, half by `orch cancel`; a line for each way."""
    wrong = 0
    with own_home() as hosts:
        for how in ("ctrl-c", "orch cancel"):
            chance = random.Random(how)
            moments = [chance.uniform(0.05, 4.0) for _ in range(trials // 2)]
            ended = [_stopped(moment, how, number, embedded) for number, moment in enumerate(moments)]
            busy = still_computing(hosts)
            bad = [one for one in ended if one.is_wrong]
            wrong += len(bad) + len(busy)
            sys.stdout.write(told(how, ended) + (f", {len(busy)} hosts busy" if embedded else "") + "\n")
            sys.stdout.flush()
            sys.stderr.writelines(f"DEFECT {how}: {one}"[:3000] + "\n" for one in [*bad, *busy])
    return 1 if wrong else 0


def _wall(runs: int) -> int:
    """Real processes, killed whenever it is; one line."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as home:
        os.environ["ORCH_HOME"] = home
        wall = trials(runs, Path(home))
    sys.stdout.write(wall.told() + "\n")
    sys.stderr.writelines(f"DEFECT {defect}"[:1000] + "\n" for defect in wall.defects[:50])
    return 1 if wall.defects else 0


def _stopped(moment: float, how: str, number: int, embedded: bool) -> Stopped:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        mark = prepare(Path(folder), number, embedded=embedded)
        return stop_at(Path(folder), mark, moment, how, begun=number % LOADING != 0)


def told(how: str, ended: Sequence[Stopped]) -> str:
    """One line of figures."""
    seconds = sorted(one.seconds for one in ended)
    starting = sorted(one.starting for one in ended)[len(ended) // 2]
    states = Counter(one.status or "no run yet" for one in ended)
    return (
        f"{how}: {len(ended)} trials, median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s, "
        f"{'' if how == 'ctrl-c' else f'{starting:.2f} s of it the command itself, '}"
        f"{sum(one > GOAL for one in seconds)} above {GOAL:g} s, "
        f"{sum(len(one.orphans) for one in ended)} orphans, "
        f"{sum(one.resumed == 0 for one in ended)} of {sum(one.resumed is not None for one in ended)} resumed; "
        + ", ".join(f"{count} {state}" for state, count in states.items())
    )


def _parts(chosen: argparse.Namespace, empty: Path) -> Iterable[Part]:
    return [part for part in _all_parts(chosen, empty) if chosen.only in part.name]


def _all_parts(chosen: argparse.Namespace, empty: Path) -> Iterable[Part]:
    seeds = range(chosen.first, chosen.first + chosen.seeds)
    if chosen.lies:
        for rate in chosen.lies:
            yield Part(f"{rate:.0%} of commits lie", [_seed(seed, empty, rate) for seed in seeds])
        return
    yield Part("random workflows", [_seed(seed, empty, 0.0) for seed in seeds])
    yield Part(f"{EVERYWHERE} of them, everywhere", [_everywhere(seed, empty) for seed in seeds[:EVERYWHERE]])
    yield Part("shipped examples, everywhere", [_example(example, empty) for example in shown()])
    fewer = seeds[: max(1, len(seeds) // 5)]
    for rate in RATES:
        yield Part(f"{rate:.0%} of commits lie", [_seed(seed, empty, rate) for seed in fewer])


def _seed(seed: int, empty: Path, rate: float) -> Fill:
    return lambda count: in_folder(lambda folder: try_seed(seed, folder, count, empty, rate))


def _everywhere(seed: int, empty: Path) -> Fill:
    return lambda count: in_folder(lambda folder: try_everywhere(seed, folder, count, empty))


def _example(example: Path, empty: Path) -> Fill:
    return lambda count: in_folder(lambda folder: try_example(example, folder, count, empty))


def in_folder(work: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        work(Path(folder))


def _played(part: Part, jobs: int) -> Count:
    began = time.monotonic()
    count = shared(part.pieces, jobs)
    row = {"what": part.name, **count.figures()}
    sys.stdout.write("| " + " | ".join(row[name] for name in COLUMNS) + " |\n")
    sys.stdout.flush()
    sys.stderr.write(f"{part.name}: {time.monotonic() - began:,.0f} s\n")
    return count


def shared(pieces: Sequence[Fill], jobs: int) -> Count:
    """What so many processes count together; each takes the next piece that nobody has."""
    context, count = get_context("fork"), Count()
    taken = context.Value("i", 0)
    ends = []
    for _ in range(min(jobs, len(pieces))):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(pieces, taken, there))
        process.start()
        there.close()
        ends.append((process, here))
    for process, here in ends:
        count.add(here.recv())
        process.join()
    return count


def _work(pieces: Sequence[Fill], taken: Synchronized[int], told: Connection) -> None:
    adopt()
    count = Count()
    while (piece := _next(taken)) < len(pieces):
        pieces[piece](count)
    told.send(count)


def _next(taken: Synchronized[int]) -> int:
    with taken.get_lock():
        taken.value += 1
        return taken.value - 1


if __name__ == "__main__":
    sys.exit(main())
