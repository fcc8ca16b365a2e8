"""The screen of a run: its views, its two sides, what leads from one to the other, and what stands in the way."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest
from textual._styles_cache import StylesCache
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher

from orch_tui.app import Screens
from orch_tui.detail import DetailPanel
from orch_tui.graph import GraphView
from orch_tui.logs import LogsView
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from orch_tui.timeline import TimelineView
from orch_tui.tree import SpanTree
from orchestrator.events import RunFinished, StepFinished, StepStarted
from orchestrator.store.inbox import take
from orchestrator.store.lease import Lease
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, WAITING, record
from tests.tui.host import screen, until
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_detail import WRITING, Open


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return store_in(tmp_path)


async def read(pilot: Pilot[None]) -> RunScreen:
    """The screen of the run once all of the record is in it."""
    await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
    shown = pilot.app.screen
    assert isinstance(shown, RunScreen)
    await until(pilot, lambda: shown.shown.feed.caught_up and len(shown.shown.trace) > 0)
    await pilot.pause()
    return shown


VIEWS = {"w": "graph", "T": "timeline", "L": "logs", "t": "trace"}


async def test_each_view_has_its_key_and_escape_leads_back_to_the_trace(store: Store) -> None:
    """A view fills the room of the trace; one step outwards is the trace again."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        for key, view in VIEWS.items():
            await pilot.press(key)
            assert shown.query_one(ContentSwitcher).current == view

        await pilot.press("L", "escape")

        assert shown.view == "trace"
        assert shown.focused is shown.query_one(SpanTree)


async def test_escape_goes_outwards_step_by_step_down_to_the_list_of_runs(store: Store) -> None:
    """From a span in full to both sides, from them to the runs; the run is left alone."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        await pilot.press("enter")
        assert shown.has_class("zoomed")

        await pilot.press("escape")
        assert not shown.has_class("zoomed")
        assert pilot.app.screen is shown

        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert store.run(DONE).status == "done"


async def test_runs_that_were_left_are_not_remembered_with_all_that_they_had_drawn(store: Store) -> None:
    """Who opens one run after another does not need more and more memory."""
    remembered: list[int] = []
    async with Screens(world(store)).run_test(notifications=True, size=(120, 40)) as pilot:
        for _ in range(5):
            await pilot.app.push_screen(RunScreen(world(store), DONE))
            await read(pilot)
            await pilot.press("escape")
            await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
            await pilot.pause()
            remembered.append(StylesCache.get_inner_outer.cache_info().currsize)

    assert max(remembered[1:]) <= remembered[0] + 3


async def test_tab_goes_to_the_other_side_and_back(store: Store) -> None:
    """Two sides, one key."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)

        await pilot.press("tab")
        assert shown.focused in list(shown.query_one(DetailPanel).query("*"))

        await pilot.press("tab")
        assert shown.focused is shown.query_one(SpanTree)


async def test_the_split_moves_between_two_bounds(store: Store) -> None:
    """`>` gives the tree more columns, `<` fewer, and neither side ever vanishes."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        tree, detail = shown.query_one(SpanTree), shown.query_one(DetailPanel)
        before = tree.size.width

        await pilot.press(*["greater_than_sign"] * 20)
        wide = tree.size.width
        assert wide > before
        assert detail.size.width > 10

        await pilot.press(*["less_than_sign"] * 40)
        assert 10 < tree.size.width < before


async def test_below_a_hundred_columns_the_sides_lie_one_above_the_other(store: Store) -> None:
    """At 80 columns both sides have the whole width."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(80, 24)) as pilot:
        shown = await read(pilot)
        tree, detail = shown.query_one(SpanTree), shown.query_one(DetailPanel)

        assert tree.size.width >= 78
        assert detail.region.y >= tree.region.bottom


async def test_a_span_chosen_in_another_view_is_under_the_cursor_of_the_trace(store: Store) -> None:
    """The timeline, the log and the drawing lead to the tree, opening what hides the span."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        trace = shown.shown.trace

        await pilot.press("T")
        shown.query_one(TimelineView).post_message(TimelineView.SpanChosen(trace.find("many.200")))
        await until(pilot, lambda: shown.path == "many.200")
        assert shown.view == "trace"

        await pilot.press("L")
        shown.query_one(LogsView).post_message(LogsView.SpanChosen("group.note"))
        await until(pilot, lambda: shown.path == "group.note")

        await pilot.press("w")
        shown.query_one(GraphView).post_message(GraphView.StepChosen("letter"))
        await until(pilot, lambda: shown.path == "letter")


async def test_a_step_that_has_not_begun_is_said_and_the_drawing_stays(store: Store) -> None:
    """The drawing knows steps that the run has not reached."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        await pilot.press("w")

        shown.query_one(GraphView).post_message(GraphView.StepChosen("later"))

        await until(pilot, lambda: "'later' has not begun" in screen(pilot.app))
        assert shown.view == "graph"


async def test_a_run_deleted_under_the_screen_is_said_and_escape_still_works(store: Store) -> None:
    """What was read stays readable."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)

        store.delete(DONE)

        await until(pilot, lambda: shown.shown.feed.gone)
        await until(pilot, lambda: "deleted" in screen(pilot.app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))


async def test_a_run_that_never_existed_is_a_message_and_no_crash(store: Store) -> None:
    """Between the list and the key somebody may have deleted it."""
    async with Screens(world(store), "0000-nobody").run_test(notifications=True, size=(120, 40)) as pilot:
        await until(pilot, lambda: "there is no run" in screen(pilot.app))

        await pilot.press("w", "T", "L", "t", "y", "Y", "tab", "1", "5")

        assert isinstance(pilot.app.screen, RunScreen)


@pytest.mark.parametrize("size", [(20, 5), (1, 1), (80, 24), (200, 60), (40, 8)])
async def test_no_size_breaks_a_view(store: Store, size: tuple[int, int]) -> None:
    """Windows are dragged to any size while any view is open."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(100, 30)) as pilot:
        await read(pilot)
        for key in "wTLt":
            await pilot.press(key)
            await pilot.resize_terminal(*size)
            await pilot.pause()
            await pilot.resize_terminal(100, 30)
            await pilot.pause()

        assert pilot.app.screen.size == (100, 30)


async def test_open_questions_lead_to_the_approvals_of_this_run(store: Store) -> None:
    """`a` and `x` mean something only where somebody is asked."""
    async with Screens(world(store), WAITING).run_test(notifications=True, size=(120, 40)) as pilot:
        await read(pilot)

        await pilot.press("a")

        await until(pilot, lambda: type(pilot.app.screen).__name__ == "ApprovalsScreen")


async def test_where_somebody_is_asked_the_footer_says_so_at_80_columns(store: Store) -> None:
    """It is what matters most then."""
    async with Screens(world(store), WAITING).run_test(size=(80, 24)) as pilot:
        await read(pilot)

        await until(pilot, lambda: "a Approve" in screen(pilot.app))


async def test_without_questions_a_does_nothing(store: Store) -> None:
    """No empty list of questions comes up by a slip of the finger."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)

        await pilot.press("a", "x")

        await until(pilot, lambda: "Approve: nothing is asked in this run now" in screen(pilot.app))
        assert "Reject: nothing is asked in this run now" in screen(pilot.app)
        assert pilot.app.screen is shown


async def test_a_key_that_does_nothing_here_says_why(store: Store) -> None:
    """None that the help names is mute; one that moves the cursor needs no words."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        await read(pilot)

        await pilot.press("plus", "p", "D")

        said = ("Zoom in: only in the timeline", "only in a replay", "Delete: only in the list of runs")
        await until(pilot, lambda: all(words in screen(pilot.app) for words in said))


async def test_the_footer_says_what_f_does_now(store: Store) -> None:
    """It has two sides."""
    record(store, "1123-0800-run", [StepStarted(AT, "a", "agent")], AT)
    with Lease.acquire(store, "1123-0800-run"):
        async with Screens(world(store), "1123-0800-run").run_test(size=(120, 40)) as pilot:
            await read(pilot)
            await until(pilot, lambda: "f Unfollow" in screen(pilot.app))

            await pilot.press("f")

            await until(pilot, lambda: "f Follow" in screen(pilot.app))


async def test_c_asks_and_then_leaves_a_message_for_the_process_that_executes_the_run(store: Store) -> None:
    """As `orch cancel` does; without a yes nothing happens."""
    record(store, "1123-0900-run", [StepStarted(AT, "slow", "agent")])
    with Lease.acquire(store, "1123-0900-run"):
        async with Screens(world(store), "1123-0900-run").run_test(
            notifications=True, size=(120, 40)
        ) as pilot:
            await read(pilot)

            await pilot.press("c")
            await until(pilot, lambda: "Cancel run 1123-0900-run?" in screen(pilot.app))
            await pilot.press("escape")
            assert take(store, "1123-0900-run") == []

            await pilot.press("c")
            await pilot.pause()
            await pilot.press("y")
            await until(pilot, lambda: "to stop run" in screen(pilot.app))

    (message,) = take(store, "1123-0900-run")
    assert (message.kind, message.payload) == ("cancel", {"by": "orch tui (sam)"})


async def test_a_run_that_ended_cannot_be_cancelled_and_that_is_said(store: Store) -> None:
    """No question that leads nowhere."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)

        await pilot.press("c")

        await until(pilot, lambda: "has ended already" in screen(pilot.app))
        assert pilot.app.screen is shown


async def test_a_span_chosen_elsewhere_is_gone_to_although_a_filter_hides_it(store: Store) -> None:
    """The filter is taken away, since the person asked for this very span."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        tree = shown.query_one(SpanTree)
        wanted = shown.shown.trace.path(len(shown.shown.trace) - 1)
        await pilot.press("slash", *"no such thing", "enter")
        await until(pilot, lambda: shown.shown.rows.filtered)

        shown.query_one(LogsView).post_message(LogsView.SpanChosen(wanted))
        await until(pilot, lambda: shown.path == wanted)

        assert not shown.shown.rows.filtered
        assert tree.has_focus


async def test_d_shows_the_difference_from_the_tree(store: Store) -> None:
    """The key goes to the detail, wherever the person is."""
    async with Screens(world(store), VARIED).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        shown.query_one(SpanTree).go_to(shown.shown.trace.find("letter"))
        await pilot.pause()

        await pilot.press("d")
        await until(pilot, lambda: "1 the attempt before" in screen(pilot.app))
        await pilot.press("1")

        await until(pilot, lambda: "[3 Attempts]" in screen(pilot.app))
        assert shown.query_one(SpanTree).has_focus


async def test_the_first_row_has_the_outputs_of_the_run_to_be_copied(store: Store) -> None:
    """`y` copies what it came to, `Y` the command that shows the run."""
    async with Screens(world(store), DONE).run_test(notifications=True, size=(120, 40)) as pilot:
        shown = await read(pilot)
        detail = shown.query_one(DetailPanel)

        await pilot.press("g")
        await until(pilot, lambda: '"urgency": "low"' in detail.text)
        await pilot.press("y")
        assert pilot.app.clipboard == '{\n  "urgency": "low"\n}'
        await pilot.press("Y")
        assert pilot.app.clipboard == f"orch show {DONE}"


@pytest.mark.parametrize("key", ["L", "m"])
async def test_a_filter_knows_what_came_while_something_else_was_on_the_screen(
    store: Store, key: str
) -> None:
    """Another view, or another screen: the run went on meanwhile, and has ended."""
    second = (StepStarted(AT + 3, "second", "agent"), StepFinished(AT + 4, "second", "x", {}))
    with Open(store) as run:
        run.say(*WRITING)
        async with Screens(replace(world(store), now=time.time), run.run).run_test(size=(120, 40)) as pilot:
            shown = await read(pilot)
            await pilot.press("slash", "e", "enter")
            await until(pilot, lambda: shown.shown.rows.found == 1)
            await pilot.press(key)
            run.say(*second, RunFinished(AT + 5, "x"))
            await until(pilot, lambda: shown.shown.feed.status == "done")

            await pilot.press("t" if key == "L" else "escape")

            await until(pilot, lambda: shown.shown.rows.found == 2)
