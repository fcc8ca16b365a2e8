"""The lines above and below a run: status with what to do next, figures, budget and machine, by what has room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App, ComposeResult
from textual.strip import Strip

from orch_tui.bar import Part, bounded, fitted
from orch_tui.budget import Budget, budget_of
from orch_tui.eta import remaining, steps_ended
from orch_tui.feed import Feed, News
from orch_tui.ports import Machine
from orch_tui.run_header import RunHeader, _named
from orch_tui.settings import Settings
from orch_tui.text import plain, width_of
from orch_tui.trace import Trace
from orch_tui.usage_bar import UsageBar, usage
from orch_tui.view import Followed
from orchestrator.events import (
    AskOpened,
    Event,
    RunFailed,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    RunWaiting,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
)
from orchestrator.report import words
from orchestrator.store import answers
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, FAILED, WAITING, record
from tests.tui.recorded import VARIED, store_in, tried, world


@contextmanager
def followed(store: Store, run: str, settings: Settings | None = None) -> Iterator[Followed]:
    feed = Feed(store, run)
    feed.start()
    shown = Followed(replace(world(store), settings=settings or Settings()), feed)
    until(lambda: feed.take(1.0).caught_up)
    yield shown
    feed.close()


def until(fact: Callable[[], bool]) -> None:
    for _ in range(1000):
        if fact():
            return
        time.sleep(0.01)
    raise AssertionError("it never became so")


def header(shown: Followed, width: int = 160) -> list[str]:
    return [plain(row) for row in RunHeader(shown).rows(width)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


# -- the header


def test_the_header_says_which_run_how_it_ended_and_what_it_took(store: Store) -> None:
    with followed(store, VARIED) as shown:
        first, second = header(shown)

    assert first.strip() == f"{VARIED}   support-desk@f0ba319   ✓ done"
    assert "5 local calls" in second
    assert "1 cloud call" in second
    assert "tokens" in second
    assert "tok/s" in second


@pytest.mark.parametrize("width", [30, 40, 80, 120, 200])
@pytest.mark.parametrize("run", [DONE, FAILED, WAITING, VARIED])
def test_what_has_no_room_is_left_out_and_the_status_stays(store: Store, run: str, width: int) -> None:
    with followed(store, run) as shown:
        rows = RunHeader(shown).rows(width)
        status = shown.feed.status

    assert status in plain(rows[0])
    assert all(width_of(row) <= width for row in rows)


def test_a_waiting_run_says_which_key_answers(store: Store) -> None:
    """Also when the person gave it another one."""
    with followed(store, WAITING) as shown:
        usual = header(shown)[0]
    with followed(store, WAITING, Settings(keys={"approvals": "f5"})) as shown:
        own = header(shown)[0]

    assert "   ? waiting for 1 answer: i" in usual
    assert "waiting for 1 answer: f5" in own


async def test_a_waiting_run_that_was_answered_says_how_it_goes_on(store: Store) -> None:
    """Its record does not tell: the answer lies ready until somebody takes the run up."""
    with followed(store, WAITING) as shown:
        app = Header(shown)
        async with app.run_test(size=(100, 4)) as pilot:
            bar = app.query_one(RunHeader)
            answers.approve(store, WAITING, "approve", "send", "ann")
            bar.flush(News())
            await app.workers.wait_for_complete()
            bar.flush(News())
            await pilot.pause()

            assert f"waiting, but answered; go on with: orch resume {WAITING}" in plain(bar.rows(100)[0])


def test_a_waiting_run_whose_questions_are_too_late_says_so(store: Store) -> None:
    """A key that leads to a refusal is not offered."""
    ask = AskOpened(AT, "ok", "Send?", None, ("yes",), AT + 10, "yes")
    record(store, "late", [StepStarted(AT, "ok", "ask"), ask, RunWaiting(AT + 1, ("ok",))])
    with followed(store, "late") as shown:
        first = header(shown)[0]

    assert "too late to answer; go on with: orch resume late" in first


def test_a_run_that_lay_still_says_both_times(store: Store) -> None:
    """The list of runs has the whole one; budgets count the other."""
    events: list[Event] = [
        RunInterrupted(AT + 10, "x"),
        RunResumed(AT + 3600, "x"),
        RunFinished(AT + 3610, 1),
    ]
    record(store, "still", events)
    with followed(store, "still") as shown:
        second = header(shown)[1]

    assert "1 h 00 min, 20.0 s of it at work" in second


def test_a_run_of_which_nobody_knows_when_it_began_says_no_whole_time(store: Store) -> None:
    """The first event of its record is damaged."""
    record(store, "torn", [StepStarted(AT, "ok", "agent"), RunFinished(AT + 5, 1)])
    with followed(store, "torn") as shown:
        shown.trace.state.started = 0.0
        second = header(shown)[1]

    assert "of it at work" not in second


def test_the_header_says_whether_the_cursor_goes_with_what_runs(store: Store) -> None:
    """With the key that makes it so; nothing of it when nothing runs."""
    with Lease.acquire(store, "live"):
        record(store, "live", [StepStarted(AT, "a", "agent")], AT)
        with followed(store, "live") as shown:
            with_it = header(shown)[1]
            shown.rows.following = False
            without = header(shown)[1]
    with followed(store, DONE) as shown:
        ended = header(shown)[1]

    assert "following" in with_it
    assert "follow: f" in without
    assert "follow" not in ended


def test_a_failed_run_says_why_and_how_to_go_on(store: Store) -> None:
    with followed(store, FAILED) as shown:
        first, second = header(shown)

    assert "✗ failed" in first
    assert f"to the error: e, try again: orch resume {FAILED}" in first
    assert "draft: a reply cites a source" in first
    assert "1 failed" in second


def test_a_reason_that_does_not_fit_is_cut_with_a_mark(store: Store) -> None:
    """Why a run failed is no matter of how wide the screen is."""
    why = "none of the answers had what it takes, " * 5
    failed: list[Event] = [StepFailed(AT + 1, "a", "check", why), RunFailed(AT + 1, "a", "check", why)]
    record(store, "1123-0700-eee", [StepStarted(AT, "a", "agent"), *failed], AT)
    with followed(store, "1123-0700-eee") as shown:
        rows = RunHeader(shown).rows(140)

    assert "a: none of the answers" in plain(rows[0])
    assert plain(rows[0]).endswith("…")
    assert width_of(rows[0]) <= 140


def test_what_was_caught_is_counted_in_the_header(store: Store) -> None:
    """A run that ended well may hold answers that `on_error` put there."""
    with followed(store, VARIED) as shown:
        second = header(shown)[1]

    assert "2 failed · 1 caught" in second


def test_a_run_whose_owner_died_says_how_to_go_on(store: Store) -> None:
    record(store, "1123-0700-eee", [StepStarted(AT, "a", "agent")], AT)
    with followed(store, "1123-0700-eee") as shown:
        first = header(shown)[0]

    assert "■ interrupted   go on with: orch resume 1123-0700-eee" in first


def test_a_run_that_is_deleted_under_the_screen_says_so(store: Store) -> None:
    with followed(store, DONE) as shown:
        feed = shown.feed
        store.delete(DONE)
        until(lambda: bool(feed.take(0.1)) and feed.gone)

        assert "this run was deleted" in header(shown)[0]


def test_while_the_record_is_read_it_says_how_much_of_it(store: Store) -> None:
    feed = Feed(store, DONE)
    shown = Followed(world(store), feed)

    assert header(shown)[1].strip() == "reading the record 0 %"


def test_parts_give_way_by_their_rank() -> None:
    parts = [Part(0, (("aaaa", ""),)), Part(2, (("bbbb", ""),)), Part(1, (("cccc", ""),)), Part(0, ())]

    assert [plain(fitted(parts, width)) for width in (18, 17, 10, 3)] == [
        "aaaa · bbbb · cccc",
        "aaaa · cccc",
        "aaaa",
        "aaaa",
    ]


def test_what_has_no_room_leaves_it_to_the_less_important() -> None:
    """A long reason drops out, the name of the workflow beside it stays."""
    parts = [Part(0, (("run", ""),)), Part(4, (("name", ""),)), Part(3, (("a very long reason", ""),))]

    assert plain(fitted(parts, 20)) == "run · name"


def test_a_rejected_run_is_final(tmp_path: Path) -> None:
    """Somebody said no: nothing is to be tried again."""
    store = store_in(tmp_path)
    rejected = RunFailed(AT + 2, "ok", "rejected", "ok was rejected by ann", exit_code=3)
    record(store, "no", [rejected])

    with followed(store, "no") as shown:
        text = header(shown)[0]

    assert "✗ rejected" in text
    assert "ok was rejected by ann" in text
    assert "try again" not in text
    store.close()


# -- how far


def trace_of(steps: int, *events: Event) -> Trace:
    trace = Trace()
    begun = RunStarted(0.0, "r", "w", "", "", "", "", "0", {}, {}, steps)
    for seq, event in enumerate([begun, *events]):
        trace.take(event, seq)
    return trace


def test_what_is_left_of_a_fan_out_goes_by_the_items_that_ended() -> None:
    """Four of ten in 8 seconds leave twelve; cached and skipped ones cost nothing and do not count."""
    trace = trace_of(
        1,
        StepStarted(0.0, "all", "agent", 12),
        *(StepFinished(8.0, f"all.{number}", None, {}) for number in range(3)),
        StepFailed(8.0, "all.3", "check", "no", kept=True),
        StepFinished(8.0, "all.4", None, {}, cached=True),
        StepSkipped(8.0, "all.5", "when"),
    )

    assert remaining(trace, 8.0) == 12.0


def test_steps_that_have_not_begun_are_taken_to_last_like_those_that_ended() -> None:
    trace = trace_of(
        4,
        StepStarted(0.0, "a", "agent"),
        StepFinished(6.0, "a", None, {}),
        StepStarted(6.0, "b", "agent"),
    )

    assert remaining(trace, 8.0) == 4.0 + 2 * 6.0
    assert remaining(trace, 50.0) == 2 * 6.0


def test_nothing_is_said_when_there_is_nothing_to_base_it_on() -> None:
    first = trace_of(3, StepStarted(0.0, "a", "agent"))
    fan = trace_of(1, StepStarted(0.0, "all", "agent", 9), StepFinished(1.0, "all.0", None, {}))

    assert remaining(first, 5.0) is None
    assert remaining(fan, 5.0) is None


def test_a_step_inside_a_fan_out_or_a_loop_is_over_when_that_is() -> None:
    trace = trace_of(
        5,
        StepStarted(0.0, "group", "steps"),
        StepFinished(0.0, "group.a", None, {}),
        StepStarted(0.0, "all", "steps", 2),
        StepStarted(0.0, "all.0", "steps"),
        StepFinished(1.0, "all.0.x", None, {}),
        StepStarted(0.0, "loop", "steps"),
        StepFinished(1.0, "loop~1.y", None, {}),
    )
    before = steps_ended(trace)
    for event in (StepFinished(2.0, "all", None, {}), StepFinished(2.0, "loop", None, {})):
        trace.take(event, 20)

    assert before == 1
    assert steps_ended(trace) == 5


# -- what it uses


@pytest.mark.parametrize(
    ("recorded", "read"),
    [
        ({"tokens": 5000, "cloud_calls": 3, "wall": 120.0, "then": "fail"}, Budget(5000, 3, 120.0)),
        ({"tokens": "many"}, Budget()),
        (None, Budget()),
        ("all", Budget()),
    ],
)
def test_the_budget_is_what_was_recorded(recorded: object, read: Budget) -> None:
    """What cannot be read is no bound on the screen."""
    assert budget_of({"budget": recorded}) == read
    assert budget_of({}) == Budget()


def test_the_usage_says_budget_memory_where_calls_went_and_what_was_reused(store: Store) -> None:
    machine = Machine(8_000_000_000, 5_000_000_000)
    with followed(store, VARIED) as shown:
        shown.trace.state.options = {"budget": {"tokens": 1000, "cloud_calls": 1}}
        row = usage(shown, machine, 200)
        narrow = usage(shown, machine, 60)

    text = plain(row)
    assert "tokens ▰▰" in text
    assert "of 1,000" in text
    assert "cloud calls ▰▰▰▰▰▰▰▰ 1 of 1" in text
    assert "memory ▰▰▰▱▱▱▱▱ 3.0 GB of 8.0 GB" in text
    assert "1 call left this machine (far)" in text
    assert "1 cached" in text
    assert "left this machine" in plain(narrow)
    assert width_of(narrow) <= 60


def test_a_run_without_a_budget_has_none_in_the_bar(store: Store) -> None:
    with followed(store, DONE) as shown:
        text = plain(usage(shown, None, 200))

    assert text == "everything stayed on this machine"


def test_what_is_nearly_used_up_is_a_warning() -> None:
    roles = [bounded("tokens", used, 100, words.number)[1][1] for used in (10, 95, 100, 300)]

    assert roles == ["accent", "warn", "bad", "bad"]


# -- as widgets


class Counted(RunHeader):
    """Notes how often it is drawn."""

    drawn = 0

    def render_line(self, y: int) -> Strip:
        self.drawn += 1
        return super().render_line(y)


class Header(App[None]):
    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown

    def compose(self) -> ComposeResult:
        yield RunHeader(self.shown)


class Bars(App[None]):
    def __init__(self, shown: Followed) -> None:
        super().__init__()
        self.shown = shown

    def compose(self) -> ComposeResult:
        yield Counted(self.shown)
        yield UsageBar(self.shown)


async def test_a_bar_is_drawn_again_only_when_it_says_something_else(store: Store) -> None:
    """Ten times a second nothing new must cost next to nothing."""
    with followed(store, DONE) as shown:
        app = Bars(shown)
        async with app.run_test(size=(80, 5)) as pilot:
            bar = app.query_one(Counted)
            bar.flush(News())
            await pilot.pause()
            before = bar.drawn
            for _ in range(5):
                bar.flush(News())
                await pilot.pause()

            assert bar.drawn == before > 0

            app.theme = "textual-light"
            await pilot.pause()
            assert bar.drawn > before


class Asked(RunHeader):
    """Counts how often it would draw."""

    times = 0

    def redraw(self) -> None:
        self.times += 1


def test_figures_wait_half_a_second_and_the_status_does_not(store: Store) -> None:
    """Hundreds of events a second would draw both ends of the screen all the time."""
    moment = 0.0
    times: list[int] = []
    with followed(store, DONE) as shown:
        bar = Asked(shown, lambda: moment)
        for _ in range(3):
            bar.flush(News(events=1))
        times.append(bar.times)
        moment = 0.6
        bar.flush(News(events=1))
        times.append(bar.times)
        shown.trace.state.status = "failed"
        bar.flush(News(events=1))
        times.append(bar.times)
        bar.flush(News(events=1, changed=True))
        times.append(bar.times)

    assert times == [1, 2, 3, 4]


async def test_the_machine_is_looked_at_in_a_thread_and_seldom(project: Path) -> None:
    """It may be slow: the bar says what is known."""
    store = store_in(project)
    options = {"budget": {"tokens": 5000}}
    store.create("r1", RunStarted(AT, "r1", "small", "/p/w.yaml", "/p", "", "d" * 64, "0", {}, options, 1))
    looks: list[float] = []

    def machine() -> Machine:
        looks.append(1.0)
        return Machine(4_000_000_000, 1_000_000_000)

    with followed(store, "r1") as shown:
        app = Bars(replace(shown, world=replace(shown.world, machine=machine)))
        async with app.run_test(size=(120, 5)) as pilot:
            bar = app.query_one(UsageBar)
            for _ in range(200):
                bar.flush(News())
                await pilot.pause(0.01)
                if bar.machine is not None:
                    break
            text = plain(bar.rows(200)[0])

    assert "0 of 5,000" in text
    assert "3.0 GB of 4.0 GB" in text
    assert len(looks) <= 2
    store.close()


def test_the_speed_is_the_live_one_while_it_runs(store: Store) -> None:
    """And what is left stands beside what it took."""
    events: Sequence[Event] = [
        StepStarted(AT, "all", "agent", 4),
        *(StepFinished(AT + 10, f"all.{number}", None, {}) for number in range(2)),
    ]
    with Lease.acquire(store, "1123-0800-fff"):
        record(store, "1123-0800-fff", events, AT)
        with followed(store, "1123-0800-fff") as shown:
            for _ in range(5):
                shown.feed.rate.add()
            text = header(shown)[1]

    assert "tok/s" in text
    assert "about 17 min left" in text


def test_a_finished_run_leaves_nothing(store: Store) -> None:
    events: list[Event] = [
        StepStarted(AT, "a", "value"),
        StepFinished(AT, "a", 1, {}),
        RunFinished(AT + 1, "x"),
    ]
    record(store, "1123-0900-ggg", events, AT)
    with followed(store, "1123-0900-ggg") as shown:
        assert header(shown)[1].strip() == "2 steps · 1.0 s"


def test_a_step_that_is_short_beside_a_long_one_does_not_promise_another_long_one() -> None:
    """A value, a model's work on it, and a value that is left: nothing takes a minute any more."""
    trace = trace_of(
        4,
        StepStarted(0.0, "list", "value"),
        StepFinished(0.0, "list", None, {}),
        StepStarted(0.0, "more", "value"),
        StepFinished(0.0, "more", None, {}),
        StepStarted(0.0, "each", "agent", 2),
        StepFinished(65.0, "each", None, {}),
    )

    assert remaining(trace, 65.0) == 0.0


def test_the_items_of_a_list_under_way_are_progress(tmp_path: Path) -> None:
    """One step of three says nothing of a thousand items; at 80 columns the tokens stand beside it."""
    store = store_in(tmp_path)
    items: list[Event] = [StepStarted(AT, "each", "agent", 1000)]
    for number in range(12):
        items += [
            StepStarted(AT + number, f"each.{number}", "agent"),
            *tried(f"each.{number}", 1, "Dear", at=AT + number),
            StepFinished(AT + number + 1, f"each.{number}", 1, {}),
        ]
    record(store, "long", items)

    with Lease.acquire(store, "long"), followed(store, "long") as shown:
        text, wider = header(shown, 80)[1], header(shown, 100)[1]

    assert "12/1,000 items" in text
    assert "12 local calls" in wider
    assert "token" in text
    store.close()


def test_a_name_too_long_for_the_first_line_is_cut() -> None:
    """It is the last to get room, but never dropped while there is some."""
    assert plain(_named("support-desk", "f0ba319", 40)) == "support-desk@f0ba319"
    assert plain(_named("support-desk", "f0ba319", 12)) == "support-desk"
    assert plain(_named("support-desk-of-a-long-name", "f0ba319", 12)) == "support-des…"
    assert plain(_named("support-desk", "", 7)) == ""
