"""What `y` and `Y` copy, and what is said about it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orch_tui.app import Screens
from orch_tui.copying import LARGE, Copied, command_for
from orch_tui.detail import DetailPanel
from orch_tui.logs import LogsView
from orchestrator.safe import UNSAFE
from tests.tui.host import screen, until
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read


@given(st.text(), st.text(min_size=1))
def test_the_command_is_three_or_four_words_for_a_shell_whatever_the_names(run: str, path: str) -> None:
    """Names are quoted, and no control character is in what is pasted."""
    text = command_for(run, path)

    assert len(shlex.split(text)) == 4
    assert not UNSAFE.search(text)


def test_the_command_of_a_run_has_no_path() -> None:
    """Before any step began there is only the run."""
    assert command_for("1123-0645-aaa") == "orch show 1123-0645-aaa"


def test_what_is_copied_is_said_with_its_size_when_it_is_long() -> None:
    """A person sees whether it was the right thing, and whether the terminal may have cut it."""
    assert Copied("a.b", "'a.b'").sentence == "copied 'a.b'"
    assert "1,000 characters" in Copied("x" * 1000, "what the tab shows").sentence
    assert "some terminals drop so much" in Copied("x" * (LARGE + 1), "it").sentence
    assert "nothing to copy" in Copied("", "what the tab shows").sentence


async def test_y_copies_the_answer_from_the_tree_and_capital_y_the_command(tmp_path: Path) -> None:
    """What the tab shows of the span under the cursor; the command shows the same span."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(120, 40)
    ) as pilot:
        shown = await read(pilot)
        shown._go_to(shown.shown.trace.find("letter"))
        await until(pilot, lambda: "Dear" in shown.query_one(DetailPanel).text)

        await pilot.press("y")
        assert "Dear" in pilot.app.clipboard
        await until(pilot, lambda: "copied what the tab shows" in screen(pilot.app))

        await pilot.press("Y")
        assert pilot.app.clipboard == f"orch show {VARIED} letter"


async def test_y_copies_what_the_tab_shows_when_the_detail_has_the_focus(tmp_path: Path) -> None:
    """The whole text, not only the part that is in sight."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(120, 40)
    ) as pilot:
        shown = await read(pilot)
        shown._go_to(shown.shown.trace.find("letter"))
        await pilot.press("tab", "1")
        await until(pilot, lambda: "Dear" in shown.query_one("#detail").text)  # type: ignore[attr-defined]

        await pilot.press("y")

        assert "Dear" in pilot.app.clipboard


@pytest.mark.parametrize("view", ["T", "L"])
async def test_in_a_view_of_lines_y_copies_the_line(tmp_path: Path, view: str) -> None:
    """What the cursor stands on, in words."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(
        notifications=True, size=(120, 40)
    ) as pilot:
        await read(pilot)
        await pilot.press(view, "g")
        await pilot.pause()

        await pilot.press("y")

        assert pilot.app.clipboard


async def test_in_the_logs_capital_y_copies_the_command_of_the_line(tmp_path: Path) -> None:
    """Not that of what the cursor of the tree stands on."""
    async with Screens(world(store_in(tmp_path)), VARIED).run_test(size=(120, 40)) as pilot:
        shown = await read(pilot)
        shown._go_to(shown.shown.trace.find("letter"))
        await pilot.press("L", "g")
        await pilot.press("Y")
        assert pilot.app.clipboard == f"orch show {VARIED}"

        logs = shown.query_one(LogsView)
        await until(pilot, lambda: logs.source.line(len(logs.source) - 2) is not None)
        last = next(
            n for n in reversed(range(len(logs.source))) if (found := logs.source.line(n)) and found.path
        )
        logs.listing.move_to(last)
        await pilot.press("Y")

        assert logs.path not in ("", "letter")
        assert pilot.app.clipboard == command_for(VARIED, logs.path)


async def test_controls_and_surrogates_are_copied_as_they_are_shown(tmp_path: Path) -> None:
    """What is pasted into a shell must not act there, and half a character must not stop the screen."""
    app = Screens(world(store_in(tmp_path)))
    async with app.run_test(notifications=True):
        app.copy_to_clipboard("a\x1b[201~\ud800\rb")

        assert app.clipboard == "a␛[201~<U+D800>␍b"


async def test_ctrl_c_leaves_like_q(tmp_path: Path) -> None:
    """Nobody is kept in the screen."""
    app = Screens(world(store_in(tmp_path)), VARIED)
    async with app.run_test(notifications=True) as pilot:
        await read(pilot)

        await pilot.press("ctrl+c")

    assert app.return_code == 0
