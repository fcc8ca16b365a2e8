"""The virtual list: keys, mouse, selection, and only what changed is drawn."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Offset
from textual.pilot import Pilot
from textual.selection import Selection

from orch_tui.listing import Listing, Rows
from orch_tui.text import Row


class Counting:
    """A long source that knows how often it was asked."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.asked = 0
        self.suffix = ""

    def __len__(self) -> int:
        return self.count

    def row(self, index: int, width: int) -> Row:
        self.asked += 1
        return ((f"row {index}", ""), (self.suffix if index == 3 else "", "dim"))


class One(App[None]):
    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self.listing = listing
        self.moves: list[int] = []
        self.chosen: list[int] = []

    def compose(self) -> ComposeResult:
        yield self.listing

    def on_mount(self) -> None:
        self.listing.focus()

    def on_listing_chosen(self, message: Listing.Chosen) -> None:
        self.chosen.append(message.index)

    def on_listing_moved(self, message: Listing.Moved) -> None:
        self.moves.append(message.index)


def shown(listing: Listing) -> list[str]:
    return [listing.render_line(y).text.rstrip() for y in range(listing.size.height)]


async def press(pilot: Pilot[None], *keys: str) -> None:
    await pilot.press(*keys)
    await pilot.pause()


async def test_keys_move_the_cursor_and_the_rows_follow() -> None:
    """j, k, g, G, half pages; enter chooses."""
    listing = Listing(Counting(100_000))
    app = One(listing)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "j", "j", "k")
        assert listing.cursor == 1
        await press(pilot, "G")
        assert listing.cursor == 99_999
        assert shown(listing)[-1] == "row 99999"
        await press(pilot, "ctrl+u")
        assert listing.cursor == 99_994
        await press(pilot, "g", "enter")
        assert (listing.cursor, app.chosen) == (0, [0])
        assert shown(listing)[0] == "row 0"


async def test_only_what_is_on_the_screen_is_asked_for() -> None:
    """A hundred thousand rows cost as much as forty."""
    source = Counting(100_000)
    listing = Listing(source)
    async with One(listing).run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        source.asked = 0
        listing.redraw()
        await pilot.pause()

        assert source.asked <= 4 * 10


async def test_a_changed_row_is_drawn_again() -> None:
    """After `redraw` the screen shows what the source says now."""
    source = Counting(8)
    listing = Listing(source)
    async with One(listing).run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        source.suffix = " changed"
        listing.redraw()
        await pilot.pause()

        assert shown(listing)[3] == "row 3 changed"


async def test_the_end_is_followed_until_the_person_moves_away() -> None:
    """New rows come into sight at the end; after a step up they do not."""
    source = Counting(20)
    listing = Listing(source, follow_end=True)
    async with One(listing).run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        source.count = 50
        listing.redraw()
        await pilot.pause()
        assert shown(listing)[-1] == "row 49"
        await press(pilot, "k")
        source.count = 90
        listing.redraw()
        await pilot.pause()
        assert listing.cursor == 48
        assert "row 89" not in shown(listing)


async def test_search_goes_round() -> None:
    """The next match after the last is the first."""
    listing = Listing(Rows([(("apple", ""),), (("pear", ""),), (("Apple pie", ""),)]))
    async with One(listing).run_test(size=(40, 10)) as pilot:
        await pilot.pause()
        listing.search("apple")

        assert listing.find(1)
        assert listing.cursor == 2
        assert listing.find(1)
        assert listing.cursor == 0
        listing.search("plum")
        assert not listing.find(1)


async def test_a_click_moves_and_a_double_click_chooses() -> None:
    """The mouse does what j and enter do."""
    listing = Listing(Counting(20))
    app = One(listing)
    async with app.run_test(size=(40, 10)) as pilot:
        await pilot.click(listing, offset=(2, 4))
        await pilot.pause()
        assert listing.cursor == 4
        await pilot.double_click(listing, offset=(2, 5))
        await pilot.pause()
        assert app.chosen == [5]


async def test_text_can_be_selected() -> None:
    """What is selected is the text as it is shown, without the blanks at the ends of lines."""
    listing = Listing(Counting(20))
    async with One(listing).run_test(size=(40, 10)) as pilot:
        await pilot.pause()

        selected = listing.get_selection(Selection(Offset(4, 2), Offset(5, 4)))

        assert selected == ("2\nrow 3\nrow 4", "\n")


@pytest.mark.parametrize("size", [(1, 1), (20, 3), (200, 60)])
async def test_any_size_is_drawn(size: tuple[int, int]) -> None:
    """No terminal is too small."""
    listing = Listing(Counting(5))
    async with One(listing).run_test(size=size) as pilot:
        await press(pilot, "G", "g")

        assert listing.cursor == 0


async def test_an_empty_list_takes_every_key() -> None:
    """Nothing to choose, nothing to find."""
    listing = Listing(Rows())
    app = One(listing)
    async with app.run_test(size=(40, 10)) as pilot:
        await press(pilot, "j", "k", "G", "g", "enter", "ctrl+d")

        assert app.chosen == []
