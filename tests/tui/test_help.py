"""The help lists every action with the keys it has now; the palette does what it says."""

from __future__ import annotations

from pathlib import Path

from textual.command import CommandPalette
from textual.widgets import Input

from orch_tui.app import Screens
from orch_tui.help import HelpScreen, help_rows
from orch_tui.settings import ACTIONS
from orch_tui.text import plain
from tests.tui.host import screen, until
from tests.tui.looking import said
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read


def text(rows: list[object]) -> str:
    return "\n".join(plain(row) for row in rows)  # type: ignore[arg-type]


def test_every_action_is_listed_once_in_its_group() -> None:
    """Nothing a key does is hidden."""
    shown = text(list(help_rows({})))

    for action in ACTIONS.values():
        assert action.words in shown
    for group in {action.group for action in ACTIONS.values()}:
        assert shown.split("\n").count(group) == 1


def test_keys_are_those_of_the_settings() -> None:
    """Who gave an action another key finds that one."""
    row = next(plain(row) for row in help_rows({"copy": "ctrl+y"}) if row and " Copy " in plain(row))

    assert "ctrl+y" in row
    assert " y " not in row


def test_words_and_keys_filter_and_nothing_found_is_said() -> None:
    """Every word must fit something."""
    assert "Timeline" in text(list(help_rows({}, "timel")))
    assert "Half a page down" in text(list(help_rows({}, "ctrl+d")))
    assert "Open the YAML" not in text(list(help_rows({}, "timel")))
    assert "no action" in text(list(help_rows({}, "xyzzy")))


async def test_typing_in_the_help_filters_and_escape_closes_it(tmp_path: Path) -> None:
    """Letters are words there and no keys, also q."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(100, 40)
    ) as pilot:
        shown = await read(pilot)

        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        assert "Half a page down" in screen(pilot.app)

        await pilot.press(*"yaml")
        await until(pilot, lambda: "Half a page" not in screen(pilot.app))
        assert "Open the YAML" in screen(pilot.app)

        await pilot.press("q")
        assert pilot.app.screen.query_one(Input).value == "yamlq"

        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is shown)


async def test_the_palette_offers_our_actions_and_runs_one(tmp_path: Path) -> None:
    """What is valid where the person is, by its words."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(100, 40)
    ) as pilot:
        shown = await read(pilot)

        await pilot.press("colon")
        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
        await until(pilot, lambda: "Timeline" in screen(pilot.app))
        assert "Maximize" not in screen(pilot.app)
        assert "Screenshot" not in screen(pilot.app)

        await pilot.press(*"timeline")
        await until(pilot, lambda: "Graph of the workflow" not in screen(pilot.app))
        await pilot.press("enter")
        await until(pilot, lambda: shown.view == "timeline")


async def test_the_palette_names_what_cannot_be_done_here_and_says_why(tmp_path: Path) -> None:
    """So that a person finds out that it can be done at all."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(100, 40)
    ) as pilot:
        await read(pilot)

        await pilot.press("colon", *"zoom in")
        await until(pilot, lambda: "only in the timeline" in screen(pilot.app))
        await pilot.press("enter")

        await until(pilot, lambda: "Zoom in: only in the timeline" in said(pilot))


async def test_ctrl_p_opens_the_palette_from_the_list_of_runs(tmp_path: Path) -> None:
    """The key other programs have for it."""
    async with Screens(world(store_in(tmp_path))).run_test(notifications=True, size=(100, 40)) as pilot:
        await pilot.pause()

        await pilot.press("ctrl+p")

        await until(pilot, lambda: isinstance(pilot.app.screen, CommandPalette))
