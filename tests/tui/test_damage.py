"""Runs whose record is damaged, on the screen: it is said in the words of `orch show`, and what can be read is shown."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.feed import Feed
from orch_tui.trace import STATUSES
from orchestrator.events import StepFinished, StepStarted
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import DONE, record
from tests.tui.host import harmless, screen, until
from tests.tui.recorded import VARIED, store_in, world
from tests.tui.test_run_screen import read

FLIPS = 120
COLUMNS = ("at", "kind", "path", "payload", "hash", "seq")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = store_in(tmp_path)
    yield store
    store.close()


def change(store: Store, run: str, statement: str) -> None:
    with store.writing() as connection:
        connection.exec_driver_sql(statement.format(run=store.head(run).no))


def caught_up(feed: Feed) -> Feed:
    """Read to its end and looked through, or in trouble."""
    feed.start()
    for _ in range(30_000):
        feed.take(1.0)
        if feed.looked_through or feed.trouble:
            break
        feed._closed.wait(0.001)
    feed.close()
    return feed


def flipped(draw: random.Random, value: object) -> object:
    """A value of a row with one bit changed, as a damaged disk gives it back."""
    match value:
        case int():
            return value ^ (1 << draw.randrange(20))
        case float():
            return value + draw.choice((1e-6, 1e9, -1e12))
        case str() | bytes():
            data = bytearray(value.encode() if isinstance(value, str) else value) or bytearray(b"\x00")
            data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
            return bytes(data)
        case _:
            raise TypeError(value)


def flip(path: Path, no: int, draw: random.Random) -> None:
    """Change one bit of one column of one event."""
    with closing(sqlite3.connect(path)) as database:
        seqs = [seq for (seq,) in database.execute("SELECT seq FROM events WHERE run = ?", (no,))]
        seq, column = draw.choice(seqs), draw.choice(COLUMNS)
        where = f"WHERE run = {no} AND seq = {seq}"
        before = database.execute(f"SELECT {column} FROM events {where}").fetchone()[0]
        kind = {"at": "REAL", "seq": "INTEGER", "hash": "BLOB"}.get(column, "TEXT")
        after = flipped(draw, before)
        database.execute(f"UPDATE OR REPLACE events SET {column} = CAST(? AS {kind}) {where}", (after,))
        database.commit()


def test_whatever_bit_of_a_record_is_wrong_the_run_is_called_damaged(tmp_path: Path) -> None:
    """The reader goes on behind what it cannot read, and raises nothing."""
    draw = random.Random(7)
    store_in(tmp_path).close()
    whole = (tmp_path / "runs.db").read_bytes()
    silent = []
    for number in range(FLIPS):
        path = tmp_path / f"{number}.db"
        path.write_bytes(whole)
        store = open_store(path)
        flip(path, store.head(DONE).no, draw)
        feed = caught_up(Feed(store, DONE))
        if not feed.damaged:
            silent.append((number, feed.trouble))
        store.close()

    assert silent == []


DAMAGES: dict[str, Callable[[Store], None]] = {
    "no JSON": lambda store: change(
        store, VARIED, "UPDATE events SET payload = substr(payload, 3) WHERE run = {run} AND seq = 4"
    ),
    "no text": lambda store: change(
        store, VARIED, "UPDATE events SET payload = CAST(x'FFFE' AS TEXT) WHERE run = {run} AND seq = 4"
    ),
    "another text": lambda store: change(
        store, VARIED, "UPDATE events SET payload = replace(payload, 'e', 'a') WHERE run = {run} AND seq = 4"
    ),
    "gone": lambda store: change(store, VARIED, "DELETE FROM events WHERE run = {run} AND seq = 4"),
    "the first": lambda store: change(
        store, VARIED, "UPDATE events SET payload = '[' WHERE run = {run} AND seq = 0"
    ),
}


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
async def test_a_damaged_run_is_shown_as_far_as_it_can_be_read(store: Store, damage: str) -> None:
    """With the words of `orch show` above it, and what else there is to see of it in every tab and view."""
    DAMAGES[damage](store)
    async with Screens(world(store), VARIED).run_test(size=(140, 40)) as pilot:
        await read(pilot)
        await until(pilot, lambda: f"the record of run {VARIED} is damaged: event" in screen(pilot.app))
        assert f"see all of it: orch verify {VARIED}" in screen(pilot.app)
        assert "the whole run" in screen(pilot.app)
        for key in ("2", "3", "4", "5", "1", "e", "G", "1", "2", "w", "T", "L", "escape"):
            await pilot.press(key)
            await pilot.pause()

        assert harmless(screen(pilot.app).replace("\u200d", ""))


def test_a_large_value_that_is_gone_takes_its_event_and_no_others(store: Store) -> None:
    """It lies in a table of its own."""
    ends = {"a": "x" * 20_000, "b": "y"}
    events = [
        event
        for path, value in ends.items()
        for event in (StepStarted(1.0, path, "value"), StepFinished(2.0, path, value, {}))
    ]
    record(store, "big", events)
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM blob_uses")
        connection.exec_driver_sql("DELETE FROM blobs")
    feed = caught_up(Feed(store, "big"))
    feed.take(1.0)

    assert feed.trouble == ""
    assert "large value" in feed.damaged
    assert (feed.trace.state.events, len(feed.trace)) == (5, 2)
    assert list(feed.trace.state.spans) == ["a"]  # whose end is lost; what has ended is kept elsewhere


async def test_a_damaged_run_is_damaged_in_the_list_of_runs_once_it_was_looked_at(store: Store) -> None:
    """Others stay what they are."""
    DAMAGES["no text"](store)
    async with Screens(world(store), VARIED).run_test(size=(140, 40)) as pilot:
        await read(pilot)
        await until(pilot, lambda: "is damaged" in screen(pilot.app))

        await pilot.press("escape")

        await until(pilot, lambda: "✗ damaged" in screen(pilot.app))
        assert "✗ 1 damaged" in screen(pilot.app)
        assert screen(pilot.app).count("damaged") == 2


async def test_a_whole_run_says_nothing_of_its_record(store: Store) -> None:
    """It was looked through all the same."""
    async with Screens(world(store), VARIED).run_test(size=(140, 40)) as pilot:
        shown = await read(pilot)
        await until(pilot, lambda: shown.shown.feed.looked_through)

        assert "damaged" not in screen(pilot.app)


@pytest.mark.parametrize("run", [DONE, VARIED])
async def test_a_run_whose_last_event_cannot_be_read_does_not_run_for_ever(store: Store, run: str) -> None:
    """How it ended stands in the list of runs, and its time has stopped."""
    ended = store.run(run).status
    last = "(SELECT max(seq) FROM events WHERE run = {run})"
    change(store, run, "UPDATE events SET payload = '[' WHERE run = {run} AND seq = " + last)
    async with Screens(world(store), run).run_test(size=(140, 40)) as pilot:
        shown = (await read(pilot)).shown
        await until(pilot, lambda: ended in screen(pilot.app).splitlines()[0])

        await until(pilot, lambda: f"the record of run {run} is damaged" in screen(pilot.app))
        assert shown.now == shown.trace.now
        assert "running" not in screen(pilot.app)


def test_what_a_damaged_record_leaves_open_is_shown_as_cut_off(store: Store) -> None:
    """Its end cannot be read, and nobody works on it any more."""
    record(store, "cut", [StepStarted(1.0, "a", "value"), StepFinished(2.0, "a", "x", {})])
    change(store, "cut", "UPDATE events SET payload = '[' WHERE run = {run} AND seq > 1")
    feed = caught_up(Feed(store, "cut"))
    feed.take(1.0)

    assert feed.status == store.run("cut").status != "running"
    assert STATUSES[feed.trace.status[feed.trace.find("a")]] == "stopped"
