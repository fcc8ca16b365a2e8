"""The runs of a store as a table: read without reading everything again, filtered, sorted, as rows. Knows no widget."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from orch_tui.columns import Column, Layout, layout
from orch_tui.span_row import RUN_GLYPHS
from orch_tui.text import Piece, Role, Row
from orchestrator.errors import UsageError
from orchestrator.money import shown
from orchestrator.report import words
from orchestrator.store.marks import marks
from orchestrator.store.rows import Marks

if TYPE_CHECKING:
    from orchestrator.store.rows import RunRow
    from orchestrator.store.store import Store

FEW = 64
"""Runs that are read one by one when they changed; of more all are read at once."""
DAY = 86_400.0

LOOKS: Mapping[str, tuple[str, Role]] = {
    "damaged": ("✗", "bad"),
    **{
        status: RUN_GLYPHS[status]
        for status in ("running", "waiting", "failed", "rejected", "interrupted", "cancelled", "done", "new")
    },
}
"""Sign and role of a status, in the order in which a person wants to see them. A damaged record comes first: what it
says may be wrong."""
UNKNOWN: tuple[str, Role] = ("·", "dim")
"""For a status that a newer version wrote."""
_URGENCY = {status: place for place, status in enumerate(LOOKS)}

COLUMNS = (
    Column("status", "STATUS", 13),
    Column("workflow", "WORKFLOW", 14, up_to=44),
    Column("run", "RUN", 14),
    Column("when", "STARTED", 12),
    Column("took", "TOOK", 11, right=True),
    Column("steps", "STEPS", 9, right=True),
    Column("tokens", "TOKENS", 10, right=True),
    Column("local", "LOCAL", 6, right=True),
    Column("spent", "SPENT", 9, right=True),
    Column("out_of", "OUT OF", 8),
)
DROPS = ("tokens", "spent", "local", "out_of", "took", "steps", "when", "run")
"""What goes first where there is no room."""


class Order(NamedTuple):
    """`key` is of a run, its status as it is shown, and now; `reverse` is the first direction: the newest, most at the top."""

    column: str
    key: Callable[[RunRow, str, float], Any]
    reverse: bool


ORDERS = (
    Order("when", lambda row, status, now: row.started, True),  # noqa: ARG005
    Order("took", lambda row, status, now: -1.0 if (took := seconds(row, now)) is None else took, True),  # noqa: ARG005
    Order("steps", lambda row, status, now: (row.finished, row.failed), True),  # noqa: ARG005
    Order("tokens", lambda row, status, now: row.prompt_tokens + row.completion_tokens, True),  # noqa: ARG005
    Order("local", lambda row, status, now: _share(row), False),  # noqa: ARG005
    Order("spent", lambda row, status, now: row.cost, True),  # noqa: ARG005
    Order("status", lambda row, status, now: _URGENCY.get(status, len(_URGENCY)), False),  # noqa: ARG005
    Order("workflow", lambda row, status, now: (row.workflow, row.revision), False),  # noqa: ARG005
    Order("run", lambda row, status, now: row.id, False),  # noqa: ARG005
)


def seconds(row: RunRow, now: float) -> float | None:
    """How long it took, or has taken; None when its owner died and nobody knows."""
    ended = row.ended if row.ended is not None else (now if row.live else None)
    return max(0.0, ended - row.started) if ended is not None else None


def moment(at: float, now: float) -> str:
    """`12 min ago` today, `21 Nov 06:45` this year, else `2025-11-21`: the user's own clock."""
    then, today = time.localtime(at), time.localtime(now)
    if then[:3] == today[:3] or 0 <= now - at < DAY / 8:
        return f"{words.about(max(0.0, now - at))} ago" if now - at >= 1 else "now"
    return time.strftime("%d %b %H:%M" if then.tm_year == today.tm_year else "%Y-%m-%d", then)


class RunsReader:
    """Every run of a store, the newest first. `read` is called from one thread; raises OrchError."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows: dict[str, RunRow] = {}
        self._list: list[RunRow] = []
        self.marks = Marks()
        """What is known of runs besides: it changes without a word in their records."""

    def read(self) -> list[RunRow]:
        """The list as it is now; the very same object when nothing has changed."""
        lengths, known_of = self._store.lengths(), marks(self._store)
        stale = [run for run, events in lengths.items() if self._is_stale(run, events)]
        fresh = self._fetched(stale)
        unchanged = all(self._rows.get(run) == row for run, row in fresh.items()) and known_of == self.marks
        if unchanged and lengths.keys() == self._rows.keys():
            return self._list
        self.marks = known_of
        known = {**self._rows, **fresh}
        self._rows = {run: known[run] for run in lengths if run in known}
        self._list = list(self._rows.values())
        return self._list

    def _is_stale(self, run: str, events: int) -> bool:
        """Its log grew, or its owner may have died without a word."""
        row = self._rows.get(run)
        return row is None or row.live or row.events != events

    def _fetched(self, runs: list[str]) -> dict[str, RunRow]:
        if len(runs) > FEW:
            return {row.id: row for row in self._store.runs()}
        found = {}
        for run in runs:
            with suppress(UsageError):  # deleted a moment ago
                found[run] = self._store.run(run)
        return found


class RunsTable:
    """A source of a listing. `now` is the clock for what runs and for `12 min ago`."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.runs: list[RunRow] = []
        """All of them, the newest first."""
        self.marks = Marks()
        self.shown: list[RunRow] = []
        self.needle = ""
        self._empty: frozenset[str] = frozenset()
        """The columns in which nothing stands."""
        self.order = ORDERS[0]
        self.reverse = ORDERS[0].reverse

    # -- what is shown

    def take(self, runs: list[RunRow], known: Marks | None = None) -> None:
        self.runs, self.marks = runs, known or Marks()
        empty = {"spent": not any(row.cost for row in runs), "out_of": not any(map(self._from, runs))}
        self._empty = frozenset(name for name, nothing in empty.items() if nothing)
        self._arrange()

    def filter(self, needle: str) -> None:
        """Only runs that have every one of these words in their id, workflow, revision, status or where they are from."""
        self.needle = needle
        self._arrange()

    def sort_next(self) -> None:
        """The other direction, and then the next column."""
        if self.reverse == self.order.reverse:
            self.reverse = not self.reverse
        else:
            orders = [order for order in ORDERS if order.column not in self._empty]
            place = orders.index(self.order) if self.order in orders else -1
            self.order = orders[(place + 1) % len(orders)]
            self.reverse = self.order.reverse
        self._arrange()

    def at(self, index: int) -> RunRow | None:
        return self.shown[index] if 0 <= index < len(self.shown) else None

    def place(self, run: str) -> int | None:
        """Where a run stands now, None when it is not shown."""
        return next((index for index, row in enumerate(self.shown) if row.id == run), None)

    def _arrange(self) -> None:
        wanted = self.needle.lower().split()
        rows = [row for row in self.runs if self._has(row, wanted)] if wanted else list(self.runs)
        if self.order is not ORDERS[0] or not self.reverse:
            now = self._now()
            rows.sort(key=lambda row: self.order.key(row, self.status(row), now), reverse=self.reverse)
        self.shown = rows

    def status(self, row: RunRow) -> str:
        """What a person is to know first of it."""
        return "damaged" if row.id in self.marks.damaged else row.status

    def _has(self, row: RunRow, wanted: list[str]) -> bool:
        said = f"{row.id} {row.workflow}@{row.revision} {row.status} {self.status(row)}"
        text = f"{said} {self._from(row)} {row.origin or ''}".lower()
        return all(word in text for word in wanted)

    def _from(self, row: RunRow) -> str:
        """Nothing for a run that began here by itself."""
        return "imported" if row.id in self.marks.imported else words.out_of(row.origin)

    # -- rows

    def __len__(self) -> int:
        return len(self.shown)

    def row(self, index: int, width: int) -> Row:
        row = self.shown[index]
        return self._layout(width).row(_cells(row, self.status(row), self._from(row), self._now()))

    def header(self, width: int) -> Row:
        return self._layout(width).header({self.order.column: "↓" if self.reverse else "↑"})

    def _layout(self, width: int) -> Layout:
        return layout(tuple(one for one in COLUMNS if one.name not in self._empty), DROPS, width)

    def totals(self) -> Row:
        """`12 runs · ● 1 running · ? 2 waiting · ✗ 3 failed · ✗ 1 damaged`."""
        pieces: list[Piece] = [(words.count(len(self.runs), "run"), "bold")]
        for status in ("running", "waiting", "failed", "damaged"):
            if count := sum(self.status(row) == status for row in self.runs):
                sign, role = LOOKS[status]
                pieces += [(" · ", "dim"), (f"{sign} {count:,} {status}", role)]
        if self.needle.strip():
            pieces += [(" · ", "dim"), (f"{len(self.shown):,} with “{self.needle.strip()}”", "match")]
        return tuple(pieces)


def _share(row: RunRow) -> float:
    calls = row.local_calls + row.cloud_calls
    return row.local_calls / calls if calls else 2.0


def _cells(row: RunRow, status: str, come_from: str, now: float) -> dict[str, Row]:
    sign, role = LOOKS.get(status, UNKNOWN)
    took = seconds(row, now)
    tokens = row.prompt_tokens + row.completion_tokens
    failed: Row = ((f"✗{row.failed:,} ", "bad"),) if row.failed else ()
    return {
        "status": ((f"{sign} {status}", role),),
        "workflow": ((row.workflow, ""), (f"@{row.revision}" if row.revision else "", "dim")),
        "run": ((row.id, "key"),),
        "when": ((moment(row.started, now), "dim"),),
        "took": ((words.seconds(took) if took is not None else "–", ""),),
        "steps": (*failed, (f"{row.finished:,}", "")),
        "tokens": ((words.number(tokens) if tokens else "–", "dim"),),
        "local": (_local(row),),
        "spent": ((shown(row.cost) if row.cost else "–", "" if row.cost else "dim"),),
        "out_of": ((come_from, "dim"),),
    }


def _local(row: RunRow) -> Piece:
    if not row.local_calls + row.cloud_calls:
        return ("–", "dim")
    if not row.cloud_calls:
        return ("all", "good")
    return (words.share(row.local_calls, row.local_calls + row.cloud_calls), "cloud")
