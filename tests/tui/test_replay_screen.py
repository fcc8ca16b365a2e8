"""The screen of a replay: its keys, that nothing of later is seen anywhere, and that a replay is found where it was left."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
from textual.pilot import Pilot
from textual.widget import Widget

from orch_tui.app import Screens
from orch_tui.detail import DetailPanel
from orch_tui.detail_pages import PAGES
from orch_tui.detail_read import Reader, wanted
from orch_tui.listing import Listing
from orch_tui.logs import LogsView
from orch_tui.replay import Start
from orch_tui.replay_bar import ReplayBar
from orch_tui.replay_screen import ReplayScreen
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsList, RunsScreen
from orch_tui.trace import NOWHERE
from orch_tui.tree import SpanTree
from orchestrator.events import (
    AskAnswered,
    AskOpened,
    AttemptFinished,
    AttemptStarted,
    Event,
    ModelReady,
    RunFinished,
    StepFailed,
    StepFinished,
    StepStarted,
    Warned,
)
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, record
from tests.tui.host import screen, shown, until
from tests.tui.looking import said
from tests.tui.recorded import store_in, world

RUN = "1123-0650-fff"
FAR = 100_000.0
"""Seconds of work between two events: no replay at the speed of the record comes to the next one by itself."""


def told(number: int) -> str:
    """A word that stands in one event only."""
    return f"told{number}x"


def events() -> list[Event]:
    """The run's events after its first one; every text in them is the number of the event."""
    return [event for _, event in sorted(_events())]


def _events() -> list[tuple[int, Event]]:
    def at(number: int) -> float:
        return AT + number * FAR

    def prompt(number: int, path: str, attempt: int) -> tuple[int, Event]:
        messages = ({"role": "user", "content": told(number)},)
        return number, AttemptStarted(at(number), path, attempt, "tiny", messages, 5, True, {})

    return [
        (1, ModelReady(at(1), "tiny", "llamacpp:x", True, 2048, 4, "sha", "", 0.9)),
        (2, StepStarted(at(2), "letter", "agent")),
        prompt(3, "letter", 1),
        (
            4,
            AttemptFinished(
                at(4), "letter", 1, "tiny", "check", "repair", told(4), told(4), "", 5, 0, 5, 1, 0.2, 5
            ),
        ),
        prompt(5, "letter", 2),
        (
            6,
            AttemptFinished(
                at(6), "letter", 2, "tiny", "ok", "keep", "valid", told(6), "", 5, 0, 5, 1, 0.2, 5
            ),
        ),
        (7, Warned(at(7), told(7), "letter")),
        (8, StepFinished(at(8), "letter", told(8), {"attempts": 2, "model": "tiny"})),
        (9, StepStarted(at(9), "many", "value", 2)),
        (10, StepStarted(at(10), "many.0", "value")),
        (11, StepFinished(at(11), "many.0", told(11), {})),
        (12, StepStarted(at(12), "many.1", "value")),
        (13, StepFailed(at(13), "many.1", "check", told(13), kept=True)),
        (14, StepFinished(at(14), "many", None, {"container": "foreach"})),
        (15, StepStarted(at(15), "send", "ask")),
        (16, AskOpened(at(16), "send", told(16), None, ("yes", "no"), None, None)),
        (17, AskAnswered(at(16) + 1, "send", "yes", told(17))),
        (18, StepFinished(at(18), "send", "yes", {})),
        (19, RunFinished(at(19), told(19))),
    ]


TOTAL = 20


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = store_in(tmp_path)
    record(store, RUN, events())
    return store


def app_of(store: Store) -> Screens:
    return Screens(world(store), RUN, replay=True)


async def opened(pilot: Pilot[None], events: int = 1) -> ReplayScreen:
    """The replay, once so many events were played; it stands there."""
    await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen) and pilot.app.screen.is_mounted)
    replay = cast("ReplayScreen", pilot.app.screen)
    await until(pilot, lambda: replay.feed.played >= 1 and replay.feed._read_all.is_set())
    while replay.feed.played < events:
        await step(pilot)
    return replay


def now(pilot: Pilot[None]) -> ReplayScreen:
    return cast("ReplayScreen", pilot.app.screen)


async def step(pilot: Pilot[None], key: str = "full_stop") -> ReplayScreen:
    """One event on, or back with `,`."""
    before = now(pilot).feed.place
    await pilot.press(key)
    await until(
        pilot,
        lambda: (
            isinstance(pilot.app.screen, ReplayScreen)
            and now(pilot).is_mounted
            and now(pilot).feed.found
            and now(pilot).feed.played == before + (1 if key == "full_stop" else -1)
        ),
    )
    return now(pilot)


def bar(pilot: Pilot[None]) -> str:
    return shown(now(pilot).query_one(ReplayBar))


# ---------------------------------------------------------------------------------------------- the keys


async def test_a_replay_begins_at_its_first_event_and_says_what_it_is(store: Store) -> None:
    """At its own speed the next one is a day away."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await until(pilot, lambda: f"1 of {TOTAL} events" in bar(pilot))

        assert "▸ replay: 1x" in bar(pilot)
        assert "next event in" in bar(pilot)
        assert "   replay   " in screen(pilot.app).split("\n")[0]


async def test_each_step_is_one_event_and_stops_the_replay(store: Store) -> None:
    """Up to the end, where the key says that there is nothing more."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        for number in range(2, TOTAL + 1):
            replay = await step(pilot)
            assert f"{number} of {TOTAL} events" in bar(pilot)
        assert replay.feed.ended
        assert replay.shown.feed.status == "done"

        await pilot.press("full_stop")

        assert "■ replay: the end" in bar(pilot)
        assert "nothing comes after the last event" in bar(pilot)


async def test_each_step_back_takes_one_event_away(store: Store) -> None:
    """Down to the first, where the key says that there is nothing before it."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot, 5)
        for number in (4, 3, 2, 1):
            replay = await step(pilot, "comma")
            assert (replay.feed.played, replay.feed.pace.paused) == (number, True)

        await pilot.press("comma")

        assert "nothing comes before the first event" in bar(pilot)
        assert now(pilot) is replay


async def test_keys_pressed_faster_than_a_record_is_read_lose_nothing(store: Store) -> None:
    """Whoever holds the key down for going back ends where that leads, on one screen."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        before = await opened(pilot, 12)

        for _ in range(6):
            before.action_step_back()
        await until(pilot, lambda: now(pilot) is not before and now(pilot).is_mounted)

        assert now(pilot).feed.played == now(pilot).feed.place == 6
        assert now(pilot).feed.pace.paused
        assert [type(one) for one in pilot.app.screen_stack[1:]] == [RunsScreen, ReplayScreen]


async def test_of_several_keys_the_last_one_says_where_it_goes(store: Store) -> None:
    """Going back and then to the start is going to the start; on and pause count from where it was to go."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        before = await opened(pilot, 12)
        before.action_step_back()
        before.action_step_back()
        before.action_step()
        await until(pilot, lambda: now(pilot) is not before and now(pilot).is_mounted)
        assert now(pilot).feed.played == 11

        before = now(pilot)
        before.action_step_back()
        before.action_restart()
        before.action_pause()
        await until(pilot, lambda: now(pilot) is not before and now(pilot).is_mounted)

        assert now(pilot).feed.begins == Start(0, paused=True)


async def test_while_it_goes_back_what_was_there_stays_on_the_screen(store: Store) -> None:
    """Nobody sees an empty run in between: a new screen is there when all up to its event is."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        before = await opened(pilot, 12)

        before.action_step_back()
        assert "going to event 11" in bar(pilot)
        assert before.feed.played == 12
        await until(pilot, lambda: now(pilot) is not before)

        assert now(pilot).feed.played == 11


async def test_pause_stops_it_and_goes_on(store: Store) -> None:
    """The bar says which."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot)

        await pilot.press("p")
        assert "‖ replay: paused (1x)" in bar(pilot)

        await pilot.press("p")
        assert "▸ replay: 1x" in bar(pilot)


async def test_faster_and_slower_have_ends_that_say_so(store: Store) -> None:
    """While it is paused, so that it is not over at once."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        await pilot.press("p", "left_curly_bracket")
        assert "this is its own speed; . goes event by event" in bar(pilot)

        for words in ("2x", "5x", "10x", "50x", "as fast as it goes"):
            await pilot.press("right_curly_bracket")
            assert f"paused ({words})" in bar(pilot)
        await pilot.press("ctrl+right")
        assert "nothing is faster" in bar(pilot)

        await pilot.press("ctrl+left")
        assert "paused (50x)" in bar(pilot)
        assert "nothing is faster" not in bar(pilot)


@pytest.mark.parametrize("key", ["0", "p"])
async def test_at_its_end_it_can_be_started_again(store: Store, key: str) -> None:
    """From the first event, at the speed it had; with the key for it, or with the one that goes on."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot, TOTAL)
        assert "0 starts again" in bar(pilot)

        await pilot.press(key)
        await until(
            pilot, lambda: now(pilot) is not replay and now(pilot).is_mounted and now(pilot).feed.played > 0
        )

        assert now(pilot).feed.played == 1
        assert not now(pilot).feed.pace.paused


async def test_as_fast_as_it_goes_shows_the_whole_run(store: Store) -> None:
    """Like opening it."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot)
        await pilot.press(*["right_curly_bracket"] * 5)

        await until(pilot, lambda: replay.feed.ended)

        assert len(replay.shown.trace) == 5


# ---------------------------------------------------------------------------------------------- nothing of later


def everything(pilot: Pilot[None]) -> str:
    """What stands on the screen, and in listings beyond its edge."""
    texts = [screen(pilot.app)]
    for listing in pilot.app.screen.query(Listing):
        texts += [
            "".join(text for text, _ in listing.source.row(row, 10_000)) for row in range(len(listing.source))
        ]
    return "\n".join(texts)


async def test_nothing_of_later_stands_in_any_view_or_tab_and_what_was_is_there(store: Store) -> None:
    """At each event: every text of the record is a word of its own, and none of later ones is seen."""
    seen: set[int] = set()
    async with app_of(store).run_test(size=(200, 60)) as pilot:
        replay = await opened(pilot)
        for number in range(1, TOTAL + 1):
            found = await look_everywhere(pilot, replay)
            later = {one for one in range(number, TOTAL) if told(one) in found}
            assert not later, f"after {number} events: {later}"
            seen |= {one for one in range(number) if told(one) in found}
            if number < TOTAL:
                await step(pilot)

    assert seen == {3, 4, 5, 6, 7, 8, 11, 13, 16, 17, 19}


async def look_everywhere(pilot: Pilot[None], replay: ReplayScreen) -> str:
    """The three other views as they are, and what the right side is made of for every span in every tab."""
    texts: list[str] = []
    for view in "wTLt":
        await pilot.press(view)
        await settled(pilot, replay)
        texts.append(everything(pilot))
    for key in "g51":  # the first row, in the tab of events and in that of values
        await pilot.press(key)
        await settled(pilot, replay)
        texts.append(everything(pilot))
    reader, trace = Reader(replay.shown.world.store), replay.shown.trace
    for number in range(len(trace)):
        span = reader.read(wanted(trace, RUN, number, NOWHERE))
        texts += [make(span, 100).text for make in PAGES.values()]
    return "\n".join(texts)


async def settled(pilot: Pilot[None], replay: ReplayScreen) -> None:
    """What was to be read from the store is on the screen."""
    await pilot.pause()
    await until(pilot, lambda: not busy(replay))
    await pilot.pause()


def busy(replay: ReplayScreen) -> bool:
    detail, logs = replay.query_one(DetailPanel), replay.query_one(LogsView)
    return detail._loading or detail._settling is not None or logs._growing or logs._loading


# ---------------------------------------------------------------------------------------------- nothing that acts


def valid(widget: Widget) -> set[str]:
    """The actions that have a key now."""
    return {binding.id or "" for _, binding, enabled, _ in widget.screen.active_bindings.values() if enabled}


async def test_an_open_question_of_then_is_not_answered_now(store: Store) -> None:
    """Nothing that acts on the run has a key, not even while it asked; nothing is said to be done."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot, 17)
        assert replay.shown.trace.state.asks

        assert not valid(replay) & {"approve", "reject", "cancel", "replay"}
        assert {"pause", "step", "step_back", "faster", "slower", "restart", "models", "approvals"} <= valid(
            replay
        )
        assert "waiting for" not in screen(pilot.app)

        await pilot.press("a", "x", "c")
        assert now(pilot) is replay


async def test_keys_that_act_on_a_run_say_why_they_do_not_here(store: Store) -> None:
    """Nobody waits for what was not even begun."""
    async with app_of(store).run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot)

        await pilot.press("c")

        await until(pilot, lambda: "a replay only shows what was; esc leaves it" in said(pilot))


async def test_the_footer_has_what_a_replay_can_do_now(store: Store) -> None:
    """It goes on after a pause; at its end it can only start again. The memory of this machine is not of then."""
    async with app_of(store).run_test(size=(80, 24)) as pilot:
        replay = await opened(pilot)
        await until(pilot, lambda: "p Pause" in screen(pilot.app))
        await pilot.press("p")
        await until(pilot, lambda: "p Go on" in screen(pilot.app))
        assert "0 Again" not in screen(pilot.app)
        assert "memory" not in screen(pilot.app)

        await pilot.press("p", *["right_curly_bracket"] * 5)
        await until(pilot, lambda: replay.feed.ended)

        await until(pilot, lambda: "0 Again" in screen(pilot.app))
        assert "p Pause" not in screen(pilot.app)
        assert "0 starts again" in screen(pilot.app)


# ---------------------------------------------------------------------------------------------- leaving and coming


@pytest.mark.parametrize("key", ["m", "i", "question_mark"])
async def test_it_stands_still_while_something_lies_above_it(store: Store, key: str) -> None:
    """Nobody misses anything; it goes on afterwards by itself."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot)
        await pilot.press(key)
        await until(pilot, lambda: pilot.app.screen is not replay and replay.feed.pace.held)
        replay.feed.pace.speed = float("inf")
        for _ in range(30):
            await pilot.pause(0.01)
        assert replay.feed.played == 1

        await pilot.press("escape")

        await until(pilot, lambda: replay.feed.ended)


async def test_it_is_found_where_it_was_left(store: Store) -> None:
    """From the list of runs: the event, the pause, the view."""
    async with app_of(store).run_test(size=(120, 40), notifications=True) as pilot:
        await opened(pilot, 7)
        await pilot.press("right_curly_bracket", "L", "R")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await to_run(pilot, RUN)

        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen) and now(pilot).is_mounted)
        await until(pilot, lambda: now(pilot).feed.found and now(pilot).view == "logs")

        assert now(pilot).feed.played == 7
        assert (now(pilot).feed.pace.paused, now(pilot).feed.pace.speed) == (True, 2.0)
        assert "goes on where it was left; 0 starts again" in bar(pilot)


async def test_one_that_was_seen_to_its_end_begins_anew(store: Store) -> None:
    """There is no place to go back to."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot, TOTAL)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await to_run(pilot, RUN)

        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen))
        await opened(pilot)

        assert now(pilot) is not replay
        assert now(pilot).feed.played == 1


async def test_going_back_keeps_what_was_looked_at(store: Store) -> None:
    """The span under the cursor, the tab, what was folded."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot, 15)
        many = replay.shown.trace.find("many")
        replay.query_one(SpanTree).go_to(many)
        replay.shown.rows.fold(many, folded=True)
        await pilot.press("5")
        await pilot.pause()

        replay = await step(pilot, "comma")
        await until(pilot, lambda: replay.span == many and "[5 Raw]" in screen(pilot.app))

        assert not replay.shown.rows.is_open(many)
        assert replay.shown.rows.folded[many]


# ---------------------------------------------------------------------------------------------- how one gets there


async def to_run(pilot: Pilot[None], run: str) -> None:
    """Put the cursor of the list on a run."""
    runs = cast("RunsScreen", pilot.app.screen)
    await until(pilot, lambda: runs.table.place(run) is not None)
    runs.query_one(RunsList).move_to(runs.table.place(run) or 0)
    await until(pilot, lambda: runs.row is not None and runs.row.id == run)


async def test_a_run_of_the_list_is_played_with_a_key(store: Store) -> None:
    """And esc leads back to the list."""
    async with Screens(world(store)).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await to_run(pilot, DONE)

        await pilot.press("P")
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen) and now(pilot).is_mounted)
        assert now(pilot).shown.run == DONE

        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def test_a_run_that_goes_on_is_watched_and_not_played(store: Store) -> None:
    """From the list it is said why; on its own screen there is no key for it."""
    record(store, "1123-0700-ggg", [StepStarted(AT, "a", "agent")], AT + 500)
    with Lease.acquire(store, "1123-0700-ggg"):
        async with Screens(world(store)).run_test(size=(120, 40), notifications=True) as pilot:
            await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
            await to_run(pilot, "1123-0700-ggg")
            await pilot.press("P")
            await until(pilot, lambda: "is being executed" in screen(pilot.app))
            assert isinstance(pilot.app.screen, RunsScreen)

            await pilot.press("enter")
            await until(
                pilot, lambda: isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.is_mounted
            )
            live = cast("RunScreen", pilot.app.screen)
            await until(pilot, lambda: live.shown.feed.caught_up)
            assert "replay" not in valid(live)


async def test_a_run_on_the_screen_is_played_above_itself(store: Store) -> None:
    """Esc leads back to what it is now."""
    async with Screens(world(store), RUN).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.is_mounted)
        whole = cast("RunScreen", pilot.app.screen)
        await until(pilot, lambda: whole.shown.feed.status == "done")

        await pilot.press("P")
        await opened(pilot)
        await pilot.press("escape")

        await until(pilot, lambda: pilot.app.screen is whole)


async def test_the_commands_have_the_replay(store: Store) -> None:
    """Who does not know the key finds it by its word."""
    async with Screens(world(store)).run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await to_run(pilot, RUN)
        await pilot.press("colon", *"replay")
        await until(pilot, lambda: "Replay what was recorded" in screen(pilot.app))

        await pilot.press("enter", "enter")

        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen))


async def test_a_run_deleted_under_its_replay_is_a_sentence(store: Store) -> None:
    """Like under any screen."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        await opened(pilot)
        store.delete(RUN)

        await until(pilot, lambda: "this run was deleted" in screen(pilot.app))


async def test_who_follows_a_replay_to_its_end_sees_what_it_came_to(store: Store) -> None:
    """At any speed, as with a run that goes on."""
    async with app_of(store).run_test(size=(120, 40)) as pilot:
        replay = await opened(pilot, 12)
        assert replay.span != NOWHERE
        replay.feed.pace.speed = float("inf")
        await pilot.press("p")

        await until(pilot, lambda: replay.feed.ended and replay.span == NOWHERE)

        assert replay.query_one(SpanTree).cursor == 0
