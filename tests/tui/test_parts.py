"""The widgets a screen tells of news are found once, and drawn at once."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.screen import Screen
from textual.widgets import Label, Static

from orch_tui.listing import Listing, Rows
from orch_tui.parts import Parts
from orch_tui.pieces import Pieces, draw_now
from orch_tui.text import Row


def rows(count: int, word: str = "row") -> list[Row]:
    return [((f"{word} {n}", ""),) for n in range(count)]


class One(Screen[None]):
    def __init__(self) -> None:
        super().__init__()
        self._compositor = Pieces()
        self.listing = Listing(Rows(rows(5)))

    def compose(self) -> ComposeResult:
        yield self.listing
        yield Label("below")


class Host(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.one = One()

    async def on_mount(self) -> None:
        await self.push_screen(self.one)


async def test_a_part_is_found_as_long_as_it_is_there() -> None:
    """One that was taken away is not told of news, and one in its place is."""
    app = Host()
    async with app.run_test() as pilot:
        await pilot.pause()
        parts = Parts(app.one)
        first = parts.of(Label)
        assert (first is not None, parts.of(Label), parts.of(Static)) == (True, first, first)

        assert first is not None
        await first.remove()
        assert (parts.of(Label), list(parts.all(Listing, Label))) == (None, [app.one.listing])

        await app.one.mount(Label("another"))
        again = parts.of(Label)
        assert again is not None
        assert again is not first


async def test_what_changed_is_drawn_before_the_loop_goes_on() -> None:
    """Nothing is left to be drawn, and the lines are the new ones."""
    app = Host()
    async with app.run_test() as pilot:
        await pilot.pause()
        listing = app.one.listing
        listing.source = Rows(rows(5, "other"))
        listing.redraw()
        asked = listing._repaint_required
        draw_now(app.one)

        assert (asked, listing._repaint_required, listing._repaint_regions) == (True, False, set())
        assert not app.one._compositor._dirty_regions


async def test_what_must_be_laid_out_is_left_to_a_layout() -> None:
    """Lines drawn at their old places would be overwritten, or be in the way."""
    app = Host()
    async with app.run_test() as pilot:
        await pilot.pause()
        listing = app.one.listing
        listing.refresh(layout=True)
        draw_now(app.one)
        assert listing._repaint_required

        await pilot.pause()
        assert not listing._repaint_required


async def test_nothing_is_drawn_beneath_another_screen() -> None:
    """It would stand over what lies above."""
    app = Host()
    async with app.run_test() as pilot:
        await pilot.pause()
        await app.push_screen(One())
        app.one.listing.redraw()
        app.one.listing.refresh()
        draw_now(app.one)

        assert app.one.listing._repaint_required
