"""Following a run: what was recorded, what comes, what is being written, and stores that cannot be read."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orch_tui.feed import PAGE, Feed, News
from orchestrator.events import (
    AttemptFinished,
    AttemptStarted,
    Event,
    RunFinished,
    RunStarted,
    StepFinished,
    StepStarted,
)
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.live import LiveSender
from orchestrator.store.open import open_store
from orchestrator.store.store import Store

RUN = "1123-0645-aaa"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(tmp_path / ".orch" / "store.db")
    opened.create(RUN, RunStarted(1.0, RUN, "w", "/p/w.yaml", "/p", "", "d" * 64, "0", {}, {}, 1))
    yield opened
    opened.close()


def append(store: Store, *events: Event) -> None:
    journal = StoreJournal(store, RUN)
    for event in events:
        journal.append(event)
    journal.close()


def until(feed: Feed, reached: Callable[[Feed], bool]) -> News:
    """Take news until something is so; everything that was touched on the way."""
    seen = News()
    deadline = time.monotonic() + 30
    while not reached(feed):
        assert time.monotonic() < deadline, "it never came"
        news = feed.take()
        seen.touched += news.touched
        seen.events += news.events
        seen.written |= news.written
        time.sleep(0.01)
    return seen


def test_while_a_record_is_read_the_run_stands_as_the_list_of_runs_has_it(store: Store) -> None:
    """A run that ended does not look as if it ran, however long its record is."""
    append(store, StepStarted(2.0, "a", "value"), StepFinished(3.0, "a", 1, {}), RunFinished(4.0, {}))
    feed = Feed(store, RUN)
    feed.start()
    deadline = time.monotonic() + 30
    while feed.row is None and time.monotonic() < deadline:
        time.sleep(0.01)

    assert (feed.trace.state.events, feed.caught_up) == (0, False)
    assert feed.status == "done"
    assert not feed.running
    until(feed, lambda feed: feed.caught_up)
    feed.close()
    assert feed.status == "done"


def test_memory_that_reading_a_long_record_took_is_given_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it was read, and again after as many events; not before, and not for a short one."""
    given: list[int] = []
    monkeypatch.setattr("orch_tui.feed.LONG", 3)
    monkeypatch.setattr("orch_tui.feed.give_back", lambda: given.append(1))
    append(store, StepStarted(2.0, "a", "value"), StepFinished(3.0, "a", 1, {}))
    feed = Feed(store, RUN)
    feed.start()

    until(feed, lambda feed: feed.caught_up and len(given) == 1)
    append(store, StepStarted(4.0, "b", "value"), StepFinished(5.0, "b", 1, {}))
    until(feed, lambda feed: feed.trace.state.events == 5)
    once = len(given)
    append(store, StepStarted(6.0, "c", "value"))
    until(feed, lambda feed: len(given) == 2)
    feed.close()

    assert once == 1


def test_what_was_recorded_is_taken_in(store: Store) -> None:
    """A finished run is there as a whole, and the feed says so."""
    append(store, StepStarted(2.0, "a", "value"), StepFinished(3.0, "a", 1, {}), RunFinished(4.0, 1))
    feed = Feed(store, RUN)
    feed.start()

    seen = until(feed, lambda feed: feed.caught_up)
    feed.close()

    assert (feed.status, feed.progress, seen.events) == ("done", 1.0, 4)
    assert [feed.trace.path(span) for span in dict.fromkeys(seen.touched)] == ["a"]
    assert len(feed.rows) == 2, "the run itself, and its step"


def test_text_alone_is_taken_in_without_spans(store: Store) -> None:
    """Who shows text more often than spans finds the spans as they were."""
    append(store, StepStarted(2.0, "a", "value"))
    feed = Feed(store, RUN)
    feed.start()
    until(feed, lambda feed: feed.caught_up)
    append(store, StepFinished(3.0, "a", 1, {}))
    deadline = time.monotonic() + 30
    while feed._pages.empty():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)
    feed._pieces.append(("a", "half a sen"))

    text = feed.take_text()
    live, events = dict(feed.live), feed.trace.state.events
    feed.take()
    feed.close()

    assert (text.written, text.events, text.touched) == ({"a"}, 0, [])
    assert (live, events, feed.trace.state.events) == ({"a": "half a sen"}, 2, 3)


def test_news_of_two_times_is_news_of_both() -> None:
    """Nothing that was touched or changed between two drawings is forgotten."""
    first = News(touched=[1, 2], written={"a"}, events=3)

    first.add(News(touched=[2, 4], written={"b"}, events=1, caught_up=True, changed=True))

    assert first == News(touched=[1, 2, 4], written={"a", "b"}, events=4, caught_up=True, changed=True)


def test_a_run_in_another_process_is_followed(store: Store) -> None:
    """Events that come while somebody executes the run arrive without being asked for."""
    with Lease.acquire(store, RUN):
        feed = Feed(store, RUN)
        feed.start()
        until(feed, lambda feed: feed.caught_up and feed.row is not None)
        assert feed.status == "running"

        append(store, StepStarted(2.0, "a", "agent"))
        until(feed, lambda feed: len(feed.trace) == 1)
        append(store, StepFinished(3.0, "a", 1, {}), RunFinished(4.0, 1))
        until(feed, lambda feed: feed.status == "done")

    feed.close()


def test_an_owner_that_died_leaves_an_interrupted_run(store: Store) -> None:
    """No last event was written; what was under way counts as cut off."""
    append(store, StepStarted(2.0, "a", "agent"))
    feed = Feed(store, RUN)
    feed.start()

    until(feed, lambda feed: feed.status == "interrupted" and feed.caught_up)
    feed.take()
    feed.close()

    assert feed.trace.status_of(0) == "stopped"


def test_text_is_there_while_it_is_written_and_gone_when_it_is_an_answer(
    store: Store, tmp_path: Path
) -> None:
    """Pieces of the live channel add up; the finished attempt replaces them."""
    messages = ({"role": "user", "content": "hi"},)

    async def story() -> None:
        with Lease.acquire(store, RUN):
            sender = LiveSender(store, RUN)
            feed = Feed(store, RUN)
            feed.start()
            listening = asyncio.create_task(feed.listen())
            append(
                store,
                StepStarted(2.0, "a", "agent"),
                AttemptStarted(2.0, "a", 1, "tiny", messages, 3, True, {}),
            )
            deadline = time.monotonic() + 30
            while "lo" not in feed.live.get("a", ""):
                assert time.monotonic() < deadline
                sender("a", "lo")
                feed.take()
                await asyncio.sleep(0.02)
            finished = AttemptFinished(
                3.0, "a", 1, "tiny", "ok", "keep", "", "lo", "", 3, 1, 0, 0.1, 0.1, 10.0
            )
            append(store, finished, StepFinished(3.0, "a", "lo", {}))
            while "a" in feed.live or feed.trace.tokens_out[0] == 0:
                assert time.monotonic() < deadline
                feed.take()
                await asyncio.sleep(0.02)
            listening.cancel()
            feed.close()
            sender.close()

    asyncio.run(story())


def test_a_run_that_is_deleted_is_said_to_be_gone(store: Store) -> None:
    """It disappears under the feed: a sentence, no exception."""
    append(store, RunFinished(4.0, 1))
    feed = Feed(store, RUN)
    feed.start()
    until(feed, lambda feed: feed.caught_up)

    store.delete(RUN)
    until(feed, lambda feed: feed.gone)

    assert RUN in feed.trouble


def test_a_store_that_is_deleted_cannot_be_read_and_tells_nothing_of_its_runs(
    store: Store, tmp_path: Path
) -> None:
    """Its locks are gone too: that does not mean that the run was interrupted and could go on."""
    with Lease.acquire(store, RUN):
        append(store, StepStarted(2.0, "a", "agent"))
        feed = Feed(store, RUN)
        feed.start()
        until(feed, lambda feed: feed.caught_up and feed.row is not None)

        shutil.rmtree(tmp_path / ".orch")
        until(feed, lambda feed: bool(feed.trouble))
        feed.take()

    feed.close()
    assert "was deleted" in feed.trouble
    assert feed.status == "running"
    assert feed.trace.status_of(0) == "running"


def test_a_damaged_event_is_told_and_not_the_end(store: Store, tmp_path: Path) -> None:
    """What cannot be read is left out; also while somebody executes the run."""
    append(store, *(StepStarted(2.0, name, "value") for name in "abc"))
    with sqlite3.connect(tmp_path / ".orch" / "store.db") as direct:
        direct.execute("UPDATE events SET payload = '{' WHERE seq = 2")
    with Lease.acquire(store, RUN):
        feed = Feed(store, RUN)
        feed.start()
        until(feed, lambda feed: feed.caught_up and len(feed.trace) == 2)

        assert feed.damaged == "event 2 cannot be read"
        assert [feed.trace.path(span) for span in range(2)] == ["a", "c"]

    until(feed, lambda feed: feed.looked_through)
    feed.close()
    assert feed.damaged == "event 2 (step.started b) is not what was written"


def test_a_long_record_is_taken_in_pieces(store: Store) -> None:
    """One look takes no longer than it may, and loses nothing."""
    count = 3000
    events: list[Event] = []
    for number in range(count):
        events += [StepStarted(2.0, f"s{number}", "value"), StepFinished(3.0, f"s{number}", 1, {})]
    append(store, *events)
    feed = Feed(store, RUN)
    feed.start()
    deadline = time.monotonic() + 60
    looks = 0
    while not feed.caught_up:
        assert time.monotonic() < deadline
        feed.take(0.0001)
        looks += 1
    feed.close()

    assert looks > 3
    assert len(feed.trace) == count
    assert all(status == 2 for status in feed.trace.status)


def test_a_run_that_goes_on_is_read_ahead_of_the_screen(store: Store) -> None:
    """Between two looks of the screen far more may come than of a long record lies ready."""
    feed = Feed(store, RUN)
    lease = Lease.acquire(store, RUN)
    with lease:
        feed.start()
        until(feed, lambda feed: feed.caught_up)
        append(store, *(StepStarted(2.0, f"s{n}", "value") for n in range(5 * PAGE)))
        deadline = time.monotonic() + 30
        while feed._pages.qsize() < 5:
            assert time.monotonic() < deadline, "it waited for the screen"
            time.sleep(0.01)

        news = feed.take(30.0)
        feed.close()

    assert (news.events, news.changed, len(feed.trace)) == (5 * PAGE, False, 5 * PAGE)
