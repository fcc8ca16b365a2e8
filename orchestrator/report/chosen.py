"""Which calls of an agent no model chose in this run: its choice was in the cache. Reads only the record."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.events import AttemptFinished, CallStarted, Event


def chosen_before(events: Iterable[Event]) -> frozenset[int]:
    """Numbers of the calls of one agent's instance whose choice was in the cache.

    A model that chooses a call ends an attempt with the decision `call`; a call without one was chosen before, at the
    very same request. A call that begins once more after a crash was chosen when it began first.
    """
    found, seen, chosen = set(), set(), False
    for event in events:
        if isinstance(event, AttemptFinished):
            chosen = chosen or event.decision == "call"
        elif isinstance(event, CallStarted) and event.call and event.call not in seen:
            seen.add(event.call)
            if not chosen:
                found.add(event.call)
            chosen = False
    return frozenset(found)
