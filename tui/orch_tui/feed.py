"""Follows a run for the screen: a thread reads its events, the app takes them into the trace ten times a second.

Also keeps the text that models write right now. A store that cannot be read is a sentence in `trouble`, never an
exception, and is tried again. Knows no widget.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, Full, Queue
from typing import TYPE_CHECKING, TypeAlias

from orch_tui.rows import TreeRows
from orch_tui.trace import NOWHERE, Trace
from orchestrator.errors import OrchError, UsageError
from orchestrator.events import AttemptFinished, AttemptStarted, Event, StepFailed, StepFinished
from orchestrator.report.paths import instance
from orchestrator.report.rate import Rate
from orchestrator.store.faults import EventDamaged
from orchestrator.store.quarantine import checked
from orchestrator.trimming import give_back

if TYPE_CHECKING:
    from orch_tui.replay import ReplayClock
    from orchestrator.state import RunStatus
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

POLL = 0.1
"""Seconds between looks for events of a run that somebody executes."""
IDLE = 1.0
"""Seconds between looks when nobody does, and between looks at the run's row."""
PAGE = 100
"""Events read at once: with larger pages the memory they take for a moment stays taken."""
AHEAD, AHEAD_LIVE = 2, 16
"""Pages read before the app takes them: few of a long record, for their memory; of a run that goes on as many as may
come between two times it looks."""
GATHER = 0.05
"""Seconds over which what models write is gathered: to be woken for every token took a fifth of the screen's time."""
LONG = 50_000
"""So many events after another, memory that reading them took is given back."""
WRITTEN = 200_000
"""Characters kept of a text that is being written."""

ANEW = (AttemptStarted, AttemptFinished, StepFinished, StepFailed)
"""After these nothing of what a model writes is left."""

Page: TypeAlias = list[tuple[int, Event]]


@dataclass(slots=True)
class News:
    """What came since the last time. `caught_up` means the trace holds everything that was recorded a moment ago."""

    touched: list[int] = field(default_factory=list)
    """Spans that began, changed or ended."""
    written: set[str] = field(default_factory=set)
    """Paths whose text grew."""
    events: int = 0
    caught_up: bool = False
    changed: bool = False
    """The run as a whole: its status, or what stands in the way of reading it."""

    def __bool__(self) -> bool:
        return bool(self.events or self.written or self.changed)

    def add(self, later: News) -> None:
        """What came after it, too."""
        self.touched = list(dict.fromkeys([*self.touched, *later.touched]))
        self.written |= later.written
        self.events += later.events
        self.caught_up |= later.caught_up
        self.changed |= later.changed


class Feed:
    """One run, followed. `start` begins reading; `take` is called by whoever owns the trace, from one thread."""

    still = 1.0
    """Seconds after which durations are drawn again although nothing happened."""

    def __init__(self, store: Store, run: str) -> None:
        self.store = store
        self.run = run
        self.trace = Trace()
        self.rows = TreeRows(self.trace, root=True)
        self.row: RunRow | None = None
        """The run in the list of runs: its status knows of owners that died."""
        self.trouble = ""
        """Why the run cannot be read now."""
        self.gone = False
        """The run was deleted."""
        self.odd = ""
        """Which event could not be taken in."""
        self.damaged = ""
        """What is wrong with the record first of all; what is shown of it may be wrong then."""
        self.looked_through = False
        self.replay: ReplayClock | None = None
        """What plays the record, when it is a replay."""
        self.caught_up = False
        self.live: dict[str, str] = {}
        """What is being written, by the path of the step."""
        self.rate = Rate(time.monotonic)
        self._pieces: deque[tuple[str, str]] = deque()
        self._pages: Queue[Page] = Queue(AHEAD)
        self._rest: Page = []
        self._done = 0
        self._given_back = 0
        self._closed = threading.Event()
        self._read_all = threading.Event()
        self._changed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._read, name=f"feed {self.run}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop reading; the run does not notice."""
        self._closed.set()

    @property
    def status(self) -> RunStatus:
        """As the events tell it, unless the last one is not there: it was not read yet, it cannot be read, or the
        owner died without it."""
        told, row = self.trace.state.status, self.row
        if told not in ("new", "running") or row is None or row.live:
            return told
        missing = not self.caught_up or (bool(self.damaged) and self.looked_through)
        return row.status if missing or row.status == "interrupted" else told

    @property
    def running(self) -> bool:
        return self.status == "running"

    @property
    def moment(self) -> float | None:
        """The moment of the record that is shown in a replay; None when it is the present one."""
        return None

    @property
    def progress(self) -> float:
        """The share of the record that was read so far, 0 to 1."""
        if self.caught_up or self.row is None or not self.row.events:
            return 1.0 if self.caught_up else 0.0
        return min(1.0, self.trace.state.events / self.row.events)

    # -- the app's side

    def take(self, seconds: float = 0.03) -> News:
        """Take in what was read, for at most about so long: the screen must stay quick while a long record loads."""
        news = News(changed=self._changed)
        self._changed = False
        until = time.monotonic() + seconds
        touched: dict[int, None] = {}
        while time.monotonic() < until and self._next_page():
            if not self._take_page(news, touched, until):
                break
        caught_up = self.caught_up or self._is_caught_up()
        if caught_up and self.trace.state.events >= self._given_back + LONG:
            self._given_back = self.trace.state.events
            threading.Thread(target=give_back, daemon=True).start()  # it takes longer than a frame may
        news.changed |= caught_up != self.caught_up
        self.caught_up = news.caught_up = caught_up
        if news.changed and (caught_up or self.status == "interrupted"):
            self._stop_what_was_cut_off()
        self._take_pieces(news)
        news.touched = list(touched)
        return news

    def take_text(self) -> News:
        """Take in only what models wrote: far cheaper to show than spans that begin and end."""
        news = News(caught_up=self.caught_up)
        self._take_pieces(news)
        return news

    def _stop_what_was_cut_off(self) -> None:
        """No event says that it ended, and nobody works on it."""
        if self.status not in (self.trace.state.status, "running", "waiting"):
            self.trace.stop(self.trace.now)

    def _is_caught_up(self) -> bool:
        return self._read_all.is_set() and not self._rest and self._pages.empty()

    def _has_come(self, event: Event, seq: int) -> bool:  # noqa: ARG002 - every event has, unless they are played
        """Whether the event may be taken in now."""
        return True

    def _next_page(self) -> bool:
        if self._done < len(self._rest):
            return True
        try:
            self._rest, self._done = self._pages.get_nowait(), 0
        except Empty:
            self._rest, self._done = [], 0
            return False
        return True

    def _take_page(self, news: News, touched: dict[int, None], until: float) -> bool:
        """False when the rest of it must wait. The rows of a span are settled once, after the last of its events."""
        spans: dict[int, None] = {}
        whole = self._fold_page(news, spans, until)
        for span in spans:
            self.rows.touch(span)
        touched.update(spans)
        return whole

    def _fold_page(self, news: News, spans: dict[int, None], until: float) -> bool:
        """`spans` gets what the events tell of, in the order of the last event of each."""
        page = self._rest
        for number in range(self._done, len(page)):
            seq, event = page[number]
            if not self._has_come(event, seq):
                self._done = number
                return False
            span = self._told(event, seq)
            news.events += 1
            if span != NOWHERE:
                spans.pop(span, None)
                spans[span] = None
                if self.live and isinstance(event, ANEW):
                    self.live.pop(event.path, None)
            else:
                news.changed = True
            if number % 64 == 0 and time.monotonic() >= until:
                self._done = number + 1
                return False
        self._done = len(page)
        return True

    def _told(self, event: Event, seq: int) -> int:
        """The span the event tells of. One that makes no sense to this version is named, and the others are shown."""
        try:
            return self.trace.take(event, seq)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            self.odd = f"event {seq} cannot be shown (it tells of '{getattr(event, 'path', '')}')"
            return NOWHERE

    def _take_pieces(self, news: News) -> None:
        while self._pieces:
            path, text = self._pieces.popleft()
            if path in self.trace.state.spans or not self.caught_up:
                self.live[path] = (self.live.get(path, "") + text)[-WRITTEN:]
                news.written.add(path)

    # -- the text being written

    async def listen(self) -> None:
        """Gather the text models write, until cancelled."""
        from orchestrator.store.live import watch

        async for path, text in watch(self.store, self.run, gather=GATHER):
            self._pieces.append((path, text))
            self.rate.add()
            if len(self._pieces) > 10_000:  # nobody takes them: only the newest matter
                self._pieces.popleft()

    # -- the reader's side

    def _read(self) -> None:
        after, no, looked = -1, -1, 0.0
        while not self._closed.is_set():
            try:
                if no < 0:
                    no = self.store.head(self.run).no
                if time.monotonic() - looked >= IDLE:
                    self._look()
                    looked = time.monotonic()
                page, last = self._page(no, after)
                if not page and last == after and not self.looked_through and self._is_at_rest():
                    self._look_through()
            except UsageError as error:  # there is no such run any more
                self._say(error.message, gone=True)
                return
            except OrchError as error:
                self._say(error.message)
                self._closed.wait(IDLE)
                continue
            self._say("")
            ended = len(page) < PAGE and last == (page[-1][0] if page else after)
            if last > after:
                after = last
                self._put(page)
            if ended and (not page or self._is_live):
                self._pages.maxsize = AHEAD_LIVE
                self._read_all.set()
                self._closed.wait(POLL if self._is_live else IDLE / 2)

    def _page(self, no: int, after: int) -> tuple[Page, int]:
        """The next events, and the number of the last one looked at: those that are damaged are left out."""
        try:
            page = self.store.page(self.run, no, after, PAGE)
        except EventDamaged as error:
            self.damaged = self.damaged or f"event {error.seq} cannot be read"
            self._changed = True
            return list(error.before), error.seq
        return page, page[-1][0] if page else after

    @property
    def _is_live(self) -> bool:
        """Somebody executes it."""
        return self.row is not None and self.row.live

    def _is_at_rest(self) -> bool:
        """Nobody executes it: looking through its record takes nothing from a run."""
        return self.row is not None and not self.row.live

    def _look_through(self) -> None:
        """As `orch show` does, once. Raises OrchError."""
        self._read_all.set()  # what was read is shown meanwhile
        self.damaged = checked(self.store, self.run) or self.damaged
        self.looked_through = self._changed = True

    def _look(self) -> None:
        row = self.store.run(self.run)
        if self.row is None or row.status != self.row.status:
            self._changed = True
        self.row = row

    def _put(self, page: Page) -> None:
        """What paths say is remembered for a while: they are read here and not where the screen waits for it."""
        for _, event in page:
            instance(getattr(event, "path", ""))
        while not self._closed.is_set():
            with suppress(Full):
                self._pages.put(page, timeout=0.2)
                return

    def _say(self, trouble: str, *, gone: bool = False) -> None:
        if trouble != self.trouble or gone != self.gone:
            self.trouble, self.gone = trouble, gone
            self._changed = True
