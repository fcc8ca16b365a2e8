"""The log of a run: pages read on demand, the end followed, a filter that looks from the newest line down."""

from __future__ import annotations

from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.event_pages import KEPT, PAGE, Log, LogLine, LogPages, Search
from orch_tui.logs import LogsView
from orch_tui.pane import Lines
from orchestrator.events import RunStarted, StepStarted
from orchestrator.store.journal import StoreJournal
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.tui.host import Host, harmless, screen, shown, until
from tests.tui.recorded import VARIED, store_in, world


def lines(first: int, count: int) -> list[LogLine]:
    return [LogLine(f"step{number}", f"line {number}", "") for number in range(first, first + count)]


def view_of(store: Store) -> Host[LogsView]:
    return Host(store, VARIED, LogsView)


# -- without a screen


def test_a_page_that_was_read_before_it_was_full_is_read_on_from_its_end() -> None:
    """Only what is missing of a page is read."""
    pages = LogPages()
    pages.put(0, lines(0, 10))

    first, count = pages.missing(0)
    pages.put(first, lines(first, 5))

    assert (first, count) == (10, PAGE - 10)
    assert [found.text for seq in (9, 10, 14) if (found := pages.line(seq))] == [
        "line 9",
        "line 10",
        "line 14",
    ]
    assert pages.line(15) is None


def test_a_page_read_twice_at_once_stands_there_once() -> None:
    """The second copy does not fit behind the first and is dropped."""
    pages = LogPages()

    pages.put(0, lines(0, 10))
    pages.put(0, lines(0, 10))

    assert pages.missing(0) == (10, PAGE - 10)


def test_only_the_pages_used_last_are_kept() -> None:
    """However far a person scrolls, memory stays flat; what was looked at again stays."""
    pages = LogPages()
    for page in range(KEPT):
        pages.put(page * PAGE, lines(page * PAGE, PAGE))
    pages.line(0)

    pages.put(KEPT * PAGE, lines(KEPT * PAGE, PAGE))

    assert pages.line(0) is not None
    assert pages.line(PAGE) is None


def test_a_search_is_in_the_order_of_the_log_from_both_sides() -> None:
    """Hits further up come before, hits of the running run behind."""
    search = Search("Tiny ok", 100)
    search.older([90, 80], 50)
    search.newer([120, 110], 130)
    search.older([40], 0)

    assert [search[index] for index in range(len(search))] == [40, 80, 90, 110, 120]
    assert search.words == ["tiny", "ok"]
    assert search.done


def test_a_scan_goes_down_from_the_newest_and_stops_when_told_or_when_it_has_enough(tmp_path: Path) -> None:
    """Each page is told with what it held; false ends it."""
    store = store_in(tmp_path)
    log = Log(store, VARIED)
    count = store.head(VARIED).count
    told: list[tuple[list[int], int]] = []

    def tell(hits: list[int], at: int) -> bool:
        told.append((hits, at))
        return False

    log.scan(["many."], 0, count, 3, lambda hits, at: tell(hits, at) or True)
    newest = [seq for hits, _ in told for seq in hits]
    told.clear()
    log.scan([], 0, count, 10_000, tell)
    store.close()

    assert newest == sorted(newest, reverse=True)
    assert len(newest) == 3
    assert [at for _, at in told] == [count - PAGE]


# -- on a screen


async def test_the_log_opens_at_its_end_and_says_what_orch_logs_says(tmp_path: Path) -> None:
    """A line per event, with the size of what a container was made of."""
    store = store_in(tmp_path)
    app = view_of(store)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "done  x" in shown(app.view.listing))
        text = shown(app.view.listing)

    store.close()
    assert "✓ group  1 step" in text
    assert f"{store_events(app)}" in text.splitlines()[-1]


async def test_pages_further_up_come_when_a_person_goes_there(tmp_path: Path) -> None:
    """`g` goes to the first event, which was not read before."""
    store = store_in(tmp_path)
    app = view_of(store)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "done  x" in shown(app.view.listing))
        assert f"run {VARIED}" not in shown(app.view.listing)
        await pilot.press("g")
        await until(pilot, lambda: f"run {VARIED}" in shown(app.view.listing))
        assert not app.view.listing.follow_end
        await pilot.press("f")
        await until(pilot, lambda: "done  x" in shown(app.view.listing))

    store.close()


async def test_a_filter_shows_only_lines_with_its_words_and_enter_goes_to_the_step(tmp_path: Path) -> None:
    """`/`, words, enter; enter on a line posts the path of its step; an empty filter shows everything again."""
    store = store_in(tmp_path)
    app = view_of(store)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "done  x" in shown(app.view.listing))
        await pilot.press("slash", *"source many.7", "enter")
        await until(pilot, lambda: len(app.view.source) == 1 and "many.7" in shown(app.view.listing))
        await pilot.press("enter")
        await until(pilot, lambda: bool(app.posted))
        app.view.find("")
        await until(pilot, lambda: "✓ many.7" not in shown(app.view.listing))
        await until(pilot, lambda: "many.8" in shown(app.view.listing))

    store.close()
    message = app.posted[0]
    assert isinstance(message, LogsView.SpanChosen)
    assert message.path == "many.7"


async def test_new_events_become_rows_and_fit_the_filter_too(tmp_path: Path) -> None:
    """While somebody executes the run: the end stays in sight, and a filter finds what has come since."""
    store = open_store(tmp_path / "runs.db")
    run = "1123-0700-abc"
    store.create(run, RunStarted(0.0, run, "w", "/none.yaml", "", "", "", "0", {}, {}, 3))
    app = Host(store, run, LogsView)

    async with app.run_test(size=(100, 20)) as pilot:
        await until(pilot, lambda: "of w started" in shown(app.view.listing))
        append(store, run, *(f"first{number}" for number in range(600)))
        await until(pilot, lambda: "▸ first599" in shown(app.view.listing))
        app.view.find("first59")
        await until(pilot, lambda: "first590" in shown(app.view.listing))
        append(store, run, "first59x", "other")
        await until(pilot, lambda: "first59x" in shown(app.view.listing))
        found = len(app.view.source)

    store.close()
    assert found == 12  # first59, first590 to first599, first59x


def append(store: Store, run: str, *steps: str) -> None:
    journal = StoreJournal(store, run)
    for step in steps:
        journal.append(StepStarted(1.0, step, "agent"))
    journal.close()


async def test_hostile_text_is_shown_and_never_obeyed(tmp_path: Path) -> None:
    """Answers with escape sequences and markup, in rows and in the lines under the cursor."""
    store = store_in(tmp_path)
    app = view_of(store)

    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "done  x" in shown(app.view.listing))
        app.view.find("hostile ok")
        await until(pilot, lambda: "␛[31mred" in shown(app.view.listing))
        text = shown(app.view.listing) + shown(app.view)

    store.close()
    assert harmless(text)


async def test_the_whole_of_a_long_line_is_wrapped_to_another_width_though_no_time_passes(
    tmp_path: Path,
) -> None:
    """Resizing is enough: nothing else has to happen in the run, or be pressed. The clock stands still."""
    store = store_in(tmp_path)
    app = Screens(world(store), VARIED)

    async with app.run_test(size=(200, 24)) as pilot:
        await until(pilot, lambda: "letter" in screen(app))
        await pilot.press("L")
        await until(pilot, lambda: "done  x" in screen(app))
        await pilot.press("g")
        await until(pilot, lambda: f"run {VARIED}" in screen(app))
        await pilot.resize_terminal(60, 24)
        await until(pilot, lambda: len(whole_line(app)) > 1)
        narrow = whole_line(app)

    store.close()
    assert all(20 < len(line) <= 60 for line in narrow)
    assert "".join(narrow).endswith("(/p/workflow.yaml at f0ba319)")


def whole_line(app: Screens) -> list[str]:
    """What stands below the listing."""
    return [row[0][0] for lines in app.screen.query_one(LogsView).query(Lines) for row in lines.rows if row]


def store_events(app: Host[LogsView]) -> int:
    """The number of the last event."""
    return app.shown.trace.state.events - 1


def damaged(folder: Path, statement: str) -> tuple[Store, list[str]]:
    """The store with a record that is not as it was written, and how the lines of its log were before."""
    store = store_in(folder)
    before = [line.text for line in Log(store, VARIED).read(0, store.head(VARIED).count)]
    with store.writing() as connection:
        connection.exec_driver_sql(
            f"{statement} WHERE run = {store.head(VARIED).no} AND seq IN (4, {PAGE - 1})"
        )
    return store, before


DAMAGES = {"damaged": "UPDATE events SET payload = '['", "missing": "DELETE FROM events"}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_events_that_cannot_be_read_take_no_others_with_them(tmp_path: Path, damage: str) -> None:
    """Each of the others stands beside its own number, and is found under it, once."""
    store, expected = damaged(tmp_path, damage)
    expected[4] = expected[PAGE - 1] = "cannot be read"
    log, found = Log(store, VARIED), []
    count = store.head(VARIED).count

    log.scan(["many.120"], 0, count, 100, lambda hits, at: found.extend(hits) or True)  # type: ignore[func-returns-value]

    assert [line.text for line in log.read(0, PAGE)] == expected[:PAGE]
    assert [line.text for line in log.read(0, count)] == expected
    assert [line.text for line in log.read(4, 1)] == ["cannot be read"]
    assert len(log.read(count - 1, 9)) == 1
    assert found == [seq for seq in reversed(range(count)) if "many.120" in expected[seq]]
    store.close()


async def test_the_log_of_a_damaged_run_shows_what_can_be_read_of_it(tmp_path: Path) -> None:
    store, _ = damaged(tmp_path, DAMAGES["damaged"])
    async with Host(store, VARIED, LogsView).run_test(size=(100, 24)) as pilot:
        await until(pilot, lambda: pilot.app.query_one(LogsView).source.count > PAGE)
        await pilot.press("g")

        await until(pilot, lambda: "  4 cannot be read" in screen(pilot.app))
        assert "  5 06:45:02  ← letter  attempt 1" in screen(pilot.app)
    store.close()
