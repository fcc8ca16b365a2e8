"""The keys of a run's views where no run is open, and what stands at the bottom of narrow screens."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.approvals import ApprovalsScreen
from orch_tui.footer import KeyBar
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from tests.cli.recorded import DONE, FAILED
from tests.tui.host import screen, shown, until
from tests.tui.recorded import store_in, world


@pytest.mark.parametrize("key", ["t", "w", "T", "L"])
async def test_the_views_of_a_run_need_a_run(tmp_path: Path, key: str) -> None:
    """In the list of runs and among the questions a sentence says what is missing."""
    async with Screens(world(store_in(tmp_path))).run_test(notifications=True, size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await pilot.press(key)
        await until(pilot, lambda: "open a run first" in screen(pilot.app))

        pilot.app.clear_notifications()
        await until(pilot, lambda: "open a run first" not in screen(pilot.app))
        await pilot.press("i")
        await until(pilot, lambda: isinstance(pilot.app.screen, ApprovalsScreen))
        await pilot.press(key)
        await until(pilot, lambda: "open a run first" in screen(pilot.app))


async def test_at_80_columns_all_keys_of_the_list_of_runs_are_told(tmp_path: Path) -> None:
    """Questions and replays too."""
    async with Screens(world(store_in(tmp_path))).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        await until(pilot, lambda: " i " in shown(pilot.app.screen.query_one(KeyBar)))
        text = shown(pilot.app.screen.query_one(KeyBar))

    assert " P Replay" in text
    assert "…" not in text


@pytest.mark.parametrize(("run", "told"), [(FAILED, True), (DONE, False)])
async def test_the_way_to_an_error_is_told_first_where_there_is_one(
    tmp_path: Path, run: str, *, told: bool
) -> None:
    """And the filter at every width."""
    async with Screens(world(store_in(tmp_path)), run).run_test(size=(80, 24)) as pilot:
        await until(
            pilot, lambda: isinstance(pilot.app.screen, RunScreen) and pilot.app.screen.shown.feed.caught_up
        )
        bar = pilot.app.screen.query_one(KeyBar)
        await until(pilot, lambda: shown(bar).startswith(" e Error") == told)
        text = shown(bar)

    assert " / Filter" in text
    assert " w Graph" in text
    assert "f Follow" not in text  # nothing runs
