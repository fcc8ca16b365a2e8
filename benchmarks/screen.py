"""What watching a run costs: `orch tui RUN` in a real pseudo-terminal, attached to a run that goes on all the while.

The run has 10,000 or 100,000 steps in its record when the screen is opened; its owner, another process, appends 200 or
2,000 events a second and sends 100 live tokens a second of the step that the cursor stands on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median, quantiles

import psutil

from benchmarks.screen_probe import WRITTEN, Frame
from benchmarks.screen_pty import Terminal
from benchmarks.screen_run import record
from benchmarks.table import Row, figure
from orchestrator.store.open import open_store

ROOT = Path(__file__).parents[1]
RUN = "1123-0645-k7q"
SEEN = (RUN, "gather", "triage")
"""The first screen is there when the run and its steps are written."""
MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to look. `window` in seconds."""

    spans: Sequence[int]
    window: int
    openings: int
    presses: int


WHOLE = Effort((10_000, 100_000), 15, 3, 50)
QUICK = Effort((10_000,), 5, 1, 10)
RATES = (200, 2000)


@dataclass(frozen=True, slots=True)
class Steady:
    """A window of time: the share of one core in each second of it, and the frames drawn."""

    shares: list[float]
    frames: list[Frame]
    memory: int

    @property
    def cpu(self) -> list[float]:
        """Milliseconds of each frame."""
        return [frame.cpu * 1000 for frame in self.frames]

    @property
    def gaps(self) -> list[float]:
        """Milliseconds from each frame to the next."""
        return [(after.at - before.at) * 1000 for before, after in pairwise(self.frames)]


def measure(*, quick: bool = False) -> list[Row]:
    effort = QUICK if quick else WHOLE
    with tempfile.TemporaryDirectory(prefix="orch-bench-") as name:
        folder = Path(name)
        bare, rows = _bare(folder, effort)
        for spans in effort.spans:
            place = folder / f"{spans}.db"
            store = open_store(place)
            record(store, RUN, spans)
            store.close()
            for rate in RATES:
                rows += _case(place, spans, rate, effort, bare)
    return rows


def _bare(folder: Path, effort: Effort) -> tuple[float, list[Row]]:
    """The share of one core of an application that shows nothing ten times a second."""
    frames = folder / "bare.jsonl"
    with Terminal(_probe(frames), cwd=ROOT, environ=os.environ) as terminal:
        _until(lambda: bool(_read(frames)), 30)
        time.sleep(1)
        steady = _watch(terminal, frames, effort.window)
        terminal.end("q")
    name = "an empty list, 10 times a second"
    return median(steady.shares), [
        figure(f"{name}: CPU", steady.shares, "% of a core"),
        figure(f"{name}: CPU per frame", steady.cpu, "ms"),
        _megabytes(f"{name}: memory", steady.memory),
    ]


def _case(place: Path, spans: int, rate: int, effort: Effort, bare: float) -> list[Row]:
    name = f"{spans:,} steps, {rate:,} events/s"
    copy, frames = place.with_name(f"{spans}-{rate}.db"), place.with_name(f"{spans}-{rate}.jsonl")
    shutil.copy(place, copy)
    environ = _environ(copy)
    with _owner(copy, rate) as owned:
        first = [_opening(environ) for _ in range(effort.openings)]
        with Terminal(_probe(frames, "tui", RUN), cwd=ROOT, environ=environ) as terminal:
            _until(lambda: any(frame.caught_up for frame in _read(frames)[-1:]), 300)
            loaded, spent = time.monotonic() - terminal.began, _spent(terminal)
            terminal.send("G")
            time.sleep(2)
            steady = _watch(terminal, frames, effort.window)
            behind = owned.behind(steady.frames[-1])
            keys = _press(terminal, frames, effort.presses)
            terminal.end("q")
    copy.unlink()
    return [
        figure(f"{name}: first screen", first, "s", "≤ 1 s"),
        Row(f"{name}: all read", f"{loaded:.3g} s", "", f"{spent:.3g} s CPU"),
        figure(f"{name}: CPU", steady.shares, "% of a core", "≤ 15 %"),
        Row(f"{name}: CPU, ratio to the empty list", f"{median(steady.shares) / bare:.3g} x"),
        figure(f"{name}: CPU per frame", steady.cpu, "ms", "≤ 5 ms"),
        Row(f"{name}: CPU per frame, 95th percentile", f"{_p95(steady.cpu):.3g} ms"),
        Row(f"{name}: frames", f"{len(steady.frames) / effort.window:.3g} per second"),
        Row(f"{name}: longest time without a frame", f"{max(steady.gaps):.3g} ms"),
        Row(f"{name}: behind the log", f"{behind:.2g} s"),
        _megabytes(f"{name}: memory", steady.memory, "≤ 100 MB"),
        figure(f"{name}: key to frame", keys, "ms"),
        Row(f"{name}: key to frame, 95th percentile", f"{_p95(keys):.3g} ms"),
    ]


# -- the owner of the run


@dataclass(frozen=True, slots=True)
class Owned:
    """A run that goes on: `began` is monotonic, `recorded` the events it had then."""

    began: float
    recorded: int
    rate: int

    def behind(self, frame: Frame) -> float:
        """Seconds by which what this frame shows is older than what has happened."""
        return frame.at - self.began - (frame.events - self.recorded) / self.rate


@contextmanager
def _owner(place: Path, rate: int) -> Iterator[Owned]:
    """Another process that goes on with the run until the block ends."""
    store = open_store(place)
    recorded = store.head(RUN).count
    store.close()
    command = [sys.executable, "-m", "benchmarks.screen_run", str(place), RUN, str(rate)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        try:
            yield Owned(time.monotonic(), recorded, rate)
        finally:
            process.communicate()


# -- the screen


def _probe(frames: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "benchmarks.screen_probe", str(frames), *arguments]


def _environ(place: Path) -> dict[str, str]:
    """For `orch` on this store, with nobody's own settings, in colour."""
    own = {"ORCH_DATABASE_URL": f"sqlite:///{place}", "ORCH_HOME": str(place.parent / "home")}
    return {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | own


def _opening(environ: dict[str, str]) -> float:
    """Seconds from the start of `orch tui RUN` to its first screen."""
    command = [str(Path(sys.executable).with_name("orch")), "tui", RUN]
    with Terminal(command, cwd=ROOT, environ=environ) as terminal:
        seconds = terminal.wait_for(*SEEN)
        terminal.end("q")
    return seconds


def _watch(terminal: Terminal, frames: Path, window: int) -> Steady:
    """Look for so many seconds; the frames are those between the first and the last second."""
    began, before, shares = time.monotonic(), _spent(terminal), []
    for second in range(1, window + 1):
        time.sleep(max(0.0, began + second - time.monotonic()))
        now = _spent(terminal)
        shares.append((now - before) * 100)
        before = now
    ended = time.monotonic()
    memory = psutil.Process(terminal.process.pid).memory_info().rss
    time.sleep(4 * WRITTEN)
    drawn = [frame for frame in _read(frames) if began <= frame.at <= ended]
    return Steady(shares, drawn, memory)


def _press(terminal: Terminal, frames: Path, presses: int) -> list[float]:
    """Milliseconds from pressing `j` to the first frame drawn after the cursor moved."""
    terminal.send("g")
    time.sleep(4 * WRITTEN)
    done = _read(frames)[-1].actions
    chance = random.Random(1)
    sent = []
    for _ in range(presses):
        sent.append(terminal.send("j"))
        time.sleep(0.2 + 0.1 * chance.random())  # at every phase of the ten flushes a second
    time.sleep(4 * WRITTEN)
    drawn = _read(frames)
    seen = [next(frame.at for frame in drawn if frame.actions > done + press) for press in range(presses)]
    return [(after - before) * 1000 for before, after in zip(sent, seen, strict=True)]


def _spent(terminal: Terminal) -> float:
    """Seconds of CPU the program has used, all threads."""
    used = psutil.Process(terminal.process.pid).cpu_times()
    return used.user + used.system


def _read(frames: Path) -> list[Frame]:
    if not frames.exists():
        return []
    whole = frames.read_text(encoding="utf-8").rpartition("\n")[0]
    return [Frame(*json.loads(line)) for line in whole.splitlines()]


def _until(reached: object, seconds: float) -> None:
    """Wait. Raises TimeoutError when it takes longer."""
    assert callable(reached)
    end = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError(f"the screen did not get there within {seconds:g} s")
        time.sleep(0.1)


def _p95(values: Sequence[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]


def _megabytes(what: str, size: int, goal: str = "") -> Row:
    return Row(what, f"{size / MEGABYTE:.3g} MB", goal)
