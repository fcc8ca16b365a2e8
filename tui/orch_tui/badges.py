"""What the steps of a workflow do now, in a few words each, from a trace. Knows no drawing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from orch_tui.drawing import Badge
from orch_tui.span_row import GLYPHS, QUEUED
from orch_tui.trace import (
    ASKING,
    CACHED,
    CAUGHT,
    DONE,
    FAILED,
    NOWHERE,
    RUNNING,
    SKIPPED,
    STOPPED,
    UNASKED,
    Trace,
)
from orchestrator.report import words
from orchestrator.report.paths import step_of
from orchestrator.report.summary import StepRow

NOT_YET = Badge("· not yet", "dim")


class Badges:
    """The words for every step; what they cost goes with what runs, not with what has run."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self._items: dict[str, int] = {}
        """Items of all fan-outs of a step."""
        self._seen = 0

    def of(self, steps: Iterable[str], now: float) -> dict[str, Badge]:
        self._count_items()
        open_ = self._open()
        return {step: self._badge(step, open_, now) for step in steps}

    def in_trouble(self, step: str) -> bool:
        """Whether an instance of it failed, or something went on after an error."""
        row = self.trace.summary.steps.get(step)
        return row is not None and bool(row.failed or row.caught)

    def _count_items(self) -> None:
        items = self.trace.items
        for span, count in islice(items.items(), self._seen, None):
            step = step_of(self.trace.path(span))
            self._items[step] = self._items.get(step, 0) + count
        self._seen = len(items)

    def _open(self) -> dict[str, list[int]]:
        """Spans under way or cut off, by step."""
        found: dict[str, list[int]] = {}
        for path in self.trace.state.spans:
            span = self.trace.find(path)
            if span != NOWHERE:
                found.setdefault(step_of(path), []).append(span)
        return found

    def _badge(self, step: str, open_: Mapping[str, list[int]], now: float) -> Badge:
        spans = open_.get(step, [])
        row = self.trace.summary.steps.get(step)
        if row is None:
            return NOT_YET
        statuses = {self.trace.status[span] for span in spans}
        for status in (ASKING, RUNNING, STOPPED):
            if status in statuses:
                return self._under_way(row, status, spans, now)
        more = any(above in open_ for above in _above(step))
        return self._ended(row, more=more and self._of(step) is not None)

    def _under_way(self, row: StepRow, status: int, spans: list[int], now: float) -> Badge:
        glyph, role = GLYPHS[status]
        if status == ASKING:
            return Badge(f"{glyph} asks a person", role, busy=True)
        counted = self._counted(row)
        if status == STOPPED and all(self.trace.notes.get(span) == UNASKED for span in spans):
            return Badge(f"{glyph} {UNASKED}", role)
        queued = sum(self.trace.queued(span) for span in spans) if status == RUNNING else 0
        if not counted:
            if queued:
                return Badge(f"{QUEUED[0]} waits for its model", QUEUED[1], busy=True)
            took = words.seconds(self.trace.seconds(spans[-1], now))
            counted = took if status == RUNNING else f"cut off, {took}"
        waiting = f" {QUEUED[0]} {queued:,}" if queued else ""
        return Badge(f"{glyph} {counted}{self._failed(row)}{waiting}", role, busy=status == RUNNING)

    def _ended(self, row: StepRow, *, more: bool) -> Badge:
        """`more` of its instances come, but none is under way at this very moment."""
        status = DONE
        if more and self.trace.state.status == "running":
            status = RUNNING
        elif row.failed > row.kept:
            status = FAILED
        elif row.skipped and not row.done:
            status = SKIPPED
        elif row.caught and (row.caught == row.done or not self._counted(row)):
            status = CAUGHT
        elif row.done and row.cached == row.done:
            status = CACHED
        glyph, role = GLYPHS[status]
        counted = self._counted(row)
        if not counted:
            word = {FAILED: "failed", SKIPPED: "skipped", CACHED: "cached", CAUGHT: "caught"}.get(
                status, "done"
            )
            return Badge(
                f"{glyph} {word}{'' if status == SKIPPED else ' ' + words.seconds(row.seconds)}", role
            )
        return Badge(f"{glyph} {counted}{self._failed(row)}", role)

    def _counted(self, row: StepRow) -> str:
        """`12/40` for a step of many instances; empty for one of a single instance."""
        ended = row.done + row.skipped + row.failed
        of = self._of(row.step)
        if of is None and ended < 2:
            return ""
        return f"{ended:,}/{of:,}" if of is not None and ended <= of else f"{ended:,}"

    def _failed(self, row: StepRow) -> str:
        """How many of many failed, and how many were caught."""
        if not self._counted(row):
            return ""
        counts = ((FAILED, row.failed), (CAUGHT, row.caught))
        return "".join(f" {GLYPHS[status][0]} {count:,}" for status, count in counts if count)

    def _of(self, step: str) -> int | None:
        """How many instances there will be: the items of the innermost fan-out it is, or is inside of."""
        while step:
            if step in self._items:
                return self._items[step]
            step = step.rpartition(".")[0]
        return None


def _above(step: str) -> Iterator[str]:
    """`a.b` and `a` for `a.b.c`."""
    while "." in step:
        step = step.rpartition(".")[0]
        yield step
