"""What is drawn of a change is all that changed: after every part that was drawn the screen is as if drawn whole."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from rich.style import Style
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from orch_tui.covered import Covered
from orch_tui.listing import Listing, Rows
from orch_tui.pieces import Pieces, PiecesUpdate, around
from orch_tui.text import Row

SIZE = (40, 12)
Cell = tuple[str, Style | None]


def rows(count: int, word: str = "row") -> list[Row]:
    return [((f"{word} {n}", "good" if n % 2 else "bad"), (" 漢字", "dim")) for n in range(count)]


def cells(strip: Strip) -> list[Cell]:
    return [(char, segment.style) for segment in strip for char in segment.text]


class Above(Widget):
    """Lies over a part of the lists."""

    DEFAULT_CSS = (
        "Above { layer: above; offset: 15 3; width: 10; height: 4; display: none; background: red; }"
    )

    def render_line(self, y: int) -> Strip:
        return Strip.blank(self.size.width, self.rich_style) if y else super().render_line(y)


class Sides(Covered, Horizontal):
    pass


class Two(Screen[None]):
    CSS = "Two { layers: below above; }"

    def __init__(self) -> None:
        super().__init__()
        self._compositor = Pieces()
        self.left, self.right = Listing(Rows(rows(30))), Listing(Rows(rows(5)))

    def compose(self) -> ComposeResult:
        with Sides():
            yield self.left
            yield self.right
        yield Above()


class Terminal(App[None]):
    """Keeps what a terminal would show that is sent the parts."""

    def __init__(self) -> None:
        super().__init__()
        self.two = Two()
        self.shown: list[list[Cell]] = []
        self.parts = 0

    def on_mount(self) -> None:
        self.push_screen(self.two)

    def whole(self) -> list[list[Cell]]:
        return [cells(strip) for strip in self.two._compositor.render_strips()]

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        super()._display(screen, renderable)
        if not isinstance(renderable, PiecesUpdate):
            self.shown = self.whole()
            return
        for x, y, strip in renderable.pieces:
            self.parts += 1
            self.shown[y] = by_columns(self.shown[y], x, strip)


def by_columns(line: list[Cell], x: int, strip: Strip) -> list[Cell]:
    """The line with a strip put over its columns from `x` on."""
    before, behind = Strip(_segments(line)).divide([x, *([x + strip.cell_length]), SIZE[0]])[::2]
    return [*cells(before), *cells(strip), *cells(behind)]


def _segments(line: list[Cell]) -> list[Any]:
    from rich.segment import Segment

    return [Segment(char, style) for char, style in line]


async def test_parts_that_are_drawn_leave_the_screen_as_a_drawing_of_all_of_it() -> None:
    """Rows that change, come, go and scroll, with something above them and without."""
    app = Terminal()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        left, right, above = app.two.left, app.two.right, app.two.query_one(Above)
        for display in (False, True, False):
            above.display = display
            await pilot.pause()
            for number, listing in enumerate((left, right, left)):
                listing.source = Rows([*rows(3), *rows(40 - 30 * (number % 2), f"{number}{display}")])
                listing.redraw()
                await pilot.pause()
                assert app.shown == app.whole()
                await pilot.press("j", "j")
                await pilot.pause()
                listing.scroll_to(y=5, animate=False)
                await pilot.pause()
                assert app.shown == app.whole()
        assert app.parts > 50


async def test_one_row_that_changed_is_all_that_is_drawn() -> None:
    """The rest of the screen is not even asked for."""
    app = Terminal()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        before = app.parts
        app.two.left.source = Rows([*rows(4), (("other", ""),), *rows(30)[5:]])
        app.two.left.redraw()
        await pilot.pause()

        assert app.parts - before == 1
        assert "".join(char for char, _ in app.shown[4]).startswith("other")


regions = st.builds(Region, st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))


@given(regions, regions)
def test_a_region_without_a_part_and_the_part_are_the_region(outer: Region, other: Region) -> None:
    """Every place once."""
    inner = outer.intersection(other)
    if not inner:
        return

    parts = [inner, *around(inner, outer)]

    places = [(x, y) for part in parts for x in part.column_range for y in part.line_range]
    assert sorted(places) == sorted((x, y) for x in outer.column_range for y in outer.line_range)
