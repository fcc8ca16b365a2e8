"""Bars in lanes: none overlap, none is lost, and what is drawn does not grow with how many there are."""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_tui.gantt import CACHE, PERSON, Gantt, Lane, Part
from orch_tui.lane_row import Window, axis_row, lane_row
from orch_tui.scale import Scale, step_of_ticks, tick_words
from orch_tui.text import plain
from orch_tui.timeline import TimelineView
from orch_tui.trace import NOWHERE, Trace
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFinished,
    RunInterrupted,
    RunResumed,
    RunStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui.host import Host, harmless, screen, shown, until

RUN = "1123-0700-abc"
HOURS = 7200.0


def asked(path: str, attempt: int, at: float, model: str = "tiny") -> AttemptStarted:
    return AttemptStarted(at, path, attempt, model, (), 5, True, {})


def answered(path: str, attempt: int, at: float, decision: str = "keep") -> AttemptFinished:
    outcome = "ok" if decision == "keep" else "invalid"
    return AttemptFinished(
        at, path, attempt, "tiny", outcome, decision, "", "", "", 1, 1, 0, 0.1, None, None  # type: ignore[arg-type]
    )  # fmt: skip


def call(path: str, start: float, end: float, model: str = "tiny", *, fails: bool = False) -> list[Event]:
    return [
        StepStarted(start, path, "agent"),
        asked(path, 1, start, model),
        answered(path, 1, end, "fail" if fails else "keep"),
        StepFailed(end, path, "check", "no", kept=True) if fails else StepFinished(end, path, "x", {}),
    ]


def traced(events: Iterable[Event]) -> Trace:
    trace = Trace()
    for seq, event in enumerate(sorted(events, key=lambda event: event.at)):
        trace.take(event, seq)
    return trace


def gantt(trace: Trace, *, by_step: bool = False) -> Gantt:
    found = Gantt(trace, by_step=by_step)
    while found.update():
        pass
    return found


def bars(found: Gantt) -> dict[str, list[tuple[str, float, float]]]:
    """Every bar as (path, start, end) by the name of its group."""
    trace = found.trace
    groups: dict[str, list[tuple[str, float, float]]] = {}
    for name, _, lane in found.rows():
        for bar in range(len(lane)):
            span = lane.spans[bar]
            path = trace.path(span) if span != NOWHERE else "load"
            groups.setdefault(name, []).append((path, lane.starts[bar], lane.ends[bar]))
    return {name: sorted(group, key=lambda bar: (bar[1], bar[0])) for name, group in groups.items()}


# -- lanes

TIMES = st.integers(0, 40).map(float)
CALLS = st.lists(st.tuples(TIMES, st.integers(1, 10).map(float)), max_size=30)


@given(CALLS, st.lists(st.integers(0, 120), max_size=6))
def test_there_are_as_many_lanes_as_ran_at_once_however_the_events_come(
    story: list[tuple[float, float]], cuts: list[int]
) -> None:
    """In one piece or in many, bars are the same and do not overlap; read as a whole no lane is one too many.

    Live, a lane may be taken by a call whose end is not known yet, so that there can be more of them.
    """
    events = sorted(
        (
            event
            for n, (start, took) in enumerate(story)
            for event in call(f"s{n}", start, start + took, fails=n % 3 == 2)
        ),
        key=lambda event: event.at,
    )
    trace = Trace()
    live = Gantt(trace)
    for seq, event in enumerate(events):
        trace.take(event, seq)
        if seq in cuts:
            live.update()
    live.update(seconds=10)
    whole = gantt(trace)
    most = max((sum(s <= at < s + took for s, took in story) for at, _ in story), default=0)

    assert bars(live) == bars(whole)
    assert sum(len(lane.failed) for _, _, lane in live.rows()) == len(story) // 3
    assert len(whole.rows()) == most <= len(live.rows())
    for found in (live, whole):
        for _, _, lane in found.rows():
            assert all(lane.ends[n] <= lane.starts[n + 1] for n in range(len(lane) - 1))


def test_attempts_are_bars_of_their_own() -> None:
    """The time between two attempts belongs to neither."""
    trace = traced(
        [
            StepStarted(0.0, "a", "agent"),
            asked("a", 1, 1.0),
            answered("a", 1, 2.0, "repair"),
            asked("a", 2, 3.0),
            answered("a", 2, 4.0),
            StepFinished(4.0, "a", "x", {}),
        ]
    )

    assert bars(gantt(trace)) == {"tiny": [("a", 1.0, 2.0), ("a", 3.0, 4.0)]}


def test_people_models_that_load_and_cached_answers_have_lanes_of_their_own() -> None:
    """A person stands last; what was cached took no time."""
    trace = traced(
        [
            ModelReady(2.0, "tiny", "x", True, 1, 1, "", "", 2.0),
            *call("a", 2.0, 3.0),
            StepStarted(3.0, "ok", "ask"),
            AskOpened(3.0, "ok", "?", None, ("yes",), None, None),
            AskAnswered(9.0, "ok", "yes", "ann"),
            StepFinished(9.0, "ok", "yes", {}),
            StepStarted(9.0, "b", "agent"),
            StepFinished(9.5, "b", "x", {}, cached=True),
        ]
    )

    found = bars(gantt(trace))

    assert found == {
        "tiny": [("a", 2.0, 3.0)],
        "tiny loading": [("load", 0.0, 2.0)],
        CACHE: [("b", 9.5, 9.5)],
        PERSON: [("ok", 3.0, 9.0)],
    }
    assert list(found)[-1] == PERSON


def test_by_step_all_instances_of_a_step_share_their_lanes() -> None:
    """Also those of different items."""
    trace = traced([*call("a.0.draft", 0.0, 1.0), *call("a.1.draft", 1.0, 2.0), *call("b", 0.0, 1.0, "far")])

    assert list(bars(gantt(trace, by_step=True))) == ["a.draft", "b"]


def test_a_call_cut_off_by_a_crash_ends_there_and_begins_again_after_the_gap() -> None:
    """Nothing is drawn over the hours in which nobody worked."""
    events: list[Event] = [
        RunStarted(0.0, "r", "w", "", "", "", "", "0", {}, {}, 1),
        StepStarted(1.0, "a", "agent"),
        asked("a", 1, 1.0),
        StepStarted(1.0, "t", "tool"),
        RunInterrupted(2.0, "sam"),
        RunResumed(HOURS, "ann"),
        StepStarted(HOURS + 1, "a", "agent"),
        asked("a", 1, HOURS + 1),
        answered("a", 1, HOURS + 2),
        StepFinished(HOURS + 2, "a", "x", {}),
        StepStarted(HOURS + 1, "t", "tool"),
        StepFinished(HOURS + 3, "t", "x", {}),
    ]
    trace, live = Trace(), None
    for seq, event in enumerate(events):
        trace.take(event, seq)
        live = live or Gantt(trace)
        live.update()
    assert live is not None

    assert bars(live)["tiny"] == [("a", 1.0, 2.0), ("a", HOURS + 1, HOURS + 2)]
    assert bars(gantt(trace))["tiny"] == bars(live)["tiny"]
    assert bars(live)["no model"] == [("t", 1.0, 2.0), ("t", HOURS + 1, HOURS + 3)]


def test_failures_are_found_from_any_moment() -> None:
    """The next one and the one before, by when they began."""
    lane = Lane()
    for start in range(10):
        lane.add(Part(float(start), start + 1.0, ("m", 0), start, 0))
    for bar in (7, 2):
        lane.fail(bar)

    assert [lane.failed_beside(at, 1) for at in (0.0, 2.0, 3.0, 8.0)] == [2, 2, 7, NOWHERE]
    assert [lane.failed_beside(at, -1) for at in (0.0, 3.0, 9.0)] == [NOWHERE, 2, 7]
    assert [lane.failed_in(bars) for bars in ((1, 3), (3, 7), (0, 10))] == [1, 0, 2]


# -- time on a line


@given(st.lists(st.integers(1, 500), min_size=2, max_size=8), st.integers(0, 3000), st.integers(0, 20))
def test_time_and_its_place_on_the_line_are_each_other(steps: list[int], moment: int, kept: int) -> None:
    """There and back again, in and outside of gaps; later is never further left."""
    edges = [float(sum(steps[: n + 1])) for n in range(len(steps) // 2 * 2)]
    gaps = list(zip(edges[::2], edges[1::2], strict=True))
    scale = Scale(0.0, gaps, kept)
    wall = float(moment)

    back = scale.wall(scale.at(wall))

    if kept or not any(before <= wall < after for before, after in gaps):
        assert back == pytest.approx(wall)
    assert scale.at(wall) <= scale.at(wall + 1)
    assert scale.at(wall) <= wall


def test_ticks_are_round_and_have_room() -> None:
    """From milliseconds to days."""
    assert [step_of_ticks(length, 10) for length in (0.05, 3, 100, 5000, 10**6)] == [
        0.005,
        0.5,
        10,
        600,
        115200,
    ]
    assert [tick_words(*tick) for tick in ((0.5, 0.1), (40, 10), (90, 30), (7500, 300), (61.5, 0.5))] == [
        "0.5 s",
        "40 s",
        "1:30",
        "2:05:00",
        "1:01.5",
    ]


def test_a_gap_is_short_and_says_how_long_it_was() -> None:
    """Ticks count the seconds of work."""
    scale = Scale.of(0.0, [(50.0, 50.0 + HOURS)], HOURS + 100)
    window = Window.of(scale, 0.0, scale.at(HOURS + 100), 100, HOURS + 100)

    axis = plain(axis_row(window, 99))

    assert "≀ 2 h 00 min" in axis
    assert "╵45 s≀" in axis
    assert axis.endswith("▼")
    assert len(axis) == 100


# -- cells


class Counted(Lane):
    """Counts how often somebody looks."""

    looks = 0

    def between(self, start: float, end: float) -> tuple[int, int]:
        self.looks += 1
        return super().between(start, end)


def window(start: float, end: float, cells: int) -> Window:
    return Window.of(Scale(0.0), start, end - start, cells, 1e9)


def test_bars_carry_their_names_where_there_is_room() -> None:
    """The path, its last part, or nothing; never a piece of a name."""
    trace = traced(
        [*call("answer.0.draft", 0.0, 6.0), *call("answer.1.draft", 6.0, 8.0), *call("c", 8.5, 9.0)]
    )
    lane = gantt(trace).rows()[0][2]

    row = plain(lane_row(trace, lane, window(0.0, 10.0, 50)))

    assert row.startswith("▐ answer.0.draft ██")
    assert row[30:40] == "▐ draft ██"
    assert row[40:] == "  ▐██     "


def test_a_model_that_had_to_leave_is_loaded_again() -> None:
    """Where models take turns: the second time its bar says so."""
    ready = {"digest": "", "endpoint": "", "seconds": 2.0}
    loads = [
        ModelReady(at, name, f"llamacpp:{name}", True, 2048, 4, **ready)  # type: ignore[arg-type]
        for at, name in ((2.0, "one"), (5.0, "two"), (9.0, "one"))
    ]
    trace = traced([*loads, *call("c", 9.0, 9.5)])
    lanes = {name: lane for name, _, lane in gantt(trace).rows()}

    drawn = {name: plain(lane_row(trace, lanes[name], window(0.0, 10.0, 100))) for name in lanes}

    assert drawn["one loading"] == "╱ loads one ╱╱╱╱╱╱╱╱" + " " * 50 + "╱ loads one again ╱╱" + " " * 10
    assert drawn["two loading"].strip() == "╱ loads two ╱╱╱╱╱╱╱╱"


def test_many_bars_in_a_cell_are_how_busy_it_was() -> None:
    """And one failure among ten of them is never hidden."""
    events: list[Event] = []
    for number in range(100):
        at = float(number)
        events += call(f"s.{number}", at, at + (0.9 if number < 50 else 0.2))
    events = [
        StepFailed(event.at, "s.72", "check", "no") if event == StepFinished(72.2, "s.72", "x", {}) else event
        for event in events
    ]
    trace = traced(events)

    row = plain(lane_row(trace, gantt(trace).rows()[0][2], window(0.0, 100.0, 10)))

    assert row == "█████▂▂✗▂▂"


def test_what_a_frame_costs_goes_with_its_cells_not_with_the_bars() -> None:
    """A hundred thousand bars are looked at as often as a hundred."""
    lane = Counted()
    for start in range(100_000):
        lane.add(Part(float(start), start + 0.5, ("m", 0), 0, 0))
    trace = traced(call("s", 0.0, 1.0))

    for piece in ((0.0, 100_000.0), (50_000.0, 50_010.0)):
        lane.looks = 0
        row = lane_row(trace, lane, window(*piece, 80))
        assert len(plain(row)) == 80
        assert lane.looks <= 80


@given(CALLS, st.floats(0, 50), st.floats(0.01, 60), st.integers(1, 60))
def test_a_row_fills_its_cells_exactly(
    story: list[tuple[float, float]], start: float, length: float, cells: int
) -> None:
    """Whatever the window: as many columns as there are cells."""
    trace = traced(event for n, (at, took) in enumerate(story) for event in call(f"s{n}", at, at + took))

    for _, _, lane in gantt(trace).rows():
        assert len(plain(lane_row(trace, lane, window(start, start + length, cells)))) == cells


# -- on a screen


def story() -> list[Event]:
    """Two lanes, a rejected attempt, a failure, a name that a terminal could obey."""
    return [
        ModelReady(1.0, "tiny", "x", True, 1, 1, "", "", 1.0),
        *call("a", 1.0, 5.0),
        *call("b", 2.0, 4.0),
        StepStarted(5.0, "bad\x1b[2J[red]", "agent"),
        asked("bad\x1b[2J[red]", 1, 5.0),
        answered("bad\x1b[2J[red]", 1, 8.0, "fail"),
        StepFailed(8.0, "bad\x1b[2J[red]", "check", "no \x1b]52;c;x\x07"),
        *call("c", 8.0, 10.0),
        RunFinished(10.0, "x"),
    ]


def recorded(folder: Path, events: list[Event]) -> Store:
    store = open_store(folder / "runs.db")
    store.create(RUN, RunStarted(0.0, RUN, "w", "/none.yaml", "", "", "", "0", {}, {}, 3))
    journal = StoreJournal(store, RUN)
    for event in sorted(events, key=lambda event: event.at):
        journal.append(event)
    journal.close()
    return store


async def test_errors_are_a_key_away_and_enter_goes_to_the_trace(tmp_path: Path) -> None:
    """`E` from the end goes back to the failure; its path and reason stand below, harmless."""
    store = recorded(tmp_path, story())
    app = Host(store, RUN, TimelineView)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: app.shown.feed.caught_up and "▐ a ██" in shown(app.view.listing))
        await pilot.press("E", "enter")
        await until(pilot, lambda: bool(app.posted) and "bad" in screen(app).split("\n")[-2])
        text = screen(app)

    store.close()
    message = app.posted[0]
    assert isinstance(message, TimelineView.SpanChosen)
    assert app.shown.trace.path(message.span).startswith("bad")
    assert "✗ bad␛[2J[red]  3.0 s  failed  tiny  no ␛]52;c;x␇" in text
    assert harmless(text)


async def test_keys_zoom_pan_and_follow(tmp_path: Path) -> None:
    """`+` halves what is seen around the cursor, `-` brings all back, `g` and `G` go to the ends, `f` to now."""
    store = recorded(tmp_path, story())
    app = Host(store, RUN, TimelineView)
    view = app.view

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: app.shown.feed.caught_up and "▐ a ██" in shown(view.listing))
        await pilot.press("plus", "plus")
        zoomed = [view.length, view.lanes.window.start, view.lanes.window.edges[-1]]
        await pilot.press("g")
        start = (view.lanes.window.start, view.at, view.follow)
        await pilot.press("l", "l", "right", "h")
        moved = view.at
        await pilot.press("f")
        now = (view.at, view.follow)
        await pilot.press("minus", "minus", "minus")
        whole = view.length

    store.close()
    assert zoomed == pytest.approx([2.5, 7.5, 10.0])
    assert start == (0.0, 0.0, False)
    assert 0.0 < moved < 1.0
    assert now[0] == pytest.approx(10.0)
    assert now[1]
    assert whole is None


async def test_a_click_puts_the_cursor_on_a_bar_and_two_go_to_the_trace(tmp_path: Path) -> None:
    """On lane and moment."""
    store = recorded(tmp_path, story())
    app = Host(store, RUN, TimelineView)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: app.shown.feed.caught_up and "▐ b ██" in shown(app.view.listing))
        await until(pilot, lambda: "by model" in screen(app) and "▐ b ██" in screen(app))
        await pilot.click(app.view.listing, offset=(42, 1))
        await until(pilot, lambda: app.view.listing.cursor == 1)
        await pilot.click(app.view.listing, offset=(42, 1), times=2)
        await until(pilot, lambda: bool(app.posted))

    store.close()
    message = app.posted[0]
    assert isinstance(message, TimelineView.SpanChosen)
    assert app.shown.trace.path(message.span) == "b"


async def test_lanes_are_by_model_or_by_step(tmp_path: Path) -> None:
    """`M` switches; a model that loads has its own lane."""
    store = recorded(tmp_path, story())
    app = Host(store, RUN, TimelineView)

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "tiny loading" in screen(app) and "by model" in screen(app))
        models = screen(app)
        await pilot.press("M")
        await until(pilot, lambda: "models loading" in shown(app.view.listing))
        steps = shown(app.view.listing)

    store.close()
    assert "╱╱" in models
    assert [line.partition("│")[0].strip() for line in steps.split("\n")[:5]] == [
        "models loading",
        "a",
        "b",
        "bad␛[2J[red]",
        "c",
    ]


async def test_a_run_without_a_call_is_an_empty_timeline(tmp_path: Path) -> None:
    """Every key may be pressed on it."""
    store = recorded(tmp_path, [])
    app = Host(store, RUN, TimelineView)

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.shown.feed.caught_up)
        await pilot.press(
            "plus", "minus", "h", "l", "j", "k", "g", "G", "n", "N", "e", "E", "M", "f", "enter"
        )
        text = screen(app)

    store.close()
    assert "nothing here" in text
    assert app.posted == []
    assert inf not in app.view.lanes.window.edges
