"""The store's file is moved, deleted or replaced under the open screen: it is said, and a new store is opened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from orch_tui.app import Screens
from orch_tui.dialogs import Confirm
from orch_tui.presence import AGAIN, Presence
from orch_tui.run_screen import RunScreen
from orch_tui.runs import RunsScreen
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.cli.recorded import AT, DONE, WAITING, a_done_run, record, record_all
from tests.tui.host import screen, until
from tests.tui.recorded import world

LATER = "1124-0700-new"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = open_store(tmp_path / "runs.db")
    record_all(store)
    yield store
    store.close()


def move(store: Store) -> Path:
    """The file and what belongs to it are somewhere else."""
    assert store.place is not None
    for file in store.place.glob(f"{store.name}*"):
        file.rename(file.with_name("moved-" + file.name))
    return store.place / store.name


def replace(store: Store) -> None:
    """Another process has made a new store in its place, with one run."""
    other = open_store(move(store))
    record(other, LATER, a_done_run(), AT + 3600)
    other.close()


def test_a_file_that_stays_is_not_talked_about(store: Store) -> None:
    """Nothing is said however long one looks, and whatever is written."""
    presence = Presence(store)
    record(store, LATER, a_done_run())
    assert [presence.look() for _ in range(3)] == [None, None, None]


def test_a_file_that_went_is_named_and_again_after_a_while(store: Store, tmp_path: Path) -> None:
    """Once, and not every second; who was away reads it half a minute later. Nothing is made in its place."""
    presence = Presence(store)
    path = move(store)
    told = [presence.look() for _ in range(2 * AGAIN)]
    said = [change for change in told if change is not None]
    assert len(said) == 3
    assert told[0] == said[0]
    assert str(path) in said[0].text
    assert not said[0].anew
    assert not path.exists()


def test_a_file_that_came_back_is_the_same_store(store: Store) -> None:
    """Moved and moved back: nothing has changed; when it goes once more it is said once more."""
    presence = Presence(store)
    path = move(store)
    moved = path.with_name("moved-" + path.name)
    assert presence.look()
    moved.rename(path)
    assert presence.look() is None
    path.rename(moved)
    assert presence.look()


def test_a_file_that_is_no_store_is_not_taken(store: Store) -> None:
    """It is said what is wrong with it; as soon as a real one is there, that one is read."""
    presence = Presence(store)
    path = move(store)
    path.write_text(
        "these are no runs, and this text is long enough to be read as a header", encoding="utf-8"
    )
    change = presence.look()
    assert change is not None
    assert "not a database" in change.text
    assert not change.anew
    assert presence.look() is None
    path.unlink()
    open_store(path).close()
    change = presence.look()
    assert change is not None
    assert change.anew
    assert store.runs() == []


async def test_the_screen_says_that_the_file_is_gone_and_stays(store: Store) -> None:
    """The open run can still be looked at."""
    app = Screens(world(store), DONE)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, lambda: "triage" in screen(app))
        move(store)
        await until(pilot, lambda: "the run store" in screen(app) and "is gone" in screen(app))
        assert isinstance(app.screen, RunScreen)
        assert "triage" in screen(app)


async def test_the_screen_goes_to_the_runs_of_the_new_file(store: Store) -> None:
    """The run that was open is of a store that is no more; a dialog above it closes without an answer."""
    app = Screens(world(store), WAITING)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await until(pilot, lambda: WAITING in screen(app))
        answers: list[bool | None] = []
        app.push_screen(Confirm("Delete it?", "for good"), answers.append)
        await until(pilot, lambda: isinstance(app.screen, Confirm))
        replace(store)
        await until(pilot, lambda: isinstance(app.screen, RunsScreen) and LATER in screen(app))
        assert DONE not in screen(app)
        assert not any(answers)
        await until(pilot, lambda: "another file took the place" in screen(app))
