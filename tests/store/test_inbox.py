"""Messages for the owner of a run: in order, each acted on exactly once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StoreError, UsageError
from orchestrator.store.inbox import DAMAGED, done, post, posted, take
from orchestrator.store.journal import StoreJournal
from orchestrator.store.store import Store
from tests.store.processes import hear, process, serve_the_inbox
from tests.store.samples import a_store, finished, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    opened.create("r", started("r"))
    yield opened
    opened.close()


def test_messages_are_taken_in_order_until_they_are_done(store: Store) -> None:
    """Taking does not consume: a crash between taking and acting loses nothing."""
    first = post(store, "r", "approve", {"path": "ask", "choice": "é"})
    post(store, "r", "cancel", {})

    assert [(row.kind, row.payload) for row in take(store, "r")] == [
        ("approve", {"path": "ask", "choice": "é"}),
        ("cancel", {}),
    ]
    done(store, [first])
    assert [row.kind for row in take(store, "r")] == ["cancel"]


def test_an_event_and_the_message_it_answers_are_one_transaction(store: Store) -> None:
    """Either both are there after a crash or neither."""
    message = post(store, "r", "approve", {})
    journal = StoreJournal(store, "r")

    journal.append(finished(1), consumed=[message])
    journal.close()

    assert take(store, "r") == []


def test_an_event_that_cannot_be_recorded_leaves_its_message(store: Store) -> None:
    """The next owner finds it again."""
    message = post(store, "r", "approve", {})
    journal = StoreJournal(store, "r")

    journal.append(finished(1, math.nan), consumed=[message])
    with pytest.raises(StoreError):
        journal.close()

    assert [row.id for row in take(store, "r")] == [message]


def test_runs_have_inboxes_of_their_own(store: Store) -> None:
    """And a run that is not there has none."""
    store.create("other", started("other"))
    post(store, "other", "cancel", {})

    assert take(store, "r") == []
    with pytest.raises(UsageError, match="no run 'nope'"):
        post(store, "nope", "cancel", {})


def test_an_owner_in_another_process_acts_on_every_message_once(tmp_path: Path) -> None:
    """Posted while it runs, answered by one event each, in order."""
    store = a_store(tmp_path / "live")
    with process(serve_the_inbox, tmp_path / "live", "r", 50) as (_, told):
        assert hear(told) == "ready"
        for number in range(50):
            post(store, "r", "approve", {"number": number})
        assert hear(told) == "done"

    values = [getattr(event, "value", None) for _, event in store.events("r", after=0)]

    assert values == list(range(50))
    store.close()


@pytest.mark.parametrize("payload", ["[]", "{", "\x00", "[" * 100_000, b"\xff", 7, None])
def test_a_message_that_nobody_can_read_hides_no_other(store: Store, payload: object) -> None:
    """Of a database that others write: it asks for nothing, and can be put aside."""
    post(store, "r", "cancel", {})
    with store.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO inbox (id, run, at, kind, payload) VALUES (0, 1, 1.5, 'approve', coalesce(?, x'ff'))",
            (payload,),
        )

    damaged, whole = take(store, "r")

    assert (damaged.kind, damaged.payload) == (DAMAGED, {})
    assert whole.kind == "cancel"
    assert len(posted(store, "r", 1.0)) == 2


def test_a_message_without_a_time_is_of_no_use(store: Store) -> None:
    """SQLite keeps whatever is written into a column."""
    with store.writing() as connection:
        connection.exec_driver_sql("INSERT INTO inbox VALUES (1, 1, 'soon', 'cancel', '{}', NULL)")

    assert [(row.at, row.kind) for row in take(store, "r")] == [(0.0, DAMAGED)]
