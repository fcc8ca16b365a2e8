"""Every action has its own key, can be given another one, and leaving works from everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from textual.dom import DOMNode
from textual.pilot import Pilot

from orch_tui.app import Screens
from orch_tui.replay_screen import ReplayScreen
from orch_tui.run_screen import RunScreen
from orch_tui.settings import ACTIONS, Settings, clashes, keys_of, shown_key
from orchestrator.store.store import Store
from tests.tui.host import screen, until
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read

REPLAYING = ("pause", "step", "step_back", "faster", "slower", "restart")


def with_keys(store: Store, **keys: str) -> Screens:
    return Screens(replace(world(store), settings=Settings(keys=keys)), VARIED)


def test_no_two_actions_share_a_key_by_default() -> None:
    """The table of actions is the contract."""
    assert list(clashes({})) == []


def test_a_key_given_twice_is_found_however_it_is_written() -> None:
    """`?` and `question_mark` are one key."""
    assert list(clashes({"copy": "?"})) == [("?", "copy", "help")]


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("question_mark", "?"),
        ("ctrl+d", "ctrl+d"),
        ("escape", "esc"),
        ("tab", "tab"),
        ("G", "G"),
        ("space", "space"),
        ("plus", "+"),
        ("down", "↓"),
        ("+", "+"),
    ],
)
def test_keys_are_written_as_people_read_them(key: str, shown: str) -> None:
    """Not by the names Textual has for them."""
    assert shown_key(key) == shown


def bound(app: Screens, key: str) -> set[str]:
    """The actions a key would run somewhere on this screen."""
    nodes: list[DOMNode] = [app, app.screen, *app.screen.query("*")]
    found: set[str] = set()
    for node in nodes:
        bindings = node._bindings.copy()
        bindings.apply_keymap(app._keymap)
        found |= {binding.id or "" for binding in bindings.key_to_bindings.get(key, ())}
    return found


async def test_every_action_takes_another_key_and_gives_up_its_own(tmp_path: Path) -> None:
    """Each one in turn, wherever it is bound."""
    async with with_keys(store_in(tmp_path)).run_test(size=(120, 40)) as pilot:
        await read(pilot)
        app = pilot.app
        assert isinstance(app, Screens)
        elsewhere = {"sort", "delete", "change", *REPLAYING}  # of the runs, of the questions, of a replay
        for name in ACTIONS.keys() - elsewhere:
            for own in keys_of(name, {}):
                assert name in bound(app, own), (name, own)

            app.set_keymap({name: "f9"})

            assert bound(app, "f9") == {name}
            assert not [own for own in keys_of(name, {}) if name in bound(app, own)]


async def test_every_action_of_a_replay_takes_another_key_too(tmp_path: Path) -> None:
    """They are keys of that screen only."""
    app = Screens(world(store_in(tmp_path)), VARIED, replay=True)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: isinstance(pilot.app.screen, ReplayScreen) and pilot.app.screen.is_mounted)
        for name in REPLAYING:
            assert all(name in bound(app, own) for own in keys_of(name, {}))

            app.set_keymap({name: "f9"})

            assert bound(app, "f9") == {name}
            assert not [own for own in keys_of(name, {}) if name in bound(app, own)]


async def test_a_key_of_the_settings_works_and_the_old_one_does_not(tmp_path: Path) -> None:
    """As a person presses it."""
    async with with_keys(store_in(tmp_path), timeline="f9").run_test(size=(120, 40)) as pilot:
        shown = await read(pilot)

        await pilot.press("T")
        assert shown.view == "trace"

        await pilot.press("f9")
        assert shown.view == "timeline"


async def test_two_actions_on_one_key_are_said(tmp_path: Path) -> None:
    """Settings that did not come from the file are not checked before."""
    app = with_keys(store_in(tmp_path), timeline="f9", logs="f9")
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        await until(pilot, lambda: "'f9' is given to 'timeline' and to 'logs'" in screen(pilot.app))


PLACES: dict[str, tuple[str, ...]] = {
    "the tree": (),
    "the detail": ("tab",),
    "the graph": ("w",),
    "the timeline": ("T",),
    "the log": ("L",),
    "the models": ("m",),
    "the approvals": ("i",),
    "the dialog of saving": ("s",),
}


@pytest.mark.parametrize("place", PLACES)
async def test_q_leaves_from_everywhere_and_the_run_is_as_it_was(tmp_path: Path, place: str) -> None:
    """Leaving never touches a run."""
    store = store_in(tmp_path)
    before = store.run(VARIED)
    app = with_keys(store)
    async with app.run_test(size=(120, 40)) as pilot:
        await read(pilot)
        await pilot.press(*PLACES[place])
        await pilot.pause()

        await pilot.press("q")
        await until_left(pilot)

    assert app.return_code == 0
    assert store.run(VARIED) == before


async def until_left(pilot: Pilot[None]) -> None:
    for _ in range(500):
        if pilot.app._exit:
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not leave")


async def test_the_tabs_are_reached_from_the_tree(tmp_path: Path) -> None:
    """Digits work wherever the focus is in the trace."""
    async with with_keys(store_in(tmp_path)).run_test(size=(120, 40)) as pilot:
        shown = await read(pilot)
        assert isinstance(shown, RunScreen)
        shown._go_to(shown.shown.trace.find("letter"))
        for number, word in (("2", "Prompt"), ("3", "Attempts"), ("5", "Raw"), ("1", "Output")):
            await pilot.press(number)
            await until(pilot, lambda word=word, number=number: f"[{number} {word}]" in screen(pilot.app))  # type: ignore[misc]


@pytest.mark.parametrize("width", [30, 60, 80, 120])
async def test_the_last_line_marks_what_it_leaves_out_and_keeps_the_help(tmp_path: Path, width: int) -> None:
    """Who has `?` finds the rest."""
    async with with_keys(store_in(tmp_path)).run_test(size=(width, 24)) as pilot:
        await read(pilot)
        await pilot.pause()
        last = screen(pilot.app).split("\n")[-1]

        assert "? Help" in last
        assert "q Leave" in last
        assert ("…" in last) == ("Copy" not in last)
