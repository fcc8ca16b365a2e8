"""A run as the embedded 135M model really made it: with a repaired answer and one given up.

Recorded in a copy of the example `04-campaign`, then its paths taken away, so that it is the same everywhere:

    orch run workflow.yaml -i product=Pico -i brief="Pico is a pocket lamp that is charged by shaking it, ..."
    orch logs last --events | sed "s#$PWD/##g; s#$PWD#.#g" > run.jsonl
"""

from __future__ import annotations

from pathlib import Path

from orchestrator.events import RunStarted, decode
from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store

FOLDER = Path(__file__).parent / "fixtures" / "campaign"
"""In it the run's file is found by its name."""
RUN = "1123-1205-snq"
CHOSEN = "polished"
"""The step that was asked twice, and went on with another text after it."""
ENDED = 1_795_435_549.4
"""When it was over."""


def record(store: Store) -> None:
    """Put it into a store as the engine did."""
    started, *events = (decode(line) for line in (FOLDER / "run.jsonl").read_bytes().splitlines())
    assert isinstance(started, RunStarted)
    store.create(started.run, started)
    journal = StoreJournal(store, started.run)
    for event in events:
        journal.append(event)
    journal.close()
