"""What stands in the record of a run when this process takes it up, folded once: for the engine, and for whoever watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from orchestrator.cli.story import Story
from orchestrator.engine.recover import Recovered
from orchestrator.trimming import give_back

if TYPE_CHECKING:
    from orchestrator.events import Event, RunStarted
    from orchestrator.ports import Journal
    from orchestrator.store.store import Store


@dataclass(frozen=True, slots=True)
class Past:
    """`started` is the first event of the run. Of a run that begins now nothing else is known, and nobody was told of it:
    it has no `story`."""

    started: RunStarted
    recovered: Recovered = field(default_factory=Recovered)
    story: Story | None = None


def past_of(store: Store, run: str) -> Past:
    """Read the record of a run, whose lease is the caller's. Raises UsageError for one that is damaged."""
    from orchestrator.cli.whole import refuse_damaged
    from orchestrator.store.reading import Reading

    reading, story, recovered = Reading(store, run), Story(), Recovered()
    story.recall(_folded(reading, recovered))
    refuse_damaged(run, reading.problems)
    started = recovered.settled().started
    assert started is not None, "the first event of every run is that it started"
    recovered.started = None  # what the run was given is held once, however many items it is
    return Past(started, recovered, story)


def _folded(events: Iterable[tuple[int, Event]], recovered: Recovered) -> Iterator[tuple[int, Event]]:
    for pair in events:
        recovered.take(pair[1])
        yield pair
        if pair[0] == 0:
            give_back()  # it may hold all items, and was put together out of their texts


class Remembering:
    """A journal that folds what is written: the past of a run whose record begins with what another one finished."""

    def __init__(self, journal: Journal, started: RunStarted) -> None:
        self._journal = journal
        self._seq = 0
        self.past = Past(started, story=Story())
        self._fold(started)
        self.past.recovered.started = None

    def append(self, event: Event) -> None:
        self._journal.append(event)
        self._fold(event)

    async def flush(self) -> None:
        await self._journal.flush()

    def _fold(self, event: Event) -> None:
        assert self.past.story is not None
        self.past.recovered.take(event)
        self.past.story.recall(((self._seq, event),))
        self._seq += 1


__all__ = ["Past", "Remembering", "past_of"]
