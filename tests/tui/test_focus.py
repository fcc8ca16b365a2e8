"""Keys after the terminal's window lost the focus and got it back, whatever changed on the screen meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events
from textual.widgets import Input

from orch_tui.app import Screens
from orch_tui.help import HelpScreen
from orch_tui.run_screen import RunScreen
from orchestrator.store.open import open_store
from tests.cli.recorded import DONE, record_all
from tests.tui.host import screen, until
from tests.tui.recorded import store_in, world


async def test_runs_that_came_while_nobody_looked_have_the_keys(tmp_path: Path) -> None:
    """The notice of an empty store had the focus and is hidden now: the focus is the list's, not the notice's."""
    store = open_store(tmp_path / "runs.db")
    app = Screens(world(store))
    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: app.screen.focused is not None and app.screen.focused.id == "notice")
        app.post_message(events.AppBlur())
        await until(pilot, lambda: app.screen.focused is None)
        record_all(store)
        await until(pilot, lambda: DONE in screen(app))

        app.post_message(events.AppFocus())
        await until(pilot, lambda: app.screen.focused is not None)

        assert app.screen.focused is not None
        assert app.screen.focused.id == "runs"
    store.close()


@pytest.mark.parametrize("wake", ["key", "focus"])
async def test_a_screen_that_opened_while_nobody_looked_has_the_keys(tmp_path: Path, wake: str) -> None:
    """Nothing has the focus of a screen that is opened then. The first key is enough, and is not lost."""
    store = store_in(tmp_path)
    app = Screens(world(store), DONE)
    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: isinstance(app.screen, RunScreen) and "triage" in screen(app))
        app.post_message(events.AppBlur())
        await until(pilot, lambda: app.screen.focused is None)
        app.push_screen(HelpScreen(app.world.settings))
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.focused is not None)
        app.screen.set_focus(None)

        if wake == "focus":
            app.post_message(events.AppFocus())
            await until(pilot, lambda: app.screen.focused is not None)
        await pilot.press("z")

        assert app.screen.query_one(Input).value == "z"
    store.close()
