"""The left side of a run: rows by width, the waterfall, and the tree under the keys of a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import pytest
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widgets import Input

from orch_tui.feed import Feed
from orch_tui.find import FindBar
from orch_tui.rows import TreeRows
from orch_tui.span_row import Look, clock, layout, row_at
from orch_tui.text import plain, width_of
from orch_tui.trace import NOWHERE, Trace
from orch_tui.tree import SpanTree, TreePane
from orch_tui.tree_source import TreeSource
from orch_tui.view import Followed
from orch_tui.waterfall import Axis, Segment, bar, segments_of
from orchestrator.events import (
    AskOpened,
    Event,
    ModelReady,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import AT, record
from tests.tui.host import shown
from tests.tui.recorded import HOSTILE, a_varied_run, tried, world

RUN = "1123-0700-eee"


# -- rows


def rows_of(*events: Event) -> TreeRows:
    rows = TreeRows(Trace())
    for seq, event in enumerate(events):
        span = rows.trace.take(event, seq)
        if span != NOWHERE:
            rows.touch(span)
    return rows


def texts(rows: TreeRows, width: int, now: float | None = None, *, growing: bool = False) -> list[str]:
    now = rows.trace.now if now is None else now
    look = Look(rows, now, Axis.of(rows.trace, now, growing=growing))
    return [plain(row_at(look, *place, width)) for place in rows.window(0, 1000)]


VARIED: Sequence[Event] = (
    ModelReady(AT, "far", "openai:y", False, 8000, 4, "", "https://api.example", 0.1),
    StepStarted(AT, "letters", "agent", 3),
    StepStarted(AT, "letters.0", "agent"),
    *tried("letters.0", 1, "x", at=AT, outcome="check", decision="repair", reason="too long", model="far"),
    *tried("letters.0", 2, "x", at=AT + 1, model="far"),
    StepFailed(AT + 2, "letters.0", "check", "no answer was short enough", kept=True),
    StepStarted(AT + 2, "letters.1", "agent"),
)


@pytest.mark.parametrize("width", [8, 20, 38, 59, 80, 120])
def test_a_row_takes_the_width_there_is_and_never_loses_the_name(width: int) -> None:
    """Columns drop out; what is cut has a mark."""
    rows = rows_of(*VARIED, StepStarted(AT, "a_step_with_quite_a_long_name_indeed", "agent"))

    shown = texts(rows, width)

    assert [width_of(((text, ""),)) for text in shown] == [width] * len(shown)
    assert all(name in text for name, text in zip(("let", "0", "att", "att", "1", "a_"), shown, strict=True))
    cut = shown[-1][: layout(width).name].rstrip()
    assert cut.endswith("…") or "indeed" in cut


def test_a_fan_out_says_how_far_it_is() -> None:
    """Ended of all and how many failed while it runs; afterwards how many there were."""
    rows = rows_of(*VARIED)
    running = texts(rows, 80)[0]
    for path in ("letters.1", "letters.2", "letters"):
        rows.touch(rows.trace.take(StepFinished(AT + 3, path, None, {}), 20))

    assert "letters 1/3 ✗1" in running
    assert "✓ letters ×3 ✗1" in texts(rows, 80)[0]


def test_what_was_caught_has_a_sign_of_its_own_and_is_counted() -> None:
    """A step saved by `on_error` does not look like one that went well; a fan-out says how many."""
    rows = rows_of(
        StepStarted(AT, "a", "python"),
        StepFinished(AT + 1, "a", None, {}, handled="division by zero"),
        StepStarted(AT + 1, "all", "python", 2),
        StepStarted(AT + 1, "all.0", "python"),
        StepFinished(AT + 2, "all.0", 0, {}, handled="no rows"),
        StepStarted(AT + 1, "all.1", "python"),
    )

    alone, fan_out, item, _ = texts(rows, 80)

    assert "! a  caught: division by zero" in alone
    assert "all 1/2 !1" in fan_out
    assert "! 0  caught: no rows" in item
    assert [rows.trace.path(span) for span in rows.trace.caught] == ["a", "all.0"]


def test_wide_rows_have_the_model_the_cloud_the_tokens_and_the_attempts() -> None:
    """A model off this machine is marked; attempts have an outcome and a reason of their own."""
    rows = rows_of(*VARIED)

    item, first, second = texts(rows, 120)[1:4]

    assert "✗ 0  no answer was short enough" in item
    assert "☁ far" in item
    assert "↻2" in item
    assert "124" in item
    assert "✗ attempt 1 check  too long" in first
    assert "✓ attempt 2" in second
    assert "1.0 s" in second


def test_what_a_model_or_a_file_wrote_stays_one_line_of_plain_text() -> None:
    """Reasons, messages and names of models may be anything."""
    rows = rows_of(
        *(StepFailed(AT, f"step{number}", "check", text) for number, text in enumerate(HOSTILE)),
        *tried("step0", 1, "x", decision="repair", outcome="check", reason=HOSTILE[1], model=HOSTILE[0]),
    )

    shown = texts(rows, 70)

    assert all("\x1b" not in text and "\n" not in text and "\x07" not in text for text in shown)
    assert [width_of(((text, ""),)) for text in shown] == [70] * len(shown)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.0, "0.00 s"),
        (12.34, "12.3 s"),
        (59.96, "1m00s"),
        (3599, "59m59s"),
        (7800, "2h10m"),
        (400_000, "4d15h"),
    ],
)
def test_durations_fit_their_column(seconds: float, words: str) -> None:
    assert clock(seconds) == words


# -- the waterfall


def test_attempts_are_segments_with_a_gap_between() -> None:
    """Not one bar stretched over both: what was thrown away looks different, without colour too."""
    rows = rows_of(
        StepStarted(AT, "a", "agent"),
        *tried("a", 1, "x", at=AT, outcome="check", decision="repair"),
        *tried("a", 2, "x", at=AT + 1),
        StepFinished(AT + 2, "a", None, {}),
    )
    axis = Axis.of(rows.trace, AT + 4, growing=False)

    shown = plain(bar(segments_of(rows.trace, 0, AT + 4), axis, 16))

    assert shown == "┅┅┅┅╺━━━        "


def test_an_attempt_without_an_answer_ends_with_its_run() -> None:
    """Long after the run failed nothing spins, and the attempt has not taken all the time since."""
    rows = rows_of(
        StepStarted(AT, "a", "agent"),
        *tried("a", 1, "x", at=AT, outcome="check", decision="repair"),
        tried("a", 2, "x", at=AT + 2)[0],
        RunInterrupted(AT + 4, "sam"),
    )

    shown = texts(rows, 60, AT + 600)

    assert "■ attempt 2" in next(row for row in shown if "attempt 2" in row)
    assert rows.trace.tries[0][1].ended == AT + 4


def test_what_waits_for_its_model_has_a_sign_and_a_thin_bar() -> None:
    rows = rows_of(
        StepStarted(AT, "a", "agent", 2),
        StepStarted(AT, "a.0", "agent"),
        StepStarted(AT, "a.1", "agent"),
        tried("a.0", 1, "x", at=AT)[0],
    )
    trace = rows.trace

    shown = texts(rows, 60, AT + 4, growing=True)

    assert [trace.queued(trace.find(path)) for path in ("a", "a.0", "a.1")] == [False, False, True]
    assert "◌ 1" in shown[2]
    assert "─" in shown[2]
    assert "━" not in shown[2]


def test_the_shortest_span_has_a_cell_and_the_waiting_before_an_attempt_is_thin() -> None:
    rows = rows_of(StepStarted(AT, "a", "agent"), *tried("a", 1, "x", at=AT + 2))
    axis = Axis.of(rows.trace, AT + 4, growing=False)

    assert plain(bar(segments_of(rows.trace, 0, AT + 4), axis, 8)) == "────╺━  "
    assert plain(bar([Segment(AT + 4, AT + 4, "━", "good")], axis, 8)) == "       ━"
    assert bar([Segment(AT, AT + 4, "━", "good")], axis, 0) == ()


def test_time_in_which_nobody_worked_takes_no_room() -> None:
    """A day between a failure and `orch resume` would leave a cell to each of them."""
    rows = rows_of(
        StepStarted(AT, "a", "agent"),
        StepFinished(AT + 2, "a", None, {}),
        RunFailed(AT + 2, "b", "check", "no"),
        RunResumed(AT + 86_400, "host:1"),
        StepStarted(AT + 86_400, "b", "agent"),
        StepFinished(AT + 86_402, "b", None, {}),
    )

    shown = texts(rows, 45)
    axis = Axis.of(rows.trace, rows.trace.now, growing=False)

    assert axis.length == 4.0
    assert [plain(bar(segments_of(rows.trace, span, rows.trace.now), axis, 8)) for span in (0, 1)] == [
        "━━━━    ",
        "    ━━━━",
    ]
    assert "2.0 s" in shown[1]


def test_while_a_run_goes_on_its_axis_grows_in_steps() -> None:
    """Else every bar on the screen would be drawn again all the time."""
    trace = rows_of(StepStarted(AT, "a", "agent")).trace

    lengths = {Axis.of(trace, AT + 100 + tick / 10, growing=True).length for tick in range(30)}

    assert len(lengths) <= 2
    assert min(lengths) >= 100


def test_rows_that_are_remembered_are_those_that_would_be_made_anew(tmp_path: Path) -> None:
    """After whatever event, fold or stop: an old row is a lie about what happened."""
    events = [
        *a_varied_run()[:-1],
        StepStarted(AT + 60, "again", "agent", 2),
        StepStarted(AT + 60, "again.0", "agent"),
        RunFailed(AT + 61, "again", "check", "no"),
        RunResumed(AT + 200, "host:1"),
        StepStarted(AT + 200, "again", "agent", 2),
        StepStarted(AT + 200, "again.0", "agent"),
        StepFailed(AT + 201, "again.0", "check", "no", kept=True),
        StepFinished(AT + 202, "again", None, {}),
    ]
    feed = Feed(open_store(tmp_path / "runs.db"), RUN)
    shown = Followed(world(feed.store), feed)
    source = TreeSource(shown)
    asked = 0

    for seq, event in enumerate(events):
        span = feed.trace.take(event, seq)
        if span != NOWHERE:
            feed.rows.touch(span)
        if seq % 50 == 49:
            feed.rows.fold(0, folded=seq % 100 == 49)
        source.renew()
        for index in range(max(0, len(source) - 12), len(source)):
            fresh = TreeSource(shown).row(index, 100)
            assert source.row(index, 100) == fresh
            asked += 1

    assert asked > 1000


# -- under the keys


class Shown(App[None]):
    """The tree alone, told of news by the test."""

    DEFAULT_CSS: ClassVar[str] = ""

    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown
        self.selected: list[tuple[str, int]] = []
        self.said: list[str] = []

    def compose(self) -> ComposeResult:
        yield TreePane(self.shown, id="left")

    def on_mount(self) -> None:
        self.left.focus()

    @property
    def left(self) -> SpanTree:
        return self.query_one(SpanTree)

    def on_span_tree_selected(self, message: SpanTree.Selected) -> None:
        self.selected.append((self.shown.trace.path(message.span), message.attempt))

    def notify(self, message: str, **_: object) -> None:
        self.said.append(message)

    def take(self) -> None:
        news = self.shown.feed.take(1.0)
        self.left.flush(news)


@dataclass
class Seen:
    app: Shown
    pilot: Pilot[None]
    store: Store

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def until(self, fact: Callable[[], bool]) -> None:
        for _ in range(400):
            self.app.take()
            await self.pilot.pause(0.01)
            if fact():
                return
        raise AssertionError("it never became so")

    @property
    def at(self) -> tuple[str, int]:
        span, attempt = self.app.shown.rows.at(self.app.left.cursor)
        return self.app.shown.trace.path(span), attempt

    @property
    def rows(self) -> list[str]:
        rows, trace = self.app.shown.rows, self.app.shown.trace
        places = rows.window(0, 1000)
        return [trace.path(span) for span, attempt in places if attempt == NOWHERE != span]

    def append(self, *events: Event) -> None:
        journal = StoreJournal(self.store, RUN)
        for event in events:
            journal.append(event)
        journal.close()


@asynccontextmanager
async def seen(folder: Path, events: Sequence[Event], *, owned: bool = False) -> AsyncIterator[Seen]:
    """`owned`: somebody executes the run, else it was left alone."""
    store = open_store(folder / "runs.db")
    with Lease.acquire(store, RUN) if owned else nullcontext():
        record(store, RUN, events, AT)
        async with _shown(store) as found:
            yield found


@asynccontextmanager
async def _shown(store: Store) -> AsyncIterator[Seen]:
    feed = Feed(store, RUN)
    app = Shown(Followed(replace(world(store), now=lambda: AT + 100), feed))
    async with app.run_test(size=(80, 16)) as pilot:
        found = Seen(app, pilot, store)
        feed.start()
        await found.until(lambda: feed.caught_up)
        yield found
        feed.close()


def group(name: str, at: float, *, failed: bool = False) -> list[Event]:
    end: Event = (
        StepFailed(at + 2, f"{name}.draft", "check", "no")
        if failed
        else StepFinished(at + 2, f"{name}.draft", "x", {})
    )
    close: Event = (
        StepFailed(at + 2, name, "check", "no", kept=True)
        if failed
        else StepFinished(at + 2, name, None, {"container": "steps"})
    )
    return [StepStarted(at, name, "steps"), StepStarted(at, f"{name}.draft", "agent"), end, close]


FINISHED: Sequence[Event] = (
    *group("a", AT),
    *group("b", AT + 2, failed=True),
    *group("c", AT + 4),
    *group("d", AT + 6, failed=True),
    RunFinished(AT + 9, "x"),
)


async def test_h_and_l_fold_unfold_and_go_in_and_out(tmp_path: Path) -> None:
    """`l` opens, then goes in; `h` goes out, then closes; space does either."""
    async with seen(tmp_path, FINISHED) as it:
        assert it.rows == ["a", "b", "b.draft", "c", "d", "d.draft"]

        await it.press("l")
        assert it.rows[:2] == ["a", "a.draft"]
        await it.press("l")
        assert it.at == ("a.draft", NOWHERE)
        await it.press("h")
        assert it.at == ("a", NOWHERE)
        await it.press("h")
        assert it.rows[:2] == ["a", "b"]
        await it.press("space")
        assert it.rows[:2] == ["a", "a.draft"]


async def test_the_run_itself_is_the_first_row(tmp_path: Path) -> None:
    """Above its steps, where `g` and `h` lead; it says how the run stands, and is not in the way of a filter."""
    async with seen(tmp_path, FINISHED) as it:
        assert it.at == ("a", NOWHERE)

        await it.press("j", "g")
        assert it.at == ("", NOWHERE)
        assert "✓ the whole run  outputs" in shown(it.app.left).splitlines()[0]
        await it.press("l", "space", "h", "H", "h")
        assert it.at == ("", NOWHERE)
        await it.press("slash", *"draft")
        await it.until(lambda: it.app.shown.rows.found == 4)
        assert "the whole run" not in shown(it.app.left)


async def test_who_follows_a_run_to_its_end_sees_what_it_came_to(tmp_path: Path) -> None:
    """Not who has gone to look at something."""
    async with seen(tmp_path, [StepStarted(AT, "a", "agent")], owned=True) as it:
        await it.until(lambda: it.at == ("a", NOWHERE))
        it.append(StepFinished(AT + 1, "a", "x", {}), RunFinished(AT + 1, "x"))
        await it.until(lambda: it.at == ("", NOWHERE))


async def test_who_looks_at_a_step_stays_there_when_the_run_ends(tmp_path: Path) -> None:
    """The end of the run takes nobody away."""
    async with seen(tmp_path, [StepStarted(AT, "a", "agent")], owned=True) as it:
        await it.until(lambda: it.at == ("a", NOWHERE))
        await it.press("f")
        it.append(StepFinished(AT + 1, "a", "x", {}), RunFinished(AT + 1, "x"))
        await it.until(lambda: it.app.shown.feed.status == "done")

        assert it.at == ("a", NOWHERE)


async def test_a_click_on_the_sign_before_a_name_folds_and_unfolds(tmp_path: Path) -> None:
    """Elsewhere in the row a click only chooses."""
    async with seen(tmp_path, FINISHED) as it:
        await it.pilot.click(it.app.left, offset=(0, 1))
        assert it.rows[:2] == ["a", "a.draft"]
        await it.pilot.click(it.app.left, offset=(6, 2))
        assert it.at == ("a.draft", NOWHERE)
        assert it.rows[:2] == ["a", "a.draft"]
        await it.pilot.click(it.app.left, offset=(0, 1))
        assert it.rows[:2] == ["a", "b"]


async def test_H_folds_everything_and_the_cursor_stands_on_what_hides_its_span(tmp_path: Path) -> None:
    async with seen(tmp_path, FINISHED) as it:
        await it.press("j", "j", "H")

        assert it.rows == ["a", "b", "c", "d"]
        assert it.at == ("b", NOWHERE)


async def test_e_goes_to_what_failed_itself_opens_the_way_and_goes_around(tmp_path: Path) -> None:
    """Not to the groups that failed with it."""
    async with seen(tmp_path, FINISHED) as it:
        await it.press("H", "e")
        assert it.at == ("b.draft", NOWHERE)
        await it.press("e")
        assert it.at == ("d.draft", NOWHERE)
        await it.press("e")
        assert it.at == ("b.draft", NOWHERE)
        await it.press("E")
        assert it.at == ("d.draft", NOWHERE)


async def test_e_goes_to_what_was_caught_too(tmp_path: Path) -> None:
    """What `on_error` saved is worth a look; of a caught group the step that failed in it."""
    events: list[Event] = [
        StepStarted(AT, "a", "python"),
        StepFinished(AT + 1, "a", None, {}, handled="division by zero"),
        StepStarted(AT + 1, "g", "steps"),
        StepStarted(AT + 1, "g.draft", "agent"),
        StepFailed(AT + 2, "g.draft", "check", "no"),
        StepFinished(AT + 2, "g", 0, {}, handled="no"),
        RunFinished(AT + 3, "x"),
    ]
    async with seen(tmp_path, events) as it:
        await it.press("e")
        assert it.at == ("g.draft", NOWHERE)
        await it.press("e")
        assert it.at == ("a", NOWHERE)


async def test_a_run_that_failed_opens_at_what_ended_it(tmp_path: Path) -> None:
    """Not at the first step, and not at an error that the run went on after; where the person moved, it stays."""
    events: list[Event] = [
        *group("b", AT, failed=True),
        StepStarted(AT + 5, "last", "agent"),
        StepFailed(AT + 6, "last", "check", "no"),
        RunFailed(AT + 6, "last", "check", "no"),
    ]
    async with seen(tmp_path, events) as it:
        assert it.at == ("last", NOWHERE)
        await it.press("g")
        it.app.take()
        await it.pilot.pause()
        assert it.at == ("", NOWHERE)


async def test_a_run_that_waits_opens_at_its_question(tmp_path: Path) -> None:
    """There is what the person can do."""
    asked = AskOpened(AT + 3, "ok", "Send?", None, ("yes", "no"), None, None)
    events: list[Event] = [
        *group("a", AT),
        StepStarted(AT + 3, "ok", "ask"),
        asked,
        RunWaiting(AT + 4, ("ok",)),
    ]
    async with seen(tmp_path, events) as it:
        assert it.at == ("ok", NOWHERE)


async def test_the_cursor_of_a_followed_run_goes_to_what_it_failed_at(tmp_path: Path) -> None:
    """Whatever else ran at that moment."""
    begun = [StepStarted(AT, "a", "agent"), StepStarted(AT, "b", "agent")]
    async with seen(tmp_path, begun, owned=True) as it:
        await it.until(lambda: it.at[0] == "b")

        it.append(StepFailed(AT + 1, "a", "check", "no"), RunFailed(AT + 1, "a", "check", "no"))

        await it.until(lambda: it.at == ("a", NOWHERE))


async def test_e_says_so_when_nothing_failed(tmp_path: Path) -> None:
    async with seen(tmp_path, [*group("a", AT), RunFinished(AT + 3, "x")]) as it:
        await it.press("e")

        assert it.app.said == ["No step has failed."]


async def test_each_span_and_attempt_under_the_cursor_is_told_once(tmp_path: Path) -> None:
    """The first one as well; news that change nothing tell nothing."""
    events = [
        StepStarted(AT, "a", "agent"),
        *tried("a", 1, "x", outcome="check", decision="repair"),
        *tried("a", 2, "x"),
        StepFailed(AT + 3, "a", "check", "no", kept=True),
        RunFinished(AT + 4, "x"),
    ]
    async with seen(tmp_path, events) as it:
        await it.press("j", "j", "j", "k")
        it.app.take()

        assert it.app.selected == [("a", NOWHERE), ("a", 0), ("a", 1), ("a", 0)]
        await it.press("h")
        assert it.at == ("a", NOWHERE)


async def test_the_cursor_stays_on_its_span_and_its_line_when_rows_come_above(tmp_path: Path) -> None:
    """Items of a fan-out above go on coming while a person reads."""
    wide = [StepStarted(AT, "all", "agent", 500)]
    items = [StepStarted(AT + 1, f"all.{number}", "agent") for number in range(60)]
    begun = [*wide, *items[:30], StepStarted(AT + 1, "last", "agent")]
    async with seen(tmp_path, begun, owned=True) as it:
        await it.press("G", "k", "j")
        line = it.app.left.cursor - it.app.left.scroll_offset.y
        it.append(*items[30:])
        await it.until(lambda: len(it.rows) == 62)

        assert it.at == ("last", NOWHERE)
        assert it.app.left.cursor - it.app.left.scroll_offset.y == line


async def test_the_cursor_follows_what_runs_until_the_person_moves(tmp_path: Path) -> None:
    """The newest leaf that runs; `f` takes it up again."""
    begun = [StepStarted(AT, "a", "steps"), StepStarted(AT, "a.x", "agent")]
    async with seen(tmp_path, begun, owned=True) as it:
        await it.until(lambda: it.at == ("a.x", NOWHERE))
        it.append(StepFinished(AT + 1, "a.x", "x", {}), StepStarted(AT + 1, "a.y", "agent"))
        await it.until(lambda: it.at == ("a.y", NOWHERE))

        await it.press("k")
        it.append(StepFinished(AT + 2, "a.y", "x", {}), StepStarted(AT + 2, "a.z", "agent"))
        await it.until(lambda: len(it.rows) == 4)
        assert it.at == ("a.x", NOWHERE)

        await it.press("f")
        assert it.at == ("a.z", NOWHERE)


async def test_a_group_does_not_close_over_what_a_person_reads(tmp_path: Path) -> None:
    """Good branches fold when they end, but not the one the cursor is in."""
    begun = [StepStarted(AT, "a", "steps"), StepStarted(AT, "a.x", "agent")]
    async with seen(tmp_path, begun, owned=True) as it:
        await it.press("g", "j", "j")
        it.append(*[StepFinished(AT + 1, path, None, {}) for path in ("a.x", "a")])
        await it.until(lambda: not it.app.shown.trace.live(0))

        assert it.rows == ["a", "a.x"]
        assert it.at == ("a.x", NOWHERE)


async def test_a_filter_shows_what_fits_and_n_goes_from_match_to_match(tmp_path: Path) -> None:
    """Enter keeps it and gives the keys back; esc takes it away."""
    async with seen(tmp_path, FINISHED) as it:
        await it.press("slash", *"draft")
        await it.until(lambda: it.app.shown.rows.found == 4)
        assert it.rows == ["a", "a.draft", "b", "b.draft", "c", "c.draft", "d", "d.draft"]
        assert it.at == ("a.draft", NOWHERE)

        await it.press("enter", "n", "n", "N")
        assert it.at == ("b.draft", NOWHERE)
        assert it.app.left.has_focus
        assert it.app.query_one(FindBar).is_open

        await it.press("escape")
        await it.until(lambda: not it.app.query_one(FindBar).is_open)
        assert not it.app.shown.rows.filtered
        assert it.at == ("b.draft", NOWHERE)


async def test_a_filter_that_nothing_fits_is_an_empty_tree(tmp_path: Path) -> None:
    async with seen(tmp_path, FINISHED) as it:
        await it.press("slash", *"nothing", "enter")
        await it.until(lambda: not it.rows)
        await it.press("n", "e", "h", "l", "space", "enter", "j", "k", "G", "g")

        assert it.rows == []


async def test_new_spans_come_into_the_filter(tmp_path: Path) -> None:
    """It is made again when there is something new, at most once a second."""
    begun = [StepStarted(AT, "a", "agent", 9), StepStarted(AT, "a.0", "agent")]
    async with seen(tmp_path, begun, owned=True) as it:
        await it.press("slash", *"a.", "enter")
        await it.until(lambda: it.app.shown.rows.found == 1)
        it.append(StepStarted(AT + 1, "a.1", "agent"))

        await it.until(lambda: it.app.shown.rows.found == 2)
        assert it.rows == ["a", "a.0", "a.1"]


async def test_keys_on_an_empty_run_do_nothing(tmp_path: Path) -> None:
    """There is nothing to stand on but the run itself."""
    async with seen(tmp_path, []) as it:
        await it.press("j", "k", "h", "l", "space", "H", "e", "E", "f", "n", "N", "g", "G", "enter")

        assert it.app.selected == [("", NOWHERE)]
        assert it.app.query_one(Input).value == ""
