"""The line below a run: its budget, the memory of this machine, what stayed on it, what all of it would have cost."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from orch_tui import prices
from orch_tui.bar import Bar, Part, bounded, fitted, told
from orch_tui.budget import budget_of
from orch_tui.prices import Comparing, Elsewhere, comparing
from orch_tui.text import Row
from orchestrator.errors import OrchError
from orchestrator.money import shown as shown_amount
from orchestrator.report import words
from orchestrator.report.cost import Line
from orchestrator.report.summary import whereabouts

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.ports import Machine
    from orch_tui.view import Followed

MACHINE_EVERY = 3.0
"""Seconds between looks at the machine."""


class UsageBar(Bar):
    """The budget when there is one, the memory of this machine, what stayed on it, and what was reused."""

    def __init__(self, shown: Followed) -> None:
        super().__init__(shown)
        self.machine: Machine | None = None
        self.other: Elsewhere | None = None
        """The model that the run is compared with, as soon as it is known."""
        self._looked = float("-inf")
        self._compared: Comparing | None = None

    def rows(self, width: int) -> list[Row]:
        return [(("  ", ""), *usage(self.shown, self.machine, width - 2, self.other))]

    def flush(self, news: News) -> None:
        self._look()
        self._compare()
        super().flush(news)

    def _compare(self) -> None:
        """Find the model to compare with: once somebody has answered, and when another one was paid."""
        trace = self.shown.trace
        if not self.shown.feed.caught_up or not trace.summary.spending.lines:
            return
        wish = comparing(trace.state, trace.summary)
        if wish != self._compared:
            self._compared = wish
            self.run_worker(
                lambda: self._find(wish), thread=True, group="compare", exclusive=True, exit_on_error=False
            )

    def _find(self, wish: Comparing) -> None:
        self.other = wish.find(self.shown.world)

    def _look(self) -> None:
        now = time.monotonic()
        if now - self._looked >= MACHINE_EVERY:
            self._looked = now
            self.run_worker(self._look_at_machine, thread=True, exclusive=True, exit_on_error=False)

    def _look_at_machine(self) -> None:
        try:
            self.machine = self.shown.world.machine()
        except (OrchError, OSError):
            self.machine = None  # a bar that is not there says it


def usage(shown: Followed, machine: Machine | None, width: int, other: Elsewhere | None = None) -> Row:
    """The row of the usage bar."""
    state, summary = shown.trace.state, shown.trace.summary
    budget = budget_of(state.options, shown.trace.raised)
    total = summary.spending.total()
    tokens = state.prompt_tokens + state.completion_tokens
    parts: list[Part] = []
    if budget.usd is not None:
        parts.append(Part(2, bounded("spent", total.cost, budget.usd, amount)))
    if budget.tokens is not None:
        parts.append(Part(2, bounded("tokens", tokens, budget.tokens, words.number)))
    if budget.cloud_calls is not None:
        parts.append(Part(2, bounded("cloud calls", state.cloud_calls, budget.cloud_calls, words.number)))
    if budget.wall is not None:
        parts.append(Part(3, bounded("time", summary.worked(shown.now), budget.wall, words.seconds)))
    if machine is not None and machine.memory_total and shown.feed.replay is None:  # it is of now
        used = machine.memory_total - machine.memory_available
        parts.append(Part(4, bounded("memory", used, machine.memory_total, words.size)))
    where = whereabouts(summary)
    parts.append(Part(1, ((where, "cloud" if summary.stayed_local is False else "good"),) if where else ()))
    parts.append(Part(3, told(compared(total, other, bounded_in_usd=budget.usd is not None))))
    parts.append(Part(5, told(f"{words.number(summary.cached)} cached" if summary.cached else "")))
    return fitted(parts, width)


def amount(nanos: float) -> str:
    return shown_amount(int(nanos))


def compared(total: Line, other: Elsewhere | None, *, bounded_in_usd: bool = False) -> str:
    """`$0.0004 spent; about $0.021 if gpt-5-mini had done it all`; what stands in the bar of the budget is not repeated."""
    said = prices.against(total, other)
    if bounded_in_usd and said:
        return said.partition("; ")[2]
    return said or (f"{shown_amount(total.cost)} spent" if total.cost and not bounded_in_usd else "")
