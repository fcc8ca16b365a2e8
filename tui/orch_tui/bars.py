"""The lines above and below a run: what it is and how far, what it uses and what stayed here.

What has no room is left out, the least important first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from rich.cells import cell_len
from textual.strip import Strip
from textual.widget import Widget

from orch_tui import prices
from orch_tui.budget import budget_of
from orch_tui.eta import items_ended, remaining, steps_ended
from orch_tui.prices import Comparing, Elsewhere, comparing
from orch_tui.settings import keys_of, shown_key
from orch_tui.span_row import RUN_GLYPHS
from orch_tui.text import Piece, Role, Row, Styles, clean, cut, strip, width_of
from orchestrator.errors import OrchError
from orchestrator.money import shown as shown_amount
from orchestrator.report import words
from orchestrator.report.cost import Line
from orchestrator.report.summary import whereabouts
from orchestrator.store.answers import is_answered, is_late

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.ports import Machine
    from orch_tui.trace import Trace
    from orch_tui.view import Followed

MACHINE_EVERY = 3.0
"""Seconds between looks at the machine."""
FIGURES_EVERY = 0.5
"""Seconds between drawings of figures that only grow: nobody reads them faster, and each draws both ends of the screen."""
GAUGE = 8
"""Cells of a bar."""
TIGHT = 0.9
"""The share of something bounded from which it is a warning."""

IDLE, IDLE_SHARE = 1.0, 0.05
"""Seconds, and the share, in which nobody worked on a run from which both times are told."""
ANSWERED_EVERY = 1.0
"""Seconds between looks whether a run that waits was answered."""


BETWEEN = "   "
"""Between the parts of the first line."""
NAME = 8
"""Columns that a cut name has at least."""


class Part(NamedTuple):
    """Something on a line; what has the greatest `rank` is left out first."""

    rank: int
    row: Row


def fitted(parts: Iterable[Part], width: int, between: str = " · ") -> Row:
    """The parts that have room, in their order. One always stays, cut where it is drawn."""
    said = [part for part in parts if any(text for text, _ in part.row)]
    kept: list[Part] = []
    room = width
    for part in sorted(said, key=lambda part: part.rank):  # what has no room leaves it to the less important
        size = width_of(part.row) + (len(between) if kept else 0)
        if size <= room or not kept:
            kept.append(part)
            room -= size
    row: list[Piece] = []
    for part in (part for part in said if part in kept):
        row += [(between, "dim"), *part.row] if row else part.row
    return tuple(row)


class Bar(Widget):
    """Some rows of fixed height, made by `rows` and drawn only when they changed."""

    DEFAULT_CSS = "Bar { height: 1; width: 1fr; background: $panel; }"

    def __init__(self, shown: Followed, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.shown = shown
        self._clock = clock
        self._stands: tuple[object, ...] = ()
        self._drawn: tuple[int, list[Row]] = (0, [])
        self._styles: Styles | None = None
        self._due = float("-inf")

    def rows(self, width: int) -> list[Row]:
        """What stands in the bar when it has so many columns; nothing yet in this one."""
        return [()] if width else []

    def flush(self, news: News) -> None:
        """At once how the run stands; figures when they are due."""
        now, stands = self._clock(), self._standing()
        if news.changed or not news or now >= self._due or stands != self._stands:
            self._stands = stands
            self._due = now + FIGURES_EVERY
            self.redraw()

    def _standing(self) -> tuple[object, ...]:
        """What is shown at once when it changes."""
        return self.shown.feed.status, len(self.shown.trace.state.asks), self.shown.rows.following

    def redraw(self) -> None:
        width = self.size.width
        drawn = width, self.rows(width)
        if drawn != self._drawn:
            self._drawn = drawn
            self.refresh()

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if self._drawn[0] != width:
            self._drawn = width, self.rows(width)
        if self._styles is None:
            self._styles = Styles(self.app.theme_variables)
        rows = self._drawn[1]
        return strip(rows[y] if y < len(rows) else (), width, self._styles, self.rich_style)

    def on_mount(self) -> None:
        self.app.theme_changed_signal.subscribe(self, self._theme_changed)

    def on_unmount(self) -> None:
        self.app.theme_changed_signal.unsubscribe(self)  # it would hold the widget, and the run with it

    def _theme_changed(self, _theme: object) -> None:
        self._styles = None
        self.refresh()


class RunHeader(Bar):
    """Which run, how it stands and what to do next; below it how far it is and what it took."""

    DEFAULT_CSS = "RunHeader { height: 2; }"

    def __init__(self, shown: Followed, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(shown, clock)
        self.answered = False
        """Whether all that the run waits for was answered, and nobody has taken it up yet."""
        self._asked_at = float("-inf")

    def rows(self, width: int) -> list[Row]:
        first = _first(self.shown, width - 2, answered=self.answered)
        return [(("  ", ""), *first), (("  ", ""), *_second(self.shown, width - 2))]

    def flush(self, news: News) -> None:
        waits = self.shown.feed.status == "waiting"
        self.answered = self.answered and waits
        if waits and self._clock() - self._asked_at >= ANSWERED_EVERY:
            self._asked_at = self._clock()
            self.run_worker(self._look_for_answers, thread=True, exclusive=True, exit_on_error=False)
        super().flush(news)

    def _standing(self) -> tuple[object, ...]:
        return *super()._standing(), self.answered

    def _look_for_answers(self) -> None:
        """Answers lie in the inbox until the run goes on: its record does not tell of them."""
        store = self.shown.world.store
        try:
            self.answered = is_answered(store, store.run(self.shown.run))
        except OrchError:
            self.answered = False  # what cannot be read is said elsewhere


def _first(shown: Followed, width: int, *, answered: bool) -> Row:
    state, feed = shown.trace.state, shown.feed
    row = feed.row
    name = state.workflow or (row.workflow if row is not None else "")
    revision = state.revision or (row.revision if row is not None else "")
    before = [
        Part(1, ((shown.run, "bold"),)),
        Part(0, (("replay", "accent"),) if feed.replay is not None else ()),
        Part(5, _made_of(shown.trace)),
    ]
    behind = [
        Part(0, _status(shown, answered=answered)),
        Part(2, ((next_step(shown), "ask"),) if feed.status != "waiting" else ()),
        Part(3, _why(shown)),
    ]
    room = width - width_of(fitted([*before, *behind], width, BETWEEN)) - len(BETWEEN)
    return fitted([*before, Part(4, _named(name, revision, room)), *behind], width, BETWEEN)


def _made_of(trace: Trace) -> Row:
    """The run that it began with, and from where on it went anew."""
    at = f" at {trace.made_at}" if trace.made_at else ""
    return ((f"out of {trace.made_of}{at}", "dim"),) if trace.made_of else ()


def _named(name: str, revision: str, room: int) -> Row:
    """A name too long for the room the rest leaves is cut; the revision goes first."""
    at = f"@{revision}" if revision else ""
    if cell_len(clean(name) + clean(at)) <= room:
        return ((name, "head"), (at, "dim")) if name else ()
    return ((cut(clean(name), room), "head"),) if room >= NAME else ()


def _status(shown: Followed, *, answered: bool) -> Row:
    feed = shown.feed
    if feed.gone:
        return (("this run was deleted", "bad"),)
    glyph, role = RUN_GLYPHS[feed.status]
    if feed.trouble:
        return ((f"{glyph} {feed.status}", role), ("  cannot be read now", "warn"))
    if feed.status == "waiting" and (step := next_step(shown, answered=answered)):
        return ((f"{glyph} {step}", role),)
    return ((f"{glyph} {feed.status}", role),)


def next_step(shown: Followed, *, answered: bool = False) -> str:
    """What a person can do about it now, with the key or the command; in a replay nothing: it was then.

    `answered`: all the answers lie ready.
    """
    feed, run, now = shown.feed, shown.run, shown.world.now()
    open_ = [ask for ask in shown.trace.state.asks.values() if not is_late(ask, now)]
    late, asks = len(shown.trace.state.asks) - len(open_), 0 if answered else len(open_)
    if feed.gone or not feed.caught_up or feed.replay is not None:
        return ""
    if asks and feed.status in ("running", "waiting"):
        return f"waiting for {words.count(asks, 'answer')}: {_key(shown, 'approvals')}"
    match feed.status:
        case "waiting" if shown.trace.waits_for:
            return f"waiting for a larger budget: orch resume {run} {larger(shown)}"
        case "waiting" if shown.trace.unknown:
            step = shown.trace.unknown[0]
            return f"did {step} happen? orch resume {run} --done {step}; if it did not: --rerun {step}"
        case "waiting" if late and not answered:
            return f"too late to answer; go on with: orch resume {run}"
        case "waiting":
            return f"waiting, but answered; go on with: orch resume {run}"
        case "failed":
            again = f"orch resume {run}" if shown.world.forks is None else _key(shown, "again")
            return f"to the error: {_key(shown, 'next_error')}, try again: {again}"
        case "interrupted" | "cancelled":
            return f"go on with: orch resume {run}"
        case _:
            return ""


def larger(shown: Followed) -> str:
    """The option that raises what the run has run out of, as far as there is only one that can be meant."""
    budget = budget_of(shown.trace.state.options, shown.trace.raised)
    bounds = (("usd", budget.usd), ("tokens", budget.tokens), ("cloud-calls", budget.cloud_calls))
    bounded_by = [name for name, bound in bounds if bound is not None]
    return f"--budget-{bounded_by[0]} …" if len(bounded_by) == 1 else "--budget-…"


def _why(shown: Followed) -> Row:
    error = shown.trace.state.error
    if shown.feed.status == "waiting" and shown.trace.waits_for:
        return ((shown.trace.waits_for, "warn"),)
    if error is None or shown.feed.status not in ("failed", "rejected"):
        return ()
    return ((f"{error.path}: {error.message}" if error.path else error.message, "bad"),)


def _key(shown: Followed, action: str) -> str:
    return shown_key(keys_of(action, shown.world.settings.keys)[0])


def _second(shown: Followed, width: int) -> Row:
    feed, state, summary = shown.feed, shown.trace.state, shown.trace.summary
    if not feed.caught_up:
        return ((f"reading the record {feed.progress * 100:.0f} %", "warn"),) if not feed.gone else ()
    tokens = state.prompt_tokens + state.completion_tokens
    parts = [
        Part(0, _said(_steps(shown))),
        Part(1, _said(_items(shown))),
        Part(3, ((f"{words.number(summary.failed)} failed", "bad"),) if summary.failed else ()),
        Part(3, ((f"{words.number(summary.caught)} caught", "warn"),) if summary.caught else ()),
        Part(2, _said(_took(shown))),
        Part(8, _followed(shown)),
        Part(1, _said(_left(shown))),
        Part(6, _said(f"{words.count(state.local_calls, 'local call')}" if state.local_calls else "")),
        Part(4, ((words.count(state.cloud_calls, "cloud call"), "cloud"),) if state.cloud_calls else ()),
        Part(5, _said(words.count(tokens, "token") if tokens else "")),
        Part(7, _said(_speed(shown))),
    ]
    return fitted(parts, width)


def _said(text: str) -> Row:
    return ((text, ""),) if text else ()


def _steps(shown: Followed) -> str:
    ended, steps = steps_ended(shown.trace), shown.trace.state.steps
    if shown.feed.status == "done" or not steps:
        return words.count(steps or ended, "step")
    return f"{words.number(ended)}/{words.count(steps, 'step')}"


def _items(shown: Followed) -> str:
    """How many items of the outermost lists under way have ended."""
    ended, items = items_ended(shown.trace)
    return f"{words.number(ended)}/{words.count(items, 'item')}" if items else ""


def _took(shown: Followed) -> str:
    """What it took, as the list of runs has it, and how much of that somebody worked on it where the two differ.

    A record whose first event cannot be read does not say when it began."""
    state, worked = shown.trace.state, shown.trace.summary.worked(shown.now)
    whole = (shown.now if state.ended is None else state.ended) - state.started
    if not state.started or whole - worked < max(IDLE, whole * IDLE_SHARE):
        return words.seconds(worked)
    return f"{words.seconds(whole)}, {words.seconds(worked)} of it at work"


def _followed(shown: Followed) -> Row:
    """Whether the cursor goes with what runs."""
    if not shown.feed.running:
        return ()
    return (("following", "run"),) if shown.rows.following else ((f"follow: {_key(shown, 'follow')}", "dim"),)


def _left(shown: Followed) -> str:
    rest = remaining(shown.trace, shown.now) if shown.feed.running else None
    return f"about {words.about(rest)} left" if rest is not None and rest >= 1 else ""


def _speed(shown: Followed) -> str:
    if shown.feed.running:
        rate = shown.feed.rate.per_second()
        return f"{rate:,.0f} tok/s" if rate >= 0.5 else ""
    total = shown.trace.summary.total
    return words.rate(total.completion_tokens, total.busy)


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
    if machine is not None and machine.memory_total:
        used = machine.memory_total - machine.memory_available
        parts.append(Part(4, bounded("memory", used, machine.memory_total, words.size)))
    where = whereabouts(summary)
    parts.append(Part(1, ((where, "cloud" if summary.stayed_local is False else "good"),) if where else ()))
    parts.append(Part(3, _said(compared(total, other, bounded_in_usd=budget.usd is not None))))
    parts.append(Part(5, _said(f"{words.number(summary.cached)} cached" if summary.cached else "")))
    return fitted(parts, width)


def amount(nanos: float) -> str:
    return shown_amount(int(nanos))


def compared(total: Line, other: Elsewhere | None, *, bounded_in_usd: bool = False) -> str:
    """`$0.0004 spent; about $0.021 if gpt-5-mini had done it all`; what stands in the bar of the budget is not repeated."""
    said = prices.against(total, other)
    if bounded_in_usd and said:
        return said.partition("; ")[2]
    return said or (f"{shown_amount(total.cost)} spent" if total.cost and not bounded_in_usd else "")


def bounded(name: str, used: float, bound: float, said: Callable[..., str]) -> Row:
    """How much of something bounded is used: `tokens ▰▰▱▱▱▱▱▱ 312 of 1,000`."""
    share = used / bound if bound else 1.0
    cells = min(GAUGE, round(share * GAUGE))
    role: Role = "bad" if share >= 1 else "warn" if share >= TIGHT else "accent"
    return (
        (f"{name} ", "dim"),
        ("▰" * cells, role),
        ("▱" * (GAUGE - cells), "track"),
        (f" {said(used)} of {said(bound)}", "" if share < TIGHT else role),
    )
