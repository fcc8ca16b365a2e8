"""The two lines above a run: which it is, how it stands and what to do next; how far it is and what it took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rich.cells import cell_len

from orch_tui.bar import Bar, Part, fitted, told
from orch_tui.budget import budget_of
from orch_tui.eta import items_ended, remaining, steps_ended
from orch_tui.settings import keys_of, shown_key
from orch_tui.span_row import RUN_GLYPHS
from orch_tui.text import Row, clean, cut, width_of
from orchestrator.errors import OrchError
from orchestrator.report import words
from orchestrator.store.answers import is_answered, is_late

if TYPE_CHECKING:
    from orch_tui.feed import News
    from orch_tui.trace import Trace
    from orch_tui.view import Followed

IDLE, IDLE_SHARE = 1.0, 0.05
"""Seconds, and the share, in which nobody worked on a run from which both times are told."""
ANSWERED_EVERY = 1.0
"""Seconds between looks whether a run that waits was answered."""
RESUMED = 30.0
"""Seconds for which a process that goes on with a run may take until the run's record tells of it."""
BETWEEN = "   "
"""Between the parts of the first line."""
NAME, REASON = 8, 24
"""Columns that a cut name has at least, and a cut reason."""


class RunHeader(Bar):
    """Which run, how it stands and what to do next; below it how far it is and what it took."""

    DEFAULT_CSS = "RunHeader { height: 2; }"

    def __init__(self, shown: Followed, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(shown, clock)
        self.answered = False
        """Whether all that the run waits for was answered, and nobody has taken it up yet."""
        self.resumed = False
        """Whether somebody answered here, and a process is starting that takes it up."""
        self._asked_at = float("-inf")

    def rows(self, width: int) -> list[Row]:
        first = _first(self.shown, width - 2, answered=self.answered, resumed=self.resumed)
        return [(("  ", ""), *first), (("  ", ""), *_second(self.shown, width - 2))]

    def flush(self, news: News) -> None:
        waits = self.shown.feed.status == "waiting"
        self.answered = self.answered and waits
        self.resumed = waits and self._is_resumed()
        if waits and self._clock() - self._asked_at >= ANSWERED_EVERY:
            self._asked_at = self._clock()
            self.run_worker(self._look_for_answers, thread=True, exclusive=True, exit_on_error=False)
        super().flush(news)

    def _standing(self) -> tuple[object, ...]:
        return *super()._standing(), self.answered, self.resumed

    def _is_resumed(self) -> bool:
        """Whether this screen started a process a moment ago that goes on with it: that takes a while to begin."""
        resumed: Mapping[str, float] = getattr(self.app, "resumed", {})
        return self._clock() - resumed.get(self.shown.run, float("-inf")) < RESUMED

    def _look_for_answers(self) -> None:
        """Answers lie in the inbox until the run goes on: its record does not tell of them."""
        store = self.shown.world.store
        try:
            self.answered = is_answered(store, store.run(self.shown.run))
        except OrchError:
            self.answered = False  # what cannot be read is said elsewhere


def _first(shown: Followed, width: int, *, answered: bool, resumed: bool) -> Row:
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
        Part(0, _status(shown, answered=answered, resumed=resumed)),
        Part(2, ((next_step(shown), "ask"),) if feed.status != "waiting" else ()),
        Part(3, _why(shown)),
    ]
    room = width - width_of(fitted([*before, *behind], width, BETWEEN)) - len(BETWEEN)
    named = Part(4, _named(name, revision, room))
    return _with_reason(shown, fitted([*before, named, *behind], width, BETWEEN), width)


def _with_reason(shown: Followed, row: Row, width: int) -> Row:
    """A reason that did not fit as a whole stands at the end, cut, where there is room for some of it."""
    room = width - width_of(row) - len(BETWEEN)
    found = [(text, role) for text, role in _why(shown) if (text, role) not in row]
    if not found or room < REASON:
        return row
    return (*row, (BETWEEN, "dim"), *((cut(clean(text), room), role) for text, role in found))


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


def _status(shown: Followed, *, answered: bool, resumed: bool) -> Row:
    feed = shown.feed
    if feed.gone:
        return (("this run was deleted", "bad"),)
    glyph, role = RUN_GLYPHS[feed.status]
    if feed.trouble:
        return ((f"{glyph} {feed.status}", role), ("  cannot be read now", "warn"))
    if feed.status == "waiting" and (step := next_step(shown, answered=answered, resumed=resumed)):
        return ((f"{glyph} {step}", role),)
    return ((f"{glyph} {feed.status}", role),)


def next_step(shown: Followed, *, answered: bool = False, resumed: bool = False) -> str:
    """What a person can do about it now, with the key or the command; in a replay nothing: it was then.

    `answered`: all the answers lie ready; `resumed`: they were given here, and a process that goes on is starting.
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
        case "waiting" if answered and resumed:
            return "answered, and going on in a moment"
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
        Part(0, told(_steps(shown))),
        Part(1, told(_items(shown))),
        Part(3, ((f"{words.number(summary.failed)} failed", "bad"),) if summary.failed else ()),
        Part(3, ((f"{words.number(summary.caught)} caught", "warn"),) if summary.caught else ()),
        Part(2, told(_took(shown))),
        Part(8, _followed(shown)),
        Part(1, told(_left(shown))),
        Part(6, told(f"{words.count(state.local_calls, 'local call')}" if state.local_calls else "")),
        Part(4, ((words.count(state.cloud_calls, "cloud call"), "cloud"),) if state.cloud_calls else ()),
        Part(5, told(words.count(tokens, "token") if tokens else "")),
        Part(7, told(_speed(shown))),
    ]
    return fitted(parts, width)


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
