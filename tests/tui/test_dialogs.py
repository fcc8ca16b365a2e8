"""The questions to the person: their keys, their harmless default, hostile and long texts."""

from __future__ import annotations

from typing import Any

import pytest
from textual.app import App
from textual.color import Color
from textual.screen import Screen
from textual.widgets import Input

from orch_tui.dialogs import Choose, Confirm, Line, paragraphs
from orch_tui.listing import Listing
from orch_tui.text import plain
from tests.tui.host import screen as seen

HOSTILE = "[bold]x[/] [@click=app.quit]y[/] \x1b]52;c;ZXZpbA==\x07 \u202etxt [/nothing"


class Asking(App[None]):
    """Shows one dialog and keeps the answer."""

    def __init__(self, dialog: Screen[Any]) -> None:
        super().__init__()
        self.dialog = dialog
        self.answers: list[Any] = []

    def on_mount(self) -> None:
        self.push_screen(self.dialog, self.answers.append)


async def answer(dialog: Screen[Any], *keys: str) -> list[Any]:
    """What the dialog gives after these keys; empty while it is open."""
    app = Asking(dialog)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
    return app.answers


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        (["y"], True),
        (["n"], False),
        (["escape"], False),
        (["enter"], False),
        (["j", "enter"], True),
        (["j", "k", "enter"], False),
    ],
)
async def test_yes_is_said_on_purpose(keys: list[str], expected: bool) -> None:
    """Enter alone is no."""
    assert await answer(Confirm("Delete run 1?"), *keys) == [expected]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [(["enter"], 0), (["j", "enter"], 1), (["3"], 2), (["G", "enter"], 2), (["escape"], None)],
)
async def test_one_of_several_is_chosen_by_number_or_cursor(keys: list[str], expected: int | None) -> None:
    """The first stands under the cursor."""
    assert await answer(Choose("Send it?", ["send", "drop", "later"]), *keys) == [expected]


async def test_a_number_that_no_option_has_leaves_the_question_open() -> None:
    """A slip of the finger answers nothing."""
    assert await answer(Choose("Send it?", ["send", "drop"]), "3", "0") == []


async def test_a_line_is_what_was_typed_behind_what_was_there() -> None:
    """Enter gives it, escape nothing."""
    assert await answer(Line("Save as", "run"), "minus", "1", "enter") == ["run-1"]
    assert await answer(Line("Save as", "run"), "x", "escape") == [None]


async def test_markup_and_controls_in_a_question_are_shown() -> None:
    """They come from files, models and people; nothing in them is obeyed."""
    for dialog in (
        Confirm(HOSTILE, HOSTILE, yes=HOSTILE),
        Choose(HOSTILE, [HOSTILE]),
        Line(HOSTILE, HOSTILE),
    ):
        app = Asking(dialog)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.pause()
            shown = seen(app)
            await pilot.press("escape")

        for piece in ("[bold]x[/]", "[@click=app.quit]y[/]", "␛]52;c;ZXZpbA==␇", "<U+202E>txt", "[/nothing"):
            assert piece in shown
        assert "\x1b" not in shown
        assert "\u202e" not in shown


async def test_a_long_question_scrolls_and_leaves_room_for_the_answer() -> None:
    """In 80 columns and 24 lines everything of it can be read, and the choices stay in sight."""
    app = Asking(Confirm("Delete?", "\n".join(f"line {number}" for number in range(100))))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        assert "line 99" not in seen(app)
        assert "Delete" in seen(app)
        await pilot.press("tab", "G")
        await pilot.pause()

        assert "line 99" in seen(app)
        assert " n No" in seen(app)


async def test_a_small_terminal_still_shows_the_question_and_the_answers() -> None:
    """The box follows the size of the screen."""
    app = Asking(Confirm("Delete the record of run 1123-0645-aaa?"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.resize_terminal(24, 8)
        await pilot.pause()

        assert "Delete the record" in seen(app)
        assert " y Delete" in seen(app)


async def test_many_options_scroll() -> None:
    """More than fit on the screen can be reached."""
    app = Asking(Choose("Which?", [f"option {number}" for number in range(50)]))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        await pilot.press("G")
        await pilot.pause()
        assert "option 49" in seen(app)
        await pilot.press("enter")
        await pilot.pause()

    assert app.answers == [49]


async def test_the_field_of_a_line_has_the_focus() -> None:
    """One can type at once."""
    app = Asking(Line("Save as"))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()

        assert isinstance(app.focused, Input)
        assert not app.screen.query_one("#text", Listing).can_focus


@pytest.mark.parametrize("theme", ["textual-dark", "textual-light", "nord", "solarized-light"])
async def test_what_stands_under_the_cursor_can_be_read_in_every_theme(theme: str) -> None:
    """The colour of a role is not put on the colour of the cursor."""
    app = Asking(Confirm("Delete?"))
    async with app.run_test(size=(80, 24)) as pilot:
        app.theme = theme
        await pilot.pause()
        styles = app.screen.query_one("#below", Listing).styles_of_roles
        colors = {styles.over(styles.cursor, role).color for role in ("", "key", "bad", "dim", "warn")}

        assert colors == {styles.cursor.color}
        assert styles.cursor.color is not None
        assert styles.cursor.bgcolor is not None
        letters, beneath = (
            Color.from_rich_color(one).brightness for one in (styles.cursor.color, styles.cursor.bgcolor)
        )
        assert abs(letters - beneath) > 0.3


def test_empty_paragraphs_leave_no_line() -> None:
    """A question without details is one line."""
    assert [plain(row) for row in paragraphs([("a b", "bold"), ("", ""), ("c", "")], 2)] == ["a", "b", "c"]
