"""The line that a filter is typed into."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Vertical
from textual.events import Key, Paste
from textual.widgets import Input, Static

from orch_tui.find import FindBar
from orch_tui.listing import Listing, Rows
from tests.tui.recorded import HOSTILE


class Bars(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[str, str]] = []

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Listing(Rows([(("one", ""),)]))
            yield FindBar()

    def on_mount(self) -> None:
        self.query_one(Listing).focus()

    @property
    def bar(self) -> FindBar:
        return self.query_one(FindBar)

    def on_find_bar_changed(self, message: FindBar.Changed) -> None:
        self.told.append(("changed", message.text))

    def on_find_bar_done(self, message: FindBar.Done) -> None:
        self.told.append(("done", message.text))

    def on_find_bar_cancelled(self, message: FindBar.Cancelled) -> None:
        self.told.append(("cancelled", message.text))


async def test_it_tells_of_every_letter_and_enter_gives_the_focus_back() -> None:
    """It stays in sight: what is shown is filtered."""
    app = Bars()
    async with app.run_test() as pilot:
        app.bar.open()
        await pilot.press("a", "b", "enter")
        await pilot.pause()

        assert app.told == [("changed", "a"), ("changed", "ab"), ("done", "ab")]
        assert app.bar.is_open
        assert isinstance(app.focused, Listing)


async def test_what_is_said_before_there_is_a_screen_stands_on_it_later() -> None:
    """On a busy machine news come before everything is composed."""
    bar = FindBar()
    bar.say("3 found")

    class Late(App[None]):
        def compose(self) -> ComposeResult:
            yield bar

    async with Late().run_test():
        assert str(bar.query_one(".found", Static).render()) == "3 found"


async def test_esc_takes_it_back_and_hides_it() -> None:
    app = Bars()
    async with app.run_test() as pilot:
        app.bar.open()
        await pilot.press("a", "escape")
        await pilot.pause()

        assert app.told[-1] == ("cancelled", "")
        assert not app.bar.is_open
        assert app.bar.text == ""
        assert isinstance(app.focused, Listing)


async def test_enter_on_an_empty_line_is_no_filter() -> None:
    app = Bars()
    async with app.run_test() as pilot:
        app.bar.open()
        await pilot.press("space", "enter")
        await pilot.pause()

        assert app.told[-1] == ("cancelled", "")
        assert not app.bar.is_open


async def test_it_opens_again_with_what_was_typed() -> None:
    """Tab does not stop at it in between."""
    app = Bars()
    async with app.run_test() as pilot:
        app.bar.open()
        await pilot.press("a", "enter", "tab")
        assert isinstance(app.focused, Listing)

        app.bar.open()
        await pilot.press("b")

        assert app.bar.text == "ab"


async def test_letters_that_come_before_it_is_drawn_are_typed_into_it() -> None:
    """Who types fast loses nothing."""
    app = Bars()
    async with app.run_test() as pilot:
        app.bar.open()
        for letter in "draft":
            app.post_message(Key(letter, letter))
        await pilot.pause()

        assert app.bar.text == "draft"


@pytest.mark.parametrize("text", HOSTILE)
async def test_what_is_pasted_is_shown_and_not_obeyed(text: str) -> None:
    """Neither as an escape sequence nor as markup; what was found is text as well."""
    app = Bars()
    async with app.run_test(size=(60, 6)) as pilot:
        app.bar.open()
        app.query_one(Input).post_message(Paste(text))
        await pilot.pause()
        app.bar.say(text)
        await pilot.pause()
        shown = "".join(
            segment.text
            for widget in (app.query_one(Input), app.query_one(".found", Static))
            for segment in widget.render_line(0)
        )

        assert not any(ord(char) < 32 or 0x7F <= ord(char) < 0xA0 for char in app.bar.text + shown)
        assert "\u202e" not in app.bar.text + shown
