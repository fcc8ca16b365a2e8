"""Whatever stands in a run, the screen shows it and obeys none of it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from orch_tui.app import Screens
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from orch_tui.saving import screen_as_html, screen_as_svg
from orchestrator.safe import UNSAFE
from orchestrator.store.open import open_store
from tests.tui.hostile import ALL, HOSTILE, record_hostile
from tests.tui.recorded import world
from tests.tui.test_run_screen import read

RUN = "1123-0700-bad"


def written(app: Screens) -> str:
    """Every character of every strip that would go to the terminal now."""
    lines = app.screen._compositor.render_strips()
    for line in lines:
        for segment in line:
            assert segment.control is None or not segment.control
            assert segment.style is None or not segment.style.link
    return "".join(line.text for line in lines)


def assert_harmless(app: Screens, where: str) -> None:
    """No control, no direction, no invisible character, and nothing that runs an action when it is clicked."""
    text = written(app)
    bad = {
        char for char in text if unicodedata.category(char) in ("Cc", "Cs", "Zl", "Zp") or UNSAFE.match(char)
    }
    assert not bad, (where, bad)
    lines = app.screen._compositor.render_strips()
    clicks = [segment.style.meta for line in lines for segment in line if segment.style is not None]
    assert not [meta for meta in clicks if "@click" in meta and "quit" in str(meta)], where


async def settled(pilot: Pilot[None]) -> None:
    for _ in range(3):
        await pilot.pause(0.05)


async def looked_at(pilot: Pilot[None], app: Screens, *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await settled(pilot)
        assert_harmless(app, f"after {key} of {keys}")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_every_view_tab_and_dialog_of_a_hostile_run_is_harmless(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    """A walk over everything there is to see, looking at what would be written at every stop."""
    store = open_store(tmp_path / "runs.db")
    record_hostile(store, RUN)
    app = Screens(world(store), RUN)
    async with app.run_test(size=size, notifications=True) as pilot:
        await read(pilot)
        await settled(pilot)
        assert "CANARY" in written(app)
        await looked_at(pilot, app, *"12345", "j", "j", *"12345")
        await looked_at(pilot, app, "tab", "G", "escape", "enter", *"2345", "escape", "G", *"15")
        await looked_at(pilot, app, "y", "Y", "tab", "y", "escape")
        for view in "wTL":
            await looked_at(pilot, app, view, "j", "G", "g", "escape")
        for dialog in "sc":
            await looked_at(pilot, app, dialog, "escape")
        await looked_at(pilot, app, "question_mark", "escape", "colon", "escape")
        await looked_at(pilot, app, "o", "m", "escape", "a", "j", "enter", "escape", "escape")
        assert app.is_running


async def test_a_hostile_run_in_the_list_of_runs_is_harmless(tmp_path: Path) -> None:
    """Also while it is filtered, and when it is to be deleted."""
    store = open_store(tmp_path / "runs.db")
    record_hostile(store, RUN, ended=True)
    record_hostile(store, "1123-0701-bad")
    app = Screens(world(store))
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, RunsScreen)
        await looked_at(pilot, app, "j", "k", "O", "D", "escape", "i", "j", "escape", "m", "escape")


@pytest.mark.parametrize("number", range(len(HOSTILE)))
async def test_a_notification_shows_and_never_obeys(number: int, tmp_path: Path) -> None:
    """Errors carry names and paths; whoever asks for markup does not get it."""
    app = Screens(world(open_store(tmp_path / "runs.db")))
    async with app.run_test(size=(60, 20), notifications=True) as pilot:
        app.notify(HOSTILE[number][:500], title=HOSTILE[number][:50], markup=True)
        await settled(pilot)

        assert_harmless(app, repr(HOSTILE[number][:30]))


async def test_pictures_of_a_hostile_screen_hold_no_control_and_no_markup_of_others(tmp_path: Path) -> None:
    """A saved picture is opened in a browser: what stands in it is text."""
    store = open_store(tmp_path / "runs.db")
    record_hostile(store, RUN)
    app = Screens(world(store), RUN)
    async with app.run_test(size=(120, 40)) as pilot:
        shown = await read(pilot)
        await settled(pilot)
        assert isinstance(shown, Screen | RunScreen)

        for text in (screen_as_svg(app, ALL), screen_as_html(app, "</title><script>alert(1)</script>" + ALL)):
            assert not UNSAFE.search(text)
            assert "<script" not in text
