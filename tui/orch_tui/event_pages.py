"""The lines of a run's log, page by page from the store, and those with certain words. Knows no screen.

`LogPages` and `Search` belong to one thread; what reads the store (`read`, `scan`) may be called from any.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orch_tui.text import Role
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    RunFailed,
    RunInterrupted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report.lines import line
from orchestrator.report.values import container_of
from orchestrator.store.faults import EventDamaged

if TYPE_CHECKING:
    from orchestrator.store.store import Store

PAGE = 256
"""Lines read at a time."""
KEPT = 16
"""Pages kept."""
HITS = 10_000
"""Lines that a search finds, the newest of them."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One event. `end` is the event itself when it ends a container: how many things it held is not in the event."""

    path: str
    text: str
    role: Role
    end: StepFinished | None = None


UNREADABLE = LogLine("", "cannot be read", "bad")
"""In the place of an event that is damaged or missing: every other one keeps its number."""


def log_line(event: Event) -> LogLine:
    end = event if isinstance(event, StepFinished) and container_of(event) else None
    return LogLine(getattr(event, "path", ""), line(event), _role(event), end)


def _role(event: Event) -> Role:
    match event:
        case StepFailed() | RunFailed():
            return "bad"
        case Warned() | RunInterrupted():
            return "warn"
        case AskOpened() | AskAnswered() | RunWaiting():
            return "ask"
        case AttemptFinished() if event.outcome != "ok":
            return "warn"
        case StepStarted() | AttemptStarted() | StepSkipped():
            return "dim"
        case _:
            return ""


class Log:
    """Where the lines are. What reads blocks."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        self._no: int | None = None

    def read(self, first: int, count: int) -> list[LogLine]:
        """At most so many lines from number `first` on, also for events that are damaged or missing in front of others.
        Raises OrchError when the store cannot be read."""
        found = dict(self._events(first, first + count))
        end = min(first + count, max(found, default=first - 1) + 1)
        events = (found.get(seq) for seq in range(first, end))
        return [log_line(event) if event is not None else UNREADABLE for event in events]

    def _events(self, first: int, end: int) -> Iterator[tuple[int, Event | None]]:
        """Those of these numbers, None for one that is damaged; where some are missing at the end also a later one."""
        after = first - 1
        while after < end - 1:
            try:
                page: list[tuple[int, Event | None]] = [
                    *self.store.page(self.run, self.no(), after, end - 1 - after)
                ]
            except EventDamaged as error:
                page = [*error.before, (error.seq, None)]
            if not page:
                return
            yield from page
            after = page[-1][0]

    def no(self) -> int:
        """The run's key in the store, which never changes."""
        if self._no is None:
            self._no = self.store.head(self.run).no
        return self._no

    def scan(
        self, words: list[str], first: int, end: int, most: int, tell: Callable[[list[int], int], bool]
    ) -> None:
        """Look for lines with every word among the numbers `first` up to `end`, the newest first.

        After each page `tell(numbers, at)` gets what it held, the newest first, and how far down the search is; the
        search ends when that returns false, and after `most` hits. Raises OrchError when the store cannot be read.
        """
        while end > first and most > 0:
            start = max(first, end - PAGE)
            page = [
                (seq, event) for seq, event in self._events(start, end) if event is not None and seq < end
            ]
            hits = [seq for seq, event in reversed(page) if fits(line(event), words)][:most]
            most -= len(hits)
            end = start
            if not tell(hits, start):
                return


def fits(text: str, words: list[str]) -> bool:
    low = text.lower()
    return all(word in low for word in words)


class LogPages:
    """The pages read last. A page may be read before the run has filled it: then it is `short`."""

    def __init__(self) -> None:
        self._pages: OrderedDict[int, list[LogLine]] = OrderedDict()

    def line(self, seq: int) -> LogLine | None:
        """The line, if its page is here."""
        page = self._pages.get(seq // PAGE)
        if page is None:
            return None
        self._pages.move_to_end(seq // PAGE)
        place = seq % PAGE
        return page[place] if place < len(page) else None

    def missing(self, page: int) -> tuple[int, int]:
        """What to read of a page: the first number, and how many."""
        have = len(self._pages.get(page, ()))
        return page * PAGE + have, PAGE - have

    def put(self, first: int, lines: list[LogLine]) -> None:
        """Take in what was read from number `first` on; the page used longest ago goes."""
        page = self._pages.setdefault(first // PAGE, [])
        if len(page) == first % PAGE:
            page += lines
        self._pages.move_to_end(first // PAGE)
        while len(self._pages) > KEPT:
            self._pages.popitem(last=False)


class Search:
    """The lines found so far, in the order of the log, while the search goes down and the run goes on."""

    def __init__(self, text: str, end: int) -> None:
        self.words = text.lower().split()
        self.low = end
        """Everything from here on was looked at, up to `high`."""
        self.high = end
        self.cut = False
        """There are more than were looked for."""
        self._older: list[int] = []
        self._newer: list[int] = []

    def __len__(self) -> int:
        return len(self._older) + len(self._newer)

    def __getitem__(self, index: int) -> int:
        older = len(self._older)
        return self._older[older - 1 - index] if index < older else self._newer[index - older]

    @property
    def done(self) -> bool:
        return self.cut or self.low <= 0

    def older(self, hits: list[int], low: int) -> None:
        """What the search found further down; `hits` are the newest first."""
        self._older += hits
        self.low = low
        self.cut = len(self) >= HITS and low > 0

    def newer(self, hits: list[int], high: int) -> None:
        """What has come since; `hits` are the newest first."""
        self._newer += reversed(hits)
        self.high = high
