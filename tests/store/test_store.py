"""Runs and their events: written once, read by number, listed, found, removed."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest
from sqlalchemy import func, select

from orchestrator.errors import StoreError, UsageError
from orchestrator.events import (
    Event,
    RunFinished,
    RunStarted,
    StepFailed,
    StepFinished,
    StepSkipped,
    StepStarted,
    Warned,
)
from orchestrator.report.values import Values
from orchestrator.store.blobs import BLOBS
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.store import EVENTS, Store
from tests.store.samples import AT, a_store, finished, one_of_each, started


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = a_store(tmp_path)
    yield opened
    opened.close()


def record(store: Store, run: str, events: list[Event], first: RunStarted | None = None) -> None:
    store.create(run, first or started(run))
    journal = StoreJournal(store, run)
    for event in events:
        journal.append(event)
    journal.close()


def test_events_are_read_in_the_order_they_were_appended(store: Store) -> None:
    """Numbers count from 0, the first event says that the run started."""
    events = one_of_each()

    record(store, "r", events[1:], started("r", at=AT))

    assert [seq for seq, _ in store.events("r")] == list(range(len(events)))
    assert [event for _, event in store.events("r", after=0)] == events[1:]


def test_events_can_be_read_from_any_number_on(store: Store) -> None:
    """A screen that has shown event 3 asks for what is behind it; one event can be read alone."""
    record(store, "r", [finished(number) for number in range(2_500)])

    assert [seq for seq, _ in store.events("r", after=2_498)] == [2_499, 2_500]
    assert store.event("r", 1_500) == finished(1_499)


def test_the_events_of_one_instance_are_read_alone(store: Store) -> None:
    """Exactly this path, within the numbers asked for; neither its items nor one that is named alike."""
    group, item, alike = (StepStarted(AT, path, "steps") for path in ("a", "a.0", "ab"))
    end = StepFinished(AT, "a", None, {"container": "steps"})
    record(store, "r", [group, item, alike, end, group])
    record(store, "other", [group])

    assert store.span_events("r", "a", 0, 4) == [(1, group), (4, end)]
    assert store.span_events("r", "a", 2, 9) == [(4, end), (5, group)]
    assert store.span_events("r", "missing", 0, 9) == []


def test_what_is_beneath_an_instance_is_read_in_order(store: Store) -> None:
    """Items, passes, the answers of several models, merges; how they began and ended, and no more than asked for."""
    beneath: list[Event] = [
        StepStarted(AT, f"a{rest}", "agent") for rest in (".0", ".0.b", "~1.b", "@tiny", "^1.0")
    ]
    others: list[Event] = [StepStarted(AT, path, "agent") for path in ("a", "ab", "a_b.0", "b.a.0", "A.0")]
    ends: list[Event] = [
        StepFinished(AT, "a.0.b", "x", {}),
        StepSkipped(AT, "a~1.b", "when"),
        StepFailed(AT, "a.0", "check", "no"),
    ]
    record(store, "r", [*others, *beneath, Warned(AT, "slow", "a.0"), *ends])

    found = store.inside("r", "a", 0, 99, 50)

    assert [event for _, event in found] == [*beneath, *ends]
    assert store.inside("r", "a", 0, 99, 2) == found[:2]
    assert store.inside("r", "a", found[1][0], found[2][0], 50) == found[1:3]


def test_the_value_of_a_container_is_put_together_from_what_is_inside(store: Store) -> None:
    """Its own events and those beneath it are all that is needed."""
    ends = [StepFinished(AT, f"a.{number}", number, {}) for number in range(3)]
    record(
        store,
        "r",
        [StepStarted(AT, "a", "agent", 3), *ends, StepFinished(AT, "a", None, {"container": "foreach"})],
    )
    values = Values()

    both = [*store.span_events("r", "a", 1, 5), *store.inside("r", "a", 1, 5, 50)]
    for _, event in sorted(both, key=itemgetter(0)):
        values.add(event)

    assert values.of("a") == [0, 1, 2]


def test_an_event_that_is_not_there_is_an_error(store: Store) -> None:
    """A number beyond the log is no silent None."""
    record(store, "r", [])

    with pytest.raises(StoreError, match="no event 7"):
        store.event("r", 7)


def test_large_values_are_read_back_and_stored_once(store: Store) -> None:
    """Two steps with the same large value share it."""
    value = {"text": "long " * 10_000}

    record(store, "r", [finished(1, value), finished(2, value)])

    assert store.event("r", 2) == finished(2, value)
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(BLOBS)).scalar() == 1


def test_a_run_id_is_taken_once(store: Store) -> None:
    """Two runs never write into one log."""
    store.create("r", started("r"))

    with pytest.raises(StoreError, match="there is a run r already"):
        store.create("r", started("r"))


def test_a_list_of_runs_needs_no_events(store: Store) -> None:
    """Totals stand in the run's row: status, steps, tokens, times."""
    record(store, "r", one_of_each()[1:])

    row = store.run("r")

    assert (row.status, row.ended, row.finished, row.failed) == ("done", AT + 15, 1, 1)
    assert (row.prompt_tokens, row.completion_tokens, row.events) == (12, 3, 16)


def test_runs_are_filtered_by_status_and_workflow(store: Store) -> None:
    """The newest first, at most as many as asked for."""
    record(store, "a", [RunFinished(AT, None)], started("a", at=AT))
    record(store, "b", [], started("b", at=AT + 1))
    record(store, "c", [RunFinished(AT, None)], started("c", at=AT + 2, workflow="other"))

    assert [row.id for row in store.runs()] == ["c", "b", "a"]
    assert [row.id for row in store.runs(status="done", limit=1)] == ["c"]
    assert [row.id for row in store.runs(workflow="support-desk")] == ["b", "a"]


def test_a_run_whose_owner_died_shows_as_interrupted(store: Store) -> None:
    """The last event says running, but nobody holds the lease."""
    with Lease.acquire(store, "r"):
        record(store, "r", [])
        assert store.run("r").status == "running"

    assert store.run("r").status == "interrupted"
    assert [row.id for row in store.runs(status="interrupted")] == ["r"]
    assert store.runs(status="running") == []


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1123-0645-k7q", "1123-0645-k7q"),
        ("1124", "1124-0101-abc"),
        ("k7q", "1123-0645-k7q"),
        ("last", "1124-0101-abc"),
    ],
)
def test_a_run_is_found_by_what_a_person_types(store: Store, said: str, meant: str) -> None:
    """The whole id, its beginning, its end, or `last`."""
    store.create("1123-0645-k7q", started(at=AT))
    store.create("1124-0101-abc", started(at=AT + 1))

    assert store.find(said) == meant


def test_a_name_that_fits_two_runs_lists_them(store: Store) -> None:
    """Nothing is guessed."""
    store.create("1123-0645-k7q", started())
    store.create("1123-0646-abc", started())

    with pytest.raises(UsageError, match="fits 2 runs") as caught:
        store.find("1123")

    assert "1123-0645-k7q" in caught.value.hint


def test_a_misspelled_run_gets_the_nearest(store: Store) -> None:
    """And an empty store says how to get a first run."""
    with pytest.raises(UsageError, match="no run yet"):
        store.find("last")
    store.create("1123-0645-k7q", started())

    with pytest.raises(UsageError) as caught:
        store.find("1123-0645-k7p")

    assert "1123-0645-k7q" in caught.value.hint


def test_deleting_a_run_frees_what_only_it_used(store: Store) -> None:
    """A value that another run uses too stays."""
    shared, own = "s" * 10_000, "o" * 10_000
    record(store, "a", [finished(1, shared), finished(2, own)])
    record(store, "b", [finished(1, shared)])

    store.delete("a")

    assert store.event("b", 1) == finished(1, shared)
    with store.reading() as connection:
        assert connection.execute(select(func.count()).select_from(BLOBS)).scalar() == 1
        assert connection.execute(select(func.count()).select_from(EVENTS)).scalar() == 2
    with pytest.raises(UsageError):
        store.run("a")


def test_a_run_that_is_being_executed_is_not_deleted(store: Store) -> None:
    """Its owner would write into nothing."""
    with Lease.acquire(store, "r"):
        record(store, "r", [])

        with pytest.raises(StoreError, match="being executed"):
            store.delete("r")


def test_ids_are_short_typeable_and_free(store: Store) -> None:
    """Month, day, hour, minute and three characters that cannot be mistaken for one another."""
    made = {store.fresh_id(AT) for _ in range(50)}

    assert all(len(run) == 13 and not set(run[10:]) & set("01ilo") for run in made)
    assert len(made) > 40


def test_the_folder_is_private_and_not_for_git(store: Store, tmp_path: Path) -> None:
    """Prompts and answers lie in it."""
    folder = tmp_path / ".orch"

    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE((folder / "store.db").stat().st_mode) == 0o600
    assert (folder / ".gitignore").read_text(encoding="utf-8") == "*\n"


def test_who_reads_once_keeps_little_of_the_file_in_memory(tmp_path: Path) -> None:
    """On every connection, those made before too."""
    store = a_store(tmp_path)
    with store.engine.connect() as connection:
        usual = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()

    store.keep_little()

    with store.engine.connect() as connection:
        kept = connection.exec_driver_sql("PRAGMA cache_size").scalar_one()
    store.close()
    assert kept == -256 != usual
