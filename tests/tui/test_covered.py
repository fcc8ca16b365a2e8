"""Containers whose children cover them draw nothing, and everything as soon as anything of them can be seen."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.widgets import Static

from orch_tui.covered import Covered, covers
from tests.tui.host import screen as seen
from tests.tui.host import until

WHOLE = Region(2, 3, 20, 10)


@pytest.mark.parametrize(
    ("parts", "covered"),
    [
        ([WHOLE], True),
        ([Region(2, 3, 8, 10), Region(10, 3, 12, 10)], True),
        ([Region(10, 3, 12, 10), Region(2, 3, 8, 10), Region(0, 0, 0, 0)], True),
        ([Region(2, 3, 20, 4), Region(2, 7, 20, 6)], True),
        ([], False),
        ([Region(2, 3, 8, 10), Region(11, 3, 11, 10)], False),
        ([Region(2, 3, 8, 10), Region(9, 3, 13, 10)], False),
        ([Region(2, 3, 20, 4), Region(2, 7, 20, 5)], False),
        ([Region(2, 3, 20, 4), Region(3, 7, 19, 6)], False),
        ([WHOLE, Region(4, 4, 3, 3)], False),
        ([Region(2, 3, 20, 11)], False),
    ],
)
def test_only_what_is_exactly_the_whole_covers_it(parts: list[Region], covered: bool) -> None:
    assert covers(parts, WHOLE) is covered


class Pair(Covered, Horizontal):
    """Two texts side by side."""


class Shown(App[None]):
    CSS = "Pair { background: red; } Static { width: 1fr; height: 1fr; }"

    def compose(self) -> ComposeResult:
        with Pair():
            yield Static("left", id="left")
            yield Static("right", id="right")


async def test_what_is_uncovered_is_drawn_again() -> None:
    """A child that goes or becomes smaller leaves the container to be seen, on every line."""
    app = Shown()
    async with app.run_test(size=(40, 6)) as pilot:
        pair = app.query_one(Pair)
        crop = Region(0, 0, 40, 6)

        assert pair.render_lines(crop) == []
        assert "left" in seen(app)
        assert "right" in seen(app)

        app.query_one("#left").styles.height = 2
        await until(pilot, lambda: len(pair.render_lines(crop)) == 6)

        app.query_one("#left").visible = False
        await until(pilot, lambda: "left" not in seen(app))

        assert len(pair.render_lines(crop)) == 6
        assert "right" in seen(app)
