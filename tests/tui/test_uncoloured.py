"""NO_COLOR: not one colour reaches the terminal, and what colours told is still to be seen."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color

from orch_tui.app import DARK, LIGHT, Screens
from orch_tui.uncoloured import bare
from tests.tui.host import screen, until
from tests.tui.recorded import VARIED, store_in, world

GREY = Color.parse("#1e1e1e")
VIEWS = ("w", "T", "L", "m", "i", "R", "question_mark")
"""Keys, each of which leads to another picture."""


def drawn(app: Screens) -> Iterator[Segment]:
    for strip in app.screen._compositor.render_strips():
        yield from strip


def differs(app: Screens, before: str) -> bool:
    return screen(app) != before


def styles_of(app: Screens, text: str) -> list[Style]:
    return [one.style for one in drawn(app) if one.style is not None and text in one.text]


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Screens]:
    monkeypatch.setenv("NO_COLOR", "1")
    store = store_in(tmp_path)
    yield Screens(world(store), VARIED)
    store.close()


@pytest.mark.parametrize("theme", [DARK, LIGHT])
async def test_no_view_has_a_colour(app: Screens, theme: str) -> None:
    """Greys are colours as well: whatever lies behind the letters is the terminal's own."""
    async with app.run_test(size=(110, 30), notifications=True) as pilot:
        app.theme = theme
        await until(pilot, lambda: "letter" in screen(app))
        app.notify("something went wrong", severity="error")
        for key in VIEWS:
            before = screen(app)
            await pilot.press(key)
            await until(pilot, partial(differs, app, before))
            found = {(one.style.color, one.style.bgcolor) for one in drawn(app) if one.style is not None}
            assert found == {(None, None)}


async def test_the_cursor_is_reversed_and_underlined_when_the_focus_is_elsewhere(app: Screens) -> None:
    """Which line is chosen, and which side the keys go to, is seen without colour."""
    async with app.run_test(size=(110, 30)) as pilot:
        await until(pilot, lambda: "letter" in screen(app))
        await until(pilot, lambda: any(style.reverse for style in styles_of(app, "letter")))
        await pilot.press("tab")
        await until(pilot, lambda: any(style.underline for style in styles_of(app, "letter")))
        assert not any(style.reverse for style in styles_of(app, "letter"))


@pytest.mark.parametrize(
    ("style", "letters", "expected"),
    [
        ("bold red on #1e1e1e", True, "bold"),
        ("red", True, ""),
        ("white on #0178d4", True, "reverse"),
        ("white on #0178d4", False, "reverse"),
        ("reverse white on #0178d4", True, "not reverse"),
        ("white on #153954", True, "underline"),
        ("white on #153954", False, ""),
        ("dim white on default", True, "dim"),
    ],
)
def test_a_background_becomes_what_needs_no_colour(style: str, letters: bool, expected: str) -> None:
    """A strong one is reversed, a slight one underlines letters and leaves blanks alone; the rest stays as it is."""
    assert bare(Style.parse(style), GREY, letters) == Style.parse(expected)
