"""The list of runs: its figures, columns, order and filter without a screen, and its keys on one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from orch_tui.app import Screens
from orch_tui.dialogs import Confirm
from orch_tui.listing import Listing
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from orch_tui.runs_table import RunsReader, RunsTable, moment
from orch_tui.span_row import RUN_GLYPHS
from orch_tui.text import plain, width_of
from orchestrator.events import RunStarted
from orchestrator.store.inbox import take
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store
from orchestrator.store.quarantine import verified
from orchestrator.store.rows import Marks, RunRow
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, FAILED, WAITING, a_done_run, begun, record
from tests.tui.host import screen as seen
from tests.tui.host import until
from tests.tui.looking import said
from tests.tui.recorded import HOSTILE, VARIED, store_in, world

NEW = "1123-0700-eee"
ROW = RunRow(
    "1123-0645-aaa", "support-desk", "/p/w.yaml", "/p", "f0ba319", "done", AT, AT + 4.2, 2, 12, 0, 900, 100, 9, 3, 0
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def table_of(*rows: RunRow) -> RunsTable:
    table = RunsTable(lambda: AT + 1000)
    table.take(list(rows))
    return table


# -- without a screen


def test_a_row_tells_what_a_person_wants_to_know_of_a_run() -> None:
    """Status, workflow@revision, id, when, how long, steps, tokens, share that stayed here."""
    row = " ".join(plain(table_of(ROW).row(0, 120)).split())

    assert row == "✓ done support-desk@f0ba319 1123-0645-aaa 17 min ago 4.2 s 12 1,000 all"


def test_failed_steps_and_calls_that_left_are_seen_at_once() -> None:
    """A sign stands before the failures, and the share is never rounded up to all."""
    row = plain(table_of(replace(ROW, failed=3, local_calls=999, cloud_calls=1)).row(0, 120))

    assert "✗3 12" in row
    assert row.rstrip().endswith("99 %")


FORKED = replace(ROW, id="1123-0650-fff", origin="1123-0645-aaa")


def test_a_run_out_of_another_names_it_where_there_is_room() -> None:
    """The end of its id; the column is there when a run is out of another, and goes before the steps do."""
    table = table_of(ROW, FORKED)

    assert "OUT OF" not in plain(table_of(ROW).header(120))
    assert plain(table.header(120)).split()[-1] == "OF"
    assert plain(table.row(1, 120)).rstrip().endswith("⇐ aaa")
    assert "⇐" not in plain(table.row(0, 120))
    assert "OUT OF" not in plain(table.header(79))


def test_damaged_and_imported_runs_are_told_from_others() -> None:
    """Damage stands in the place of the status, since that may be wrong; among statuses it comes first."""
    table = RunsTable(lambda: AT + 1000)
    known = Marks({ROW.id: "event 3 is not what was written"}, {"other": {"run": "r"}})
    table.take([replace(ROW, id="other"), replace(ROW, id="third", status="failed"), ROW], known)

    assert plain(table.row(0, 120)).rstrip().endswith("imported")
    assert plain(table.row(2, 120)).startswith("✗ damaged ")
    assert plain(table.totals()) == "3 runs · ✗ 1 failed · ✗ 1 damaged"
    while table.order.column != "status":
        table.sort_next()
    assert [row.id for row in table.shown] == [ROW.id, "third", "other"]


@pytest.mark.parametrize(
    ("needle", "found"),
    [
        ("⇐", ["1123-0650-fff"]),
        ("⇐ 0645-aaa", ["1123-0650-fff"]),
        ("1123-0645-aaa", ["1123-0645-aaa", "1123-0650-fff"]),
        ("imported", ["other"]),
        ("damaged", ["bad"]),
        ("done", ["1123-0645-aaa", "1123-0650-fff", "other", "bad"]),
    ],
)
def test_runs_are_found_by_where_they_are_from(needle: str, found: list[str]) -> None:
    """Also by the whole id of the run that they came out of, and by the status that damage hides."""
    table = RunsTable(lambda: AT + 1000)
    known = Marks({"bad": "event 3 is not what was written"}, {"other": {"run": "r"}})
    table.take([ROW, FORKED, replace(ROW, id="other"), replace(ROW, id="bad")], known)

    table.filter(needle)

    assert [row.id for row in table.shown] == found


def test_a_mark_is_noticed_although_no_record_grew(store: Store) -> None:
    """Somebody looked through the records meanwhile."""
    reader = RunsReader(store)
    before = reader.read()
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET payload = replace(payload, 'low', 'LOW') WHERE run = 1")
    verified(store, DONE)

    after = reader.read()

    assert after is not before
    assert list(reader.marks.damaged) == [DONE]
    assert reader.read() is after


def test_a_run_without_calls_has_no_share() -> None:
    """Nothing was called: nothing stayed and nothing left."""
    assert plain(table_of(replace(ROW, local_calls=0)).row(0, 120)).rstrip().endswith("–")


@pytest.mark.parametrize("width", [200, 120, 100, 80, 60, 40, 28])
def test_columns_drop_out_and_every_cut_is_marked(width: int) -> None:
    """A row is as wide as the list whatever stands in it, and what is cut ends in `…`."""
    long = replace(ROW, workflow="w" * 300, id="1123-0645-" + "x" * 50, finished=10**9, failed=10**9)
    table = table_of(long, *(replace(ROW, id=text, workflow=text, revision=text) for text in HOSTILE))

    for index in range(len(table)):
        assert width_of(table.row(index, width)) <= width
    assert "w…" in plain(table.row(0, width))
    assert width_of(table.header(width)) == width_of(table.row(0, width))


def test_eighty_columns_hold_what_matters_most() -> None:
    """Which run, what it is, how it stands, since when and how far."""
    header = plain(table_of(ROW).header(79)).split()

    assert header == ["STATUS", "WORKFLOW", "RUN", "STARTED↓", "TOOK", "STEPS"]


def test_runs_are_found_by_words_in_any_order() -> None:
    """Over id, workflow, revision and status; the case does not matter."""
    table = table_of(ROW, replace(ROW, id="other", status="failed"), replace(ROW, id="third", workflow="x"))

    table.filter("FAILED desk")

    assert [row.id for row in table.shown] == ["other"]
    assert plain(table.totals()) == "3 runs · ✗ 1 failed · 1 with “FAILED desk”"


def test_sorting_goes_both_ways_and_then_to_the_next_column() -> None:
    """The arrow in the header says where it stands; after the last column it begins anew."""
    slow, quick = (
        replace(ROW, id="slow", ended=AT + 90),
        replace(ROW, id="quick", started=AT - 9, ended=AT - 8),
    )
    table = table_of(slow, quick)
    seen = []
    for _ in range(16):
        seen.append(([row.id for row in table.shown], plain(table.header(120))))
        table.sort_next()

    assert seen[0][0] == ["slow", "quick"]
    assert "STARTED↓" in seen[0][1]
    assert seen[1][0] == ["quick", "slow"]
    assert "STARTED↑" in seen[1][1]
    assert seen[2][0] == ["slow", "quick"]
    assert "TOOK↓" in seen[2][1]
    assert len({header for _, header in seen}) == 16
    assert plain(table.header(120)) == seen[0][1]


def test_a_run_whose_end_is_unknown_is_no_reason_to_fail_at_sorting() -> None:
    """An owner that died wrote no end."""
    table = table_of(ROW, replace(ROW, id="lost", status="interrupted", ended=None))
    for _ in range(16):
        table.sort_next()
        assert len(table.shown) == 2

    assert "–" in plain(table.row(1, 120))


def test_a_status_has_one_sign_everywhere() -> None:
    """In the list of runs that of the run's own screen; a rejected run is not a failed one."""
    for status in ("running", "waiting", "failed", "rejected", "interrupted", "cancelled", "done"):
        row: Any = replace(ROW, status=status)
        assert plain(table_of(row).row(0, 120)).startswith(f"{RUN_GLYPHS[status][0]} {status} ")


def test_a_status_of_a_newer_version_is_shown_as_it_is() -> None:
    """It may write into a store that this screen has open."""
    new: Any = "paused"
    table = table_of(ROW, replace(ROW, id="later", status=new))
    for _ in range(16):
        table.sort_next()

    assert "· paused" in plain(table.row(1, 120))


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (-50, "now"), (40, "40 s ago"), (3000, "50 min ago"), (7200, "2 h ago")]
)
def test_a_moment_of_today_is_told_by_its_distance(seconds: float, text: str) -> None:
    """A clock that went back does not make the future."""
    assert moment(AT - seconds, AT) == text


def test_a_moment_before_today_is_told_by_its_date() -> None:
    """With the year only when it is another."""
    at = time.mktime((2026, 11, 21, 6, 45, 0, 0, 0, -1))

    assert moment(at, at + 2 * 86_400) == time.strftime("%d %b %H:%M", time.localtime(at))
    assert moment(at, at + 300 * 86_400) == "2026-11-21"


def test_only_runs_that_changed_are_read_again(store: Store) -> None:
    """The others are the very same values, and nothing new is the very same list."""
    reader = RunsReader(store)
    before = reader.read()
    assert reader.read() is before

    record(store, NEW, a_done_run(), AT + 900)
    after = reader.read()

    assert [row.id for row in after] == [NEW, VARIED, WAITING, FAILED, DONE]
    assert all(old is new for old, new in zip(before, after[1:], strict=True))


def test_an_owner_that_dies_without_a_word_is_noticed(store: Store) -> None:
    """The log of the run does not grow by it."""
    lease = Lease.acquire(store, NEW)
    store.create(NEW, begun(NEW, AT + 900))
    reader = RunsReader(store)
    assert reader.read()[0].status == "running"

    lease.release()

    assert reader.read()[0].status == "interrupted"


def test_a_run_deleted_elsewhere_leaves_the_list(store: Store) -> None:
    """Whoever deleted it."""
    reader = RunsReader(store)
    reader.read()

    store.delete(FAILED)

    assert [row.id for row in reader.read()] == [VARIED, WAITING, DONE]


# -- on a screen


@asynccontextmanager
async def shown(store: Store, size: tuple[int, int] = (100, 24)) -> Any:
    app = Screens(world(store))
    async with app.run_test(size=size, notifications=True) as pilot:
        await until(pilot, lambda: "Reading" not in seen(app))
        yield pilot


def the_list(pilot: Pilot[Any]) -> Listing:
    found = pilot.app.screen.query_one("#runs", Listing)
    assert isinstance(found, Listing)
    return found


def under_cursor(pilot: Pilot[Any]) -> str:
    screen = pilot.app.screen
    assert isinstance(screen, RunsScreen)
    return screen.row.id if screen.row is not None else ""


async def test_all_runs_stand_below_their_totals(store: Store) -> None:
    """The newest first, with the keys at the bottom."""
    async with shown(store, (80, 24)) as pilot:
        lines = seen(pilot.app).splitlines()

        assert lines[0].rstrip() == "4 runs · ? 1 waiting · ✗ 1 failed"
        assert [line.split()[1] for line in lines[2:6]] == ["done", "waiting", "failed", "done"]
        assert "Filter" in lines[-1]
        assert "Delete" in lines[-1]


async def test_columns_stand_below_their_header_with_and_without_a_scrollbar(store: Store) -> None:
    """A right-aligned number ends where its title ends."""

    def ends(pilot: Pilot[Any]) -> tuple[int, int]:
        lines = seen(pilot.app).splitlines()
        return lines[1].index("LOCAL") + len("LOCAL"), lines[2].index("83 %") + len("83 %")

    async with shown(store, (110, 24)) as pilot:
        assert ends(pilot) == (109, 109)
        for number in range(40):
            store.create(f"r{number}", begun(f"r{number}", AT + number))
        await until(pilot, lambda: the_list(pilot).show_vertical_scrollbar)
        await pilot.pause()

        assert ends(pilot) == (109, 109)


async def test_enter_opens_the_run_under_the_cursor(store: Store) -> None:
    """And escape leads back to the same row."""
    async with shown(store) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))
        assert pilot.app.screen.shown.run == WAITING
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))

        assert under_cursor(pilot) == WAITING


async def test_below_a_run_nothing_is_read_below_a_question_all_goes_on(store: Store) -> None:
    """What a run's screen hides need not be known; around a dialog the list is seen."""
    async with shown(store) as pilot:
        runs = pilot.app.screen
        assert isinstance(runs, RunsScreen)
        alone = runs.in_sight
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        below_a_question = runs.in_sight
        await pilot.press("escape", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunScreen))

        assert (alone, below_a_question, runs.in_sight) == (True, True, False)


async def test_a_new_run_appears_and_the_cursor_stays_on_its_own(store: Store) -> None:
    """Nobody deletes the wrong run because another one began."""
    async with shown(store) as pilot:
        await pilot.press("j", "j")
        assert under_cursor(pilot) == FAILED

        record(store, NEW, a_done_run(), AT + 900)
        await until(pilot, lambda: NEW in seen(pilot.app))

        assert under_cursor(pilot) == FAILED


async def test_a_run_deleted_in_another_process_disappears(store: Store) -> None:
    """The list follows the store."""
    async with shown(store) as pilot:
        store.delete(VARIED)

        await until(pilot, lambda: VARIED not in seen(pilot.app))


async def test_delete_asks_first(store: Store) -> None:
    """No is the default, and yes removes the record."""
    async with shown(store) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunsScreen))
        assert store.run(VARIED)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await pilot.press("y")
        await until(pilot, lambda: VARIED not in [row.id for row in store.runs()])
        await until(pilot, lambda: "3 runs" in seen(pilot.app))


async def test_a_running_run_is_not_deleted(store: Store) -> None:
    """It says why, without asking first."""
    with Lease.acquire(store, NEW):
        store.create(NEW, begun(NEW, AT + 900))
        async with shown(store) as pilot:
            await pilot.press("D")
            await until(pilot, lambda: "is being executed" in said(pilot))

            assert not isinstance(pilot.app.screen, Confirm)


async def test_a_run_that_began_again_meanwhile_is_not_deleted(store: Store) -> None:
    """The store refuses what somebody resumed while the question stood there."""
    async with shown(store) as pilot:
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        with Lease.acquire(store, VARIED):
            await pilot.press("y")
            await until(pilot, lambda: f"run {VARIED} is being executed" in said(pilot))

    assert store.run(VARIED)


async def test_cancel_asks_and_leaves_word_for_the_owner(store: Store) -> None:
    """The owner stops by itself; what has finished is kept."""
    with Lease.acquire(store, NEW):
        store.create(NEW, begun(NEW, AT + 900))
        async with shown(store) as pilot:
            await pilot.press("c")
            await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
            await pilot.press("y")
            await until(pilot, lambda: bool(take(store, NEW)))

    assert [row.kind for row in take(store, NEW)] == ["cancel"]


async def test_what_does_not_run_cannot_be_cancelled(store: Store) -> None:
    """A sentence says so."""
    async with shown(store) as pilot:
        await pilot.press("c")

        await until(pilot, lambda: "has ended already" in said(pilot))


async def test_the_id_and_the_command_are_copied(store: Store) -> None:
    """For the next shell."""
    async with shown(store) as pilot:
        await pilot.press("y")
        assert pilot.app.clipboard == VARIED
        await pilot.press("Y")

        assert pilot.app.clipboard == f"orch show {VARIED}"


async def test_the_filter_narrows_while_one_types_and_escape_ends_it(store: Store) -> None:
    """Enter goes back to the list with the filter kept."""
    async with shown(store) as pilot:
        await pilot.press("slash", *"failed")
        await until(pilot, lambda: DONE not in seen(pilot.app))
        assert FAILED in seen(pilot.app)
        await pilot.press("enter")
        assert under_cursor(pilot) == FAILED
        await pilot.press("escape")

        await until(pilot, lambda: DONE in seen(pilot.app))
        assert under_cursor(pilot) == FAILED


async def test_a_filter_that_fits_nothing_says_so(store: Store) -> None:
    """And how to get out of it; what is typed is shown and never markup."""
    async with shown(store) as pilot:
        await pilot.press("slash", "left_square_bracket", "x", "right_square_bracket")

        await until(pilot, lambda: "No run has “[x]”." in seen(pilot.app))


async def test_sorting_moves_rows_and_not_the_cursor(store: Store) -> None:
    """The run under the cursor is still the one a key acts on."""
    async with shown(store) as pilot:
        await pilot.press("O")
        await until(pilot, lambda: "STARTED↑" in seen(pilot.app))

        assert under_cursor(pilot) == VARIED
        assert the_list(pilot).cursor == 3


async def test_an_empty_store_says_how_to_start(tmp_path: Path) -> None:
    """And where runs are kept; keys on nothing do nothing."""
    store = open_store(tmp_path / "runs.db")
    async with shown(store) as pilot:
        assert "orch run WORKFLOW" in seen(pilot.app)
        assert "runs.db" in seen(pilot.app).replace("\n", "").replace(" ", "")
        await pilot.press("enter", "D", "c", "y", "Y", "O", "G")

        assert isinstance(pilot.app.screen, RunsScreen)
        assert pilot.app.clipboard == ""
    store.close()


async def test_a_store_that_cannot_be_read_is_a_sentence_and_tried_again(
    store: Store, tmp_path: Path
) -> None:
    """The rows that were read stay; when it works again the sentence goes."""
    async with shown(store) as pilot:
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE runs RENAME TO hidden")
        await until(pilot, lambda: "✗ the run store" in seen(pilot.app))
        assert DONE in seen(pilot.app)
        with store.writing() as connection:
            connection.exec_driver_sql("ALTER TABLE hidden RENAME TO runs")

        await until(pilot, lambda: "✗ the run store" not in seen(pilot.app))


async def test_a_store_that_cannot_be_read_from_the_start_says_why(store: Store) -> None:
    """In place of the list."""
    with store.writing() as connection:
        connection.exec_driver_sql("ALTER TABLE runs RENAME TO hidden")
    async with shown(store) as pilot:
        assert "It is tried again every second." in seen(pilot.app)


async def test_names_that_would_act_on_a_terminal_are_shown(store: Store) -> None:
    """A workflow's name comes from a file that anybody may have written."""
    for number, text in enumerate(HOSTILE):
        run = f"1123-08{number:02}-hhh"
        store.create(
            run, RunStarted(AT + 900 + number, run, text, "/p", "/p", text, "d" * 64, "0.1.0", {}, {}, 2)
        )
    async with shown(store, (200, 30)) as pilot:
        screen = seen(pilot.app)

        assert "[@click=app.quit]click[/]" in screen
        assert "\x1b" not in screen
        assert "\u202e" not in screen


async def test_many_runs_are_shown_and_walked_through(tmp_path: Path) -> None:
    """Rows that nobody sees are never made: the last of thousands is one key away."""
    store = open_store(tmp_path / "runs.db")
    for number in range(300):
        store.create(f"r{number:04}", begun(f"r{number:04}", AT + number))
    async with shown(store) as pilot:
        assert "300 runs" in seen(pilot.app)
        await pilot.press("G")
        await until(pilot, lambda: "r0000" in seen(pilot.app))
        record(store, NEW, a_done_run(), AT + 900)
        await until(pilot, lambda: "301 runs" in seen(pilot.app))

        assert under_cursor(pilot) == "r0000"
        assert "r0000" in seen(pilot.app)
    store.close()
