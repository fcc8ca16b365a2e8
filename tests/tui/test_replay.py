"""What a replay's clock lets through and when, and the feed that plays a record by it. Time is told, never waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path

import pytest

from orch_tui.replay import SPEEDS, ReplayClock, ReplayFeed, Start
from orch_tui.replay_bar import played
from orch_tui.text import plain
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    Event,
    RunFinished,
    RunInterrupted,
    RunResumed,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import AT, record

RUN = "1123-0650-fff"


# ---------------------------------------------------------------------------------------------- the clock


def begun(speed: float = 1.0) -> ReplayClock:
    """A clock whose first event, of second 100, is over."""
    clock = ReplayClock(Start(speed=speed))
    assert clock.lets(100.0, idle=False)
    return clock


def test_an_event_comes_when_it_came_then() -> None:
    """Five seconds after the one before, at the speed of the record."""
    clock = begun()

    clock.advance(4.9)
    assert not clock.lets(105.0, idle=False)
    assert clock.moment == pytest.approx(104.9)
    clock.advance(0.1)

    assert clock.lets(105.0, idle=False)
    assert clock.moment == 105.0


def test_ten_times_as_fast_takes_a_tenth_of_the_time() -> None:
    """The moment moves ten seconds in one."""
    clock = begun(10.0)

    clock.advance(0.4)

    assert not clock.lets(105.0, idle=False)
    assert clock.moment == pytest.approx(104.0)
    clock.advance(0.1)
    assert clock.lets(105.0, idle=False)


def test_time_that_is_left_over_counts_for_the_next_event() -> None:
    """Who looks seldom sees all that came meanwhile, and no more."""
    clock = begun()

    clock.advance(2.5)

    assert [clock.lets(at, idle=False) for at in (101.0, 102.0, 103.0)] == [True, True, False]
    assert clock.moment == pytest.approx(102.5)


def test_as_fast_as_it_goes_waits_for_nothing() -> None:
    """Not even for a year."""
    clock = begun(inf)

    assert clock.lets(1e9, idle=False)


def test_a_pause_stops_time_and_a_step_lets_one_event_through() -> None:
    """However long it lasts; afterwards it goes on from there."""
    clock = begun()
    clock.pause()

    clock.advance(1000.0)
    stood = clock.lets(105.0, idle=False), clock.moment
    clock.step()
    stepped = [clock.lets(at, idle=False) for at in (105.0, 105.0)]
    clock.pause()

    assert stood == (False, 100.0)
    assert stepped == [True, False]
    assert not clock.paused
    clock.advance(1.0)
    assert clock.lets(106.0, idle=False)


def test_steps_asked_for_before_going_on_are_not_made_afterwards() -> None:
    """What a person pressed while nothing was read yet does not stop the replay later."""
    clock = begun()

    clock.step()
    clock.pause()

    assert not clock.lets(105.0, idle=False)


def test_a_long_time_in_which_nobody_worked_is_passed_in_a_second_and_said() -> None:
    """An hour before an answer; the moment goes through all of it."""
    clock = begun()

    clock.advance(0.5)
    assert not clock.lets(3700.0, idle=True)
    assert clock.silence == 3600.0
    assert clock.moment == pytest.approx(1900.0)

    clock.advance(0.5)
    assert clock.lets(3700.0, idle=True)
    assert (clock.silence, clock.moment) == (0.0, 3700.0)


def test_work_and_short_waiting_keep_their_length() -> None:
    """Only what is idle and longer than two seconds is shortened."""
    clock = begun()

    clock.advance(1.5)

    assert not clock.lets(160.0, idle=False)
    assert clock.silence == 0.0
    assert clock.wait == pytest.approx(58.5)
    assert not clock.lets(101.9, idle=True)
    assert clock.silence == 0.0


def test_what_nobody_sees_does_not_go_on() -> None:
    """Even as fast as it goes; then it goes on by itself."""
    clock = begun(inf)
    clock.held = True
    held = clock.lets(105.0, idle=False)

    clock.held = False

    assert (held, clock.lets(105.0, idle=False)) == (False, True)


def test_there_is_a_fastest_and_a_slowest() -> None:
    """Each speed is reached by the key before; the ends say so."""
    clock = ReplayClock()
    slowest = clock.slower()
    up = [clock.speed for _ in SPEEDS[1:] if clock.faster()]
    fastest = clock.faster()
    down = [clock.speed for _ in SPEEDS[1:] if clock.slower()]

    assert (slowest, fastest) == (False, False)
    assert (up, down) == (list(SPEEDS[1:]), list(reversed(SPEEDS[:-1])))


def test_a_clock_that_was_set_back_while_it_was_recorded_waits_for_nothing() -> None:
    """The moment never goes back."""
    clock = begun()

    assert clock.lets(50.0, idle=False)
    assert clock.moment == 100.0


# ---------------------------------------------------------------------------------------------- the feed


@dataclass
class Told:
    """A clock that stands until it is told otherwise."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / "store.db")
    yield opened
    opened.close()


def playing(store: Store, *events: Event, start: Start | None = None) -> tuple[ReplayFeed, Told]:
    """The replay of a record, once the first of it is there."""
    record(store, RUN, events)
    told = Told()
    feed = ReplayFeed(store, RUN, start or Start(), told)
    feed.start()
    until(feed, lambda: feed.played > 0 and feed._read_all.is_set())
    return feed, told


def until(feed: ReplayFeed, fact: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < deadline, "it never came"
        feed.take()
        time.sleep(0.005)


def pass_by(feed: ReplayFeed, told: Told, seconds: float) -> None:
    told.now += seconds
    feed.take()


TWO_STEPS = (
    StepStarted(AT + 10, "a", "agent"),
    StepFinished(AT + 40, "a", "one", {}),
    StepStarted(AT + 40, "b", "agent"),
    StepFinished(AT + 60, "b", "two", {}),
    RunFinished(AT + 60, "two"),
)


def test_the_trace_holds_what_had_happened_at_the_moment(store: Store) -> None:
    """No event and no status of later; the length of the whole is known from the start."""
    feed, told = playing(store, *TWO_STEPS)
    seen = [(feed.played, feed.status, len(feed.trace))]
    for seconds in (9.0, 1.0, 29.0, 1.0, 20.0):
        pass_by(feed, told, seconds)
        seen.append((feed.played, feed.status, len(feed.trace)))
    feed.close()

    running = "running"
    assert seen[:4] == [(1, running, 0), (1, running, 0), (2, running, 1), (2, running, 1)]
    assert seen[4:] == [(4, running, 2), (6, "done", 2)]
    assert (feed.ended, feed.progress, feed.total, feed.last) == (True, 1.0, 6, AT + 60)


@pytest.mark.parametrize(
    "damage",
    ["DELETE FROM events WHERE seq = 5", "UPDATE events SET payload = '[' WHERE seq = 5"],
    ids=["gone", "torn"],
)
def test_a_record_whose_last_event_cannot_be_read_is_played_up_to_it(damage: str, store: Store) -> None:
    """How long it is says the list of runs."""
    record(store, RUN, TWO_STEPS)
    with store.writing() as connection:
        connection.exec_driver_sql(damage)
    told = Told()
    feed = ReplayFeed(store, RUN, Start(), told)
    feed.start()
    until(feed, lambda: feed.played > 0 and feed._read_all.is_set())
    for seconds in (10.0, 30.0, 20.0):
        pass_by(feed, told, seconds)
    until(feed, lambda: feed.ended)
    feed.close()

    assert (feed.played, feed.last, feed.trouble) == (5, AT + 60, "")


def test_the_work_of_a_model_is_played_in_its_own_time_and_idle_time_is_not(store: Store) -> None:
    """Half a minute of writing takes half a minute; an hour of waiting for an answer, and a night, a second each."""
    feed, told = playing(
        store,
        StepStarted(AT, "a", "agent"),
        StepFinished(AT + 30, "a", "one", {}),
        StepStarted(AT + 30, "loop", "loop"),
        StepStarted(AT + 30, "loop~1.ok", "ask"),
        AskOpened(AT + 30, "loop~1.ok", "Send?", None, ("yes", "no"), None, None),
        AskAnswered(AT + 3630, "loop~1.ok", "yes", "ann"),
        RunInterrupted(AT + 3630, "stopped"),
        RunResumed(AT + 40_000, "0"),
    )
    pass_by(feed, told, 29.9)
    written = feed.played
    pass_by(feed, told, 0.1)
    asked, silence = feed.played, feed.pace.silence
    pass_by(feed, told, 1.0)
    answered = feed.played
    pass_by(feed, told, 1.0)
    feed.close()

    assert (written, asked, silence, answered) == (2, 6, 3600.0, 8)
    assert (feed.played, feed.ended) == (9, True)


def test_a_replay_can_begin_in_the_middle_and_stand_there(store: Store) -> None:
    """That is how one goes back: everything up to there is there at once, and nothing more."""
    feed, told = playing(store, *TWO_STEPS, start=Start(events=3, paused=True))
    until(feed, lambda: feed.found)
    pass_by(feed, told, 1000.0)

    assert (feed.played, feed.moment, feed.caught_up) == (3, AT + 40, True)
    feed.pace.step()
    feed.take()
    feed.close()
    assert feed.played == 4


def test_what_was_waited_for_an_event_is_kept_with_the_place(store: Store) -> None:
    """Twenty of the thirty seconds are over: ten are left."""
    feed, told = playing(store, *TWO_STEPS, start=Start(events=2, waited=20.0))
    until(feed, lambda: feed.found)
    pass_by(feed, told, 9.0)
    before, moment = feed.played, feed.moment
    pass_by(feed, told, 1.0)
    feed.close()

    assert (before, moment) == (2, AT + 39)
    assert feed.played == 4


def test_an_owner_that_died_did_so_at_the_end(store: Store) -> None:
    """Before that the run was running; then what was under way was cut off."""
    feed, told = playing(store, StepStarted(AT + 10, "a", "agent"))
    before = feed.status
    pass_by(feed, told, 10.0)
    until(feed, lambda: feed.ended)
    feed.close()

    assert (before, feed.status, feed.trace.status_of(0)) == ("running", "interrupted", "stopped")


def test_what_is_recorded_after_it_began_is_not_played(store: Store) -> None:
    """Somebody resumes the run meanwhile: the replay is of what was there."""
    feed, _ = playing(store, StepStarted(AT + 1, "a", "agent"), RunInterrupted(AT + 2, "stopped"))
    journal = StoreJournal(store, RUN)
    journal.append(RunResumed(AT + 3, "0"))
    journal.close()
    feed.pace.speed = inf
    until(feed, lambda: feed.ended)
    until(feed, lambda: bool(feed._rest) or not feed._pages.empty())
    feed.take()
    feed.close()

    assert (feed.played, feed.status) == (3, "interrupted")


# ---------------------------------------------------------------------------------------------- the bar


def said(feed: ReplayFeed, width: int = 200, word: str = "") -> str:
    return plain(played(feed, width, "0", word))


def test_the_bar_says_how_it_goes_and_how_far_it_is(store: Store) -> None:
    """In events and in time; what it waits for; and the end."""
    feed, told = playing(store, *TWO_STEPS)
    pass_by(feed, told, 20.0)
    running = said(feed)
    feed.pace.pause()
    paused = said(feed)
    feed.pace.pause()
    feed.pace.speed = inf
    feed.take()
    feed.close()

    assert "▸ replay: 1x" in running
    assert "2 of 6 events · 20.0 s of 1 min 00 s" in running
    assert "next event in 20 s" in running
    assert "‖ replay: paused (1x)" in paused
    assert "next event" not in paused
    assert "■ replay: the end (as fast as it goes)" in said(feed)
    assert "0 starts again" in said(feed)


def test_the_bar_says_that_idle_time_is_shortened(store: Store) -> None:
    """A jump of the clock is not a defect."""
    feed, told = playing(store, RunInterrupted(AT + 1, "stopped"), RunResumed(AT + 7201, "0"))
    pass_by(feed, told, 1.5)
    feed.close()

    assert "nobody worked for 2 h: shortened" in said(feed)


@pytest.mark.parametrize("width", [20, 40, 78])
def test_a_narrow_bar_keeps_how_it_goes_and_the_answer_to_a_key(store: Store, width: int) -> None:
    """The rest leaves out what has no room."""
    feed, _ = playing(store, *TWO_STEPS)
    feed.close()
    text = said(feed, width, "nothing is faster" if width > 20 else "")

    assert len(text) <= width
    assert "▸ replay: 1x" in text
    assert ("nothing is faster" in text) == (width > 20)
