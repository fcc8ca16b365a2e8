"""A long run that nobody executed: its events are always the same, a part is recorded and the rest comes live.

`python -m benchmarks.screen_run STORE RUN RATE` is the owner of a recorded run: it holds the lease, appends so many
events a second from where the record stands, and sends live tokens, until its standard input is closed.
"""

from __future__ import annotations

import select
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.live import LiveSender
from orchestrator.store.open import open_store
from orchestrator.store.store import Store

ITEMS = 100_000
"""Length of each of the two lists the run works on: longer than any measurement."""
PACE = 0.005
"""Seconds between recorded events, by their own times."""
TOKENS = 100
"""Live tokens per second."""
STORY = "story"
"""The step that writes as long as the run lasts; it stands last in the tree."""

ROLE = "You answer the emails of customers of a small shop, in one sentence, friendly and exact. " * 4
EMAIL = "Dear people, the lamp of order {} came with a broken shade, and I would like another one. " * 4
ANSWER = (
    "Thank you for writing about order {}: another shade is on its way today, please keep the broken one. "
)
WORDS = [
    "Once",
    "upon",
    "a",
    "time",
    "there",
    "was",
    "a",
    "lamp",
    "that",
    "nobody",
    "could",
    "see",
    "by",
    ".",
    "",
]
WRONG = "`label` must be one of: order, complaint, praise; you wrote 'lamp'"

Clock = Callable[[], float]
Item = Callable[[int, Clock], Iterator[Event]]


# -- the events


def run_events(run: str, clock: Clock) -> Iterator[Event]:
    """Without end: some steps, then the items of two fan-outs in turn, two at a time of each. `clock` dates them."""
    yield RunStarted(clock(), run, "letters", "letters.yaml", "", "", "", "0", {"count": ITEMS}, {}, 6)
    for model in ("tiny", "small"):
        ref = f"llamacpp:{model}"
        yield ModelReady(clock(), model, ref, True, 8192, 4, "", "http://127.0.0.1:1", 0.9)
    yield from _answered("gather", 0, "tiny", clock)
    yield StepStarted(clock(), "triage", "agent", ITEMS)
    yield StepStarted(clock(), "answer", "steps", ITEMS)
    yield StepStarted(clock(), STORY, "agent")
    yield _asked(STORY, 0, 1, "small", clock)
    lanes = [_items(kind, start, clock) for start in (0, 1) for kind in (_triage, _answer)]
    for lane in cycle(lanes):
        yield next(lane)


def _items(kind: Item, start: int, clock: Clock) -> Iterator[Event]:
    """Every second item of a list, one after the other."""
    for n in count(start, 2):
        yield from kind(n, clock)


def _triage(n: int, clock: Clock) -> Iterator[Event]:
    """One call: every tenth needs a second attempt, every hundredth fails for good."""
    path = f"triage.{n}"
    if n % 10:
        yield from _answered(path, n, "tiny", clock)
        return
    fails = n % 100 == 50
    yield StepStarted(clock(), path, "agent")
    yield _asked(path, n, 1, "tiny", clock)
    yield _reply(path, n, 1, "tiny", clock, "repair")
    yield _asked(path, n, 2, "tiny", clock)
    yield _reply(path, n, 2, "tiny", clock, "fail" if fails else "keep")
    yield _failed(path, clock) if fails else _done(path, n, "tiny", clock)


def _answer(n: int, clock: Clock) -> Iterator[Event]:
    """A group of a draft and a loop around its review: every twentieth takes two passes, every fiftieth fails."""
    path = f"answer.{n}"
    yield StepStarted(clock(), path, "steps")
    if n % 50 == 25:
        yield StepStarted(clock(), f"{path}.draft", "agent")
        yield _asked(f"{path}.draft", n, 1, "small", clock)
        yield _reply(f"{path}.draft", n, 1, "small", clock, "fail")
        yield _failed(f"{path}.draft", clock, kept=False)
        yield _failed(path, clock)
        return
    yield from _answered(f"{path}.draft", n, "small", clock)
    yield StepStarted(clock(), f"{path}.polish", "steps")
    for number in range(1, 2 + (n % 20 == 0)):
        yield from _answered(f"{path}.polish~{number}.review", n, "tiny", clock)
    for group in (f"{path}.polish", path):
        yield StepFinished(clock(), group, None, {"container": "steps"})


def _answered(path: str, n: int, model: str, clock: Clock) -> Iterator[Event]:
    yield StepStarted(clock(), path, "agent")
    yield _asked(path, n, 1, model, clock)
    yield _reply(path, n, 1, model, clock, "keep")
    yield _done(path, n, model, clock)


def _asked(path: str, n: int, attempt: int, model: str, clock: Clock) -> AttemptStarted:
    messages = ({"role": "system", "content": ROLE}, {"role": "user", "content": EMAIL.replace("{}", str(n))})
    parts = {"role": 88, "format": 12, "prompt": 84}
    return AttemptStarted(clock(), path, attempt, model, messages, 184, True, parts)


def _reply(path: str, n: int, attempt: int, model: str, clock: Clock, decision: Any) -> AttemptFinished:
    kept = decision == "keep"
    text = ANSWER.format(n)
    outcome: Any = "ok" if kept else "invalid"
    reason = "valid" if kept else WRONG
    usage = (184, 27, 90, 0.31, 0.05, 87.1)
    return AttemptFinished(clock(), path, attempt, model, outcome, decision, reason, text, "", *usage)


def _done(path: str, n: int, model: str, clock: Clock) -> StepFinished:
    facts = {"model": model, "tokens": 211, "attempts": 1, "seconds": 0.31, "error": None}
    return StepFinished(clock(), path, ANSWER.format(n), facts)


def _failed(path: str, clock: Clock, *, kept: bool = True) -> StepFailed:
    message = f"2 answers from model 'tiny', none valid: {WRONG}"
    return StepFailed(clock(), path, "invalid", message, "allow more `repair`", kept, {"error": message})


# -- the record


def record(store: Store, run: str, spans: int) -> int:
    """Record the run up to its step number `spans`, which only began. Returns the number of events."""
    ticks = count()
    start = time.time() - spans * 5 * PACE
    events = run_events(run, lambda: start + next(ticks) * PACE)
    first = next(events)
    assert isinstance(first, RunStarted)
    store.create(run, first)
    journal = StoreJournal(store, run)
    begun = 0
    while begun < spans:
        event = next(events)
        journal.append(event)
        begun += isinstance(event, StepStarted)
    journal.close()
    return journal.last + 1


# -- the owner


def own(store: Store, run: str, rate: float) -> int:
    """Go on with the run until standard input is closed. Returns the number of events in the log then."""
    with Lease.acquire(store, run):
        recorded = store.head(run).count
        events = run_events(run, time.time)
        next(islice(events, recorded - 1, None))  # made once more, now and not in the first second
        journal, live = StoreJournal(store, run), LiveSender(store, run)
        began, appended, sent = time.monotonic(), 0, 0
        print("started", flush=True)
        while not select.select([sys.stdin], [], [], 0.005)[0]:
            passed = time.monotonic() - began
            for event in islice(events, int(passed * rate) - appended):
                journal.append(event)
                appended += 1
            for _ in range(int(passed * TOKENS) - sent):
                live(STORY, WORDS[sent % len(WORDS)] + " ")
                sent += 1
        journal.close()
        live.close()
        return recorded + appended


def main() -> None:
    place, run, rate = sys.argv[1:]
    store = open_store(Path(place))
    print(own(store, run, float(rate)), flush=True)
    store.close()


if __name__ == "__main__":
    main()
