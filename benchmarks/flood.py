"""What 100,000 small items cost from a shell: `orch run`, `orch resume` of a run that was killed near its end, `orch fork`.

CPU time and the largest resident memory of each process, by the kernel's own count. The model is scripted and answers at
once; the log is durable.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import Row

ITEMS, QUICK = 100_000, 5_000
KILLED_AFTER = 0.915
"""Of its items."""
EVENTS = 4
"""Of an item: it begins, is asked, is answered, ends."""
FLOW = """
orch: 1
models: {tiny: "scripted:answers.yaml"}
agents: {writer: {model: tiny, role: You write one line.}}
inputs: {items: {type: file, format: jsonl, rows: {text: string}}}
steps:
  say: {foreach: inputs.items, parallel: 16, agent: writer, prompt: "Go on: {{ item.text }}", output: {line: string(80)}}
outputs: {n: "{{ say | length }}"}
"""
ANSWERS = "- {match: Go, value: {line: all right}}\n"
RUN = ("run", "flow.yaml", "-q", "-i", "items=items.jsonl")


@dataclass(frozen=True, slots=True)
class Spent:
    """By one process: seconds of CPU, and MB of memory at most."""

    cpu: float
    memory: float


def measure(*, quick: bool = False) -> list[Row]:
    items = QUICK if quick else ITEMS
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _prepare(place, items)
        plain = _spent(place, *RUN, "--no-cache")
        asked, known = _spent(place, *RUN), _spent(place, *RUN)
        fork = [_spent(place, "fork", "last", "--at", "say.5", *more) for more in (("--plan",), ("-q",))]
        killed = _spent(place, *RUN, "--no-cache", meanwhile=lambda child: _kill(place, child, items))
        resumed = _spent(place, "resume", "last", "-q")
    return [
        _per_item(f"`orch run --no-cache` of {items:,} items", plain, items, "< 120 MB"),
        _per_item(f"`orch run` of {items:,} items, no answer known", asked, items, "< 120 MB"),
        _per_item(f"`orch run` of {items:,} items, all answers known", known, items, "< 120 MB"),
        _whole("`orch fork --at say.5 --plan` of it", fork[0], "≤ 200 MB"),
        _whole("`orch fork --at say.5` of it", fork[1], "≤ 200 MB"),
        _per_item("the same run, killed", killed, int(items * KILLED_AFTER), ""),
        _whole(f"`orch resume` of it after {KILLED_AFTER:.1%} of the items", resumed, "≤ 150 MB"),
    ]


def _per_item(what: str, spent: Spent, items: int, goal: str) -> Row:
    return Row(what, f"{spent.cpu / items * 1e6:.0f} µs CPU per item, {spent.memory:.0f} MB", goal)


def _whole(what: str, spent: Spent, goal: str) -> Row:
    return Row(what, f"{spent.cpu:.1f} s CPU, {spent.memory:.0f} MB", goal)


def _prepare(place: Path, items: int) -> None:
    (place / "flow.yaml").write_text(FLOW, encoding="utf-8")
    (place / "answers.yaml").write_text(ANSWERS, encoding="utf-8")
    lines = (json.dumps({"text": f"item number {n}"}) + "\n" for n in range(items))
    (place / "items.jsonl").write_text("".join(lines), encoding="utf-8")


def _spent(place: Path, *words: str, meanwhile: Callable[[int], None] | None = None) -> Spent:
    """Of one command line, which must end as it should."""
    child = os.fork()
    if child == 0:
        _become(place, words)
    if meanwhile is not None:
        meanwhile(child)
    _, status, used = os.wait4(child, 0)
    wanted = 0 if meanwhile is None else -signal.SIGKILL
    assert os.waitstatus_to_exitcode(status) == wanted, words
    return Spent(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _become(place: Path, words: tuple[str, ...]) -> None:
    """Never returns."""
    os.chdir(place)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    environ = {**os.environ, "ORCH_HOME": str(place / "home")}
    os.execve(sys.executable, [sys.executable, "-m", "orchestrator", *words], environ)


def _kill(place: Path, child: int, items: int) -> None:
    """As soon as so many items have ended; the newest run of the store is the one."""
    (file,) = (place / "home").rglob("store.db")
    wanted = int(items * KILLED_AFTER) * EVENTS
    began = time.time()
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as store:
        while (_events(store, began) or 0) < wanted:
            time.sleep(0.05)
    os.kill(child, signal.SIGKILL)


def _events(store: sqlite3.Connection, since: float) -> int | None:
    found = store.execute("SELECT max(events) FROM runs WHERE started > ?", (since - 1,)).fetchone()
    return None if found is None or found[0] is None else int(found[0])


__all__ = ["measure"]
