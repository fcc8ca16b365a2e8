"""Reads what is known of one span from the store, for its detail. Blocks, so it runs in a thread. Knows no widget."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

from orch_tui.prices import Comparing, comparing
from orch_tui.tabs.span import Child, Numbered, Span
from orch_tui.tabs.whole import Whole, with_events
from orch_tui.trace import NOWHERE, STATUSES, Trace
from orchestrator.events import AskOpened, AttemptFinished, AttemptStarted, StepFinished
from orchestrator.store.store import Store

INSIDE = 4000
"""Events read of what is inside a span."""
CHILDREN = 200
"""Spans right inside that are listed."""
RUN_KINDS = (
    "run.started", "run.resumed", "model.ready", "warned", "run.waiting", "run.interrupted", "run.failed",
    "run.finished",
)  # fmt: skip
LOST = 50
"""Of the spans right inside that failed or were caught, those that are listed."""
KEPT = 4
"""Spans that are remembered after they ended."""
HEAVY = 2_000_000
"""Characters above which a span is not remembered."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A span to read, with what the trace knows of it: taken in the thread of the trace."""

    number: int
    known: Span
    first: int
    last: int
    inside: tuple[int, int] | None
    """Between which events what is inside lies; None when there is nothing."""
    comparing: Comparing


def wanted(trace: Trace, run: str, number: int, attempt: int) -> Wanted:
    """What to read for a span; `attempt` counts from 0, NOWHERE for all of it."""
    live = trace.live(number)
    children = trace.children(number)
    path = trace.path(number)
    known = Span(
        run=run,
        path=path,
        verb=trace.verb(number),
        status=trace.status_of(number),
        note=trace.notes.get(number, ""),
        live=live,
        children=tuple(_child(trace, child, path) for child in children[:CHILDREN]),
        size=max(trace.items.get(number, 0), len(children)),
        items=trace.items.get(number),
        counts=_counts(trace, number, children),
        lost=tuple(_child(trace, child, path) for child in _lost(trace, number)) if children else (),
        models=dict(trace.state.models),
        chosen=attempt,
    )
    ends_itself = not live and trace.names[number][0] != "~"
    last = trace.last[number] if ends_itself else trace.state.events - 1
    inside = (trace.first[number], last) if children else None
    compare = comparing(trace.state, trace.summary)
    return Wanted(number, known, trace.first[number], trace.last[number], inside, compare)


def _counts(trace: Trace, number: int, children: Sequence[int]) -> dict[str, int]:
    """How many spans right inside are in which status, and how many of those that run wait for their model."""
    counts: Sequence[int] | Counter[int] | None = trace.counts.get(number)
    if counts is None:
        counts = Counter(trace.status[child] for child in children)
    found = {name: counts[status] for status, name in enumerate(STATUSES)}
    return {name: count for name, count in (*found.items(), ("queued", trace.waiting(number))) if count}


def _lost(trace: Trace, number: int) -> list[int]:
    """What failed or was caught right inside, the first of them."""
    inside = (span for span in (*trace.failed, *trace.caught) if trace.parent[span] == number)
    return sorted(islice(inside, LOST), key=trace.place.__getitem__)


def _child(trace: Trace, child: int, above: str) -> Child:
    name = trace.names[child]
    return Child(name, above + name, trace.status_of(child), trace.notes.get(child, ""))


class Reader:
    """Reads spans and remembers the last few that ended. Raises OrchError when the store cannot be read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._kept: OrderedDict[tuple[int, int], Span] = OrderedDict()

    def read(self, wish: Wanted) -> Span:
        key = (wish.number, wish.last)
        kept = self._kept.get(key)
        if kept is not None and not wish.known.live and kept.status == wish.known.status:
            self._kept.move_to_end(key)
            return replace(kept, chosen=wish.known.chosen, models=wish.known.models)
        span = self._read(wish)
        if not span.live and _size(span) < HEAVY:
            self._kept[key] = span
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return span

    def read_run(self, run: Whole, last: int) -> Whole:
        """With its events up to this number."""
        return with_events(run, self._store.of_kinds(run.run, RUN_KINDS), last)

    def _read(self, wish: Wanted) -> Span:
        run, path = wish.known.run, wish.known.path
        events = tuple(self._store.span_events(run, path, wish.first, wish.last))
        inside: tuple[Numbered, ...] = ()
        if wish.inside is not None:
            inside = tuple(self._store.inside(run, path, *wish.inside, INSIDE))
        return replace(wish.known, events=events, inside=inside, cut=len(inside) >= INSIDE)


def _size(span: Span) -> int:
    """About how many characters the texts of a span have."""
    size = 0
    for _, event in (*span.events, *span.inside):
        match event:
            case AttemptStarted():
                size += sum(len(str(message.get("content", ""))) for message in event.messages)
            case AttemptFinished():
                size += len(event.text) + len(event.thinking)
            case StepFinished():
                size += len(event.value) if isinstance(event.value, str) else 2000
            case AskOpened():
                size += len(str(event.show))
            case _:
                pass
    return size


def is_span(trace: Trace, number: int) -> bool:
    return NOWHERE < number < len(trace)
