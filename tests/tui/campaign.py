"""A run of `examples/04-campaign` as the embedded 135M model really made it: with a repaired answer and one given up.

Recorded in a copy of the example, then its paths put below a made-up home:

    orch run workflow.yaml -i product=Pico -i brief="Pico is a pocket lamp that is charged by shaking it, ..."
    orch logs last --events | sed "s#$PWD#/home/you/project#g" > run.jsonl
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.events import RunStarted, decode
from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store

FOLDER = Path(__file__).parent / "fixtures" / "campaign"
CAMPAIGN = "1123-1205-snq"
REPAIRED = "polished"
"""The step that was asked twice, and went on with another text after it."""
ENDED = 1_795_435_549.4
"""When it was over."""


def record_campaign(store: Store) -> None:
    """Put it into a store as the engine did; its file is the one beside the record, so that a graph can be drawn."""
    started, *events = (decode(line) for line in (FOLDER / "run.jsonl").read_bytes().splitlines())
    assert isinstance(started, RunStarted)
    store.create(started.run, replace(started, file=str(FOLDER / "workflow.yaml"), root=str(FOLDER)))
    journal = StoreJournal(store, started.run)
    for event in events:
        journal.append(event)
    journal.close()
