"""The virtual list draws little: no layout for more rows, moved rows as they were, a scrollbar only when it differs."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.strip import Strip

from orch_tui.drawn import REMEMBERED
from orch_tui.listing import Listing, Rows
from orch_tui.scroller import Scroller
from orch_tui.text import Row

HEIGHT = 10


def rows(count: int) -> list[Row]:
    return [((f"row {n}", ""), (" of many", "dim")) for n in range(count)]


class One(App[None]):
    def __init__(self, listing: Listing) -> None:
        super().__init__()
        self.listing = listing

    def compose(self) -> ComposeResult:
        yield self.listing


def drawn(listing: Listing) -> list[Strip]:
    """As the screen gets it."""
    return listing.render_lines(Region(0, 0, listing.size.width, listing.size.height))


async def test_more_rows_do_not_lay_the_screen_out_anew() -> None:
    """A layout draws every widget there is, and rows come ten times a second."""
    source = Rows(rows(100))
    listing = Listing(source)
    layouts: list[object] = []
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        pilot.app.screen.screen_layout_refresh_signal.subscribe(listing, layouts.append)

        source.rows += rows(50)
        listing.redraw()
        await pilot.pause()

        assert layouts == []
        assert (listing.virtual_size.height, listing.max_scroll_y) == (150, 150 - HEIGHT)


class Ruled(Rows):
    """Each row says for which width it was asked."""

    def row(self, index: int, width: int) -> Row:
        return ((f"for {width}", ""),)


async def test_rows_are_asked_for_anew_when_the_scrollbar_takes_a_column() -> None:
    """A row made for the whole width would be cut where it ends with a mark of its own."""
    source = Ruled(rows(3))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        before = {strip.text.strip() for strip in drawn(listing)[:3]}
        source.rows += rows(50)
        listing.redraw()
        await pilot.pause()

        assert before == {"for 40"}
        assert {strip.text.strip() for strip in drawn(listing)} == {"for 39"}


async def test_the_scrollbar_comes_and_goes_with_the_rows() -> None:
    """What does not fit is seen not to."""
    source = Rows(rows(3))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        few = listing.show_vertical_scrollbar
        source.rows += rows(50)
        listing.redraw()
        await pilot.pause()
        many = listing.show_vertical_scrollbar
        del source.rows[3:]
        listing.redraw()
        await pilot.pause()

        assert (few, many, listing.show_vertical_scrollbar) == (False, True, False)


async def test_the_scrollbar_tells_where_one_is() -> None:
    """Its thumb follows the cursor to the end and back."""
    listing = Listing(Rows(rows(100)))
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        listing.focus()
        await pilot.press("G")
        await pilot.pause()
        end = listing.vertical_scrollbar.position
        await pilot.press("g")
        await pilot.pause()

        assert (end, listing.vertical_scrollbar.position) == (100 - HEIGHT, 0)


async def test_of_a_scrollbar_only_lines_that_differ_are_drawn() -> None:
    """It stands beside every row: to draw all of it is to put the whole list together anew."""
    source = Rows(rows(100))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        bar = listing.vertical_scrollbar
        area = Region(0, 0, 1, HEIGHT)
        before = bar.render_lines(area)
        bar._exchange_repaint_regions()

        listing.scroll_to(y=30, animate=False, immediate=True)
        listing.redraw()

        changed = {region.y for region in bar._exchange_repaint_regions()}
        after = bar.render_lines(area)
        assert 0 < len(changed) < HEIGHT
        assert {y for y in range(HEIGHT) if after[y] != before[y]} == changed


async def test_fewer_rows_leave_no_hole() -> None:
    """Who stood at the end of a long list stands at the end of the short one."""
    source = Rows(rows(100))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        listing.move_to(99)
        await pilot.pause()

        del source.rows[20:]
        listing.redraw()
        await pilot.pause()

        assert (listing.scroll_offset.y, listing.cursor) == (20 - HEIGHT, 19)


async def test_rows_that_moved_are_drawn_from_what_is_there() -> None:
    """The same line at another place is the same line, and the place of the cursor is not taken along."""
    source = Rows(rows(HEIGHT))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        before = drawn(listing)
        source.rows.insert(0, (("new", ""),))
        listing.redraw()

        after = drawn(listing)

        assert [line.text.rstrip() for line in after[:3]] == ["new", "row 0 of many", "row 1 of many"]
        assert after[3] is before[2]
        assert after[1] != before[0]


@pytest.mark.parametrize("css", ["", "Listing { padding: 0 1; }"])
async def test_without_colour_no_line_has_any(monkeypatch: pytest.MonkeyPatch, css: str) -> None:
    """NO_COLOR holds for lines that are drawn past Textual's own way too: every colour in them is a grey."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = One(Listing(Rows([(("failed", "bad"),), (("well", "good"),)])))
    app.CSS = css  # type: ignore[misc]
    async with app.run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()

        colors = {
            color.triplet
            for line in drawn(app.listing)
            for _, style, _ in line
            if style is not None
            for color in (style.color, style.bgcolor)
            if color is not None and color.triplet is not None
        }

    assert colors
    assert all(len({*triplet}) == 1 for triplet in colors)


async def test_with_padding_a_list_is_drawn_inside_it() -> None:
    """Rows begin where the padding ends, as everywhere else."""
    app = One(Listing(Rows(rows(3))))
    app.CSS = "Listing { padding: 0 2; }"  # type: ignore[misc]
    async with app.run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        region = Region(0, 0, 40, HEIGHT)

        assert app.listing.render_lines(region)[0].text.startswith("  row 0")


async def test_a_scrollbar_is_told_of_rows_after_its_list_was_taken_away() -> None:
    """Somebody who reads in a thread may end when the person has left already."""
    listing = Listing(Rows(rows(100)))
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        bar = listing.vertical_scrollbar
        await listing.remove()

        bar.window_virtual_size = 150
        await pilot.pause()

        assert not bar.is_attached


def beside_the_scrollbar(listing: Listing) -> list[Strip]:
    return listing.render_lines(Region(0, 0, listing.columns, HEIGHT))


async def test_lines_that_only_moved_are_the_ones_that_were_there() -> None:
    """With all that the terminal remembers of them; only those that came are made."""
    source = Rows(rows(30))
    listing = Listing(source, follow_end=True, cursor_shown=False)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        listing.redraw()
        await pilot.pause()
        before = beside_the_scrollbar(listing)
        source.rows += rows(32)[30:]
        listing.redraw()
        await pilot.pause()
        after = beside_the_scrollbar(listing)

        assert all(old is new for old, new in zip(before[2:], after[:-2], strict=True))
        assert [line.text.split(" of")[0] for line in after[-2:]] == ["row 30", "row 31"]


async def test_a_row_that_changed_while_it_moved_is_drawn_as_it_is_now() -> None:
    """Nothing that is remembered of it is shown."""
    source = Rows(rows(30))
    listing = Listing(source, follow_end=True, cursor_shown=False)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        listing.redraw()
        await pilot.pause()
        drawn(listing)
        source.rows = [*rows(28), (("other", ""),), *rows(33)[29:]]
        listing.redraw()
        await pilot.pause()

        assert "other" in [line.text.strip() for line in drawn(listing)]


def texts(listing: Listing) -> list[str]:
    return [line.text.strip() for line in drawn(listing)]


async def test_a_line_that_changed_out_of_sight_comes_back_as_it_is_now() -> None:
    """One line was scrolled out of sight, and all of them are others since."""
    source = Rows(rows(100))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        listing.scroll_to(y=1, animate=False, immediate=True)
        await pilot.pause()
        source.rows[:] = [((f"now {n}", ""),) for n in range(100)]
        listing.redraw()
        await pilot.pause()

        listing.scroll_to(y=0, animate=False, immediate=True)
        await pilot.pause()

        assert texts(listing) == [f"now {n}" for n in range(HEIGHT)]


async def test_there_is_one_cursor_when_its_line_comes_back() -> None:
    """The cursor left a line that was out of sight."""
    listing = Listing(Rows(rows(100)))
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        listing.focus()
        await pilot.pause()
        listing.scroll_to(y=1, animate=False, immediate=True)
        await pilot.pause()
        await pilot.click(listing, offset=(3, 4))
        await pilot.pause()

        listing.scroll_to(y=0, animate=False, immediate=True)
        await pilot.pause()

        beneath = listing.styles_of_roles.cursor.bgcolor
        lit = [
            y
            for y, line in enumerate(drawn(listing))
            if any(s.style and s.style.bgcolor == beneath for s in line)
        ]
        assert lit == [listing.cursor] == [5]


async def test_another_text_has_no_line_of_the_one_before() -> None:
    """The tabs of a step show one text after the other, each at its own place."""
    scroller = Scroller()
    async with One(scroller).run_test(size=(40, HEIGHT)) as pilot:
        scroller.swap(Rows(rows(100)), 0)
        await pilot.pause()
        scroller.scroll_to(y=1, animate=False, immediate=True)
        await pilot.pause()

        scroller.swap(Rows([((f"other {n}", ""),) for n in range(100)]), 1)
        await pilot.pause()

        assert texts(scroller) == [f"other {n}" for n in range(HEIGHT)]


async def test_a_line_that_was_asked_for_by_a_click_is_drawn_all_the_same() -> None:
    """The mouse asks what lies beneath it; that is not on the screen yet."""
    source = Rows(rows(100))
    listing = Listing(source)
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        source.rows[3] = (("new", ""),)
        pilot.app.screen.get_widget_and_offset_at(2, 3)
        listing.redraw()
        await pilot.pause()

        assert texts(listing)[3] == "new"


async def test_to_scroll_through_a_long_list_keeps_few_of_its_lines() -> None:
    """Nothing of it changes: nobody asks for it to be drawn again."""
    listing = Listing(Rows(rows(5000)))
    async with One(listing).run_test(size=(40, HEIGHT)) as pilot:
        await pilot.pause()
        for top in range(0, 5000 - HEIGHT, HEIGHT):
            listing.scroll_to(y=top, animate=False, immediate=True)
            drawn(listing)

        assert max(len(listing._lines), len(listing._drawn), len(listing._strips)) <= REMEMBERED + HEIGHT
