"""Turns that agents remember: of other runs, in order, gone with their run."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.calling import Turn
from orchestrator.store.conversations import StoreConversations, conversations, forget, turns_of
from orchestrator.store.open import open_store
from orchestrator.store.store import Store
from tests.store.samples import started


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store.db")


def keep(store: Store, run: str, *turns: str, agent: str = "friend", key: str = "ann") -> StoreConversations:
    store.create(run, started(run))
    memory = StoreConversations(store, run)
    for n, turn in enumerate(turns):
        memory.remember(agent, key, f"say.{n}", Turn(turn, turn.upper()))
    return memory


def test_the_last_turns_of_other_runs_come_back_oldest_first(store: Store) -> None:
    """Not those of the run itself."""
    keep(store, "one", "a", "b")
    keep(store, "two", "c")
    memory = keep(store, "three", "own")

    assert memory.recall("friend", "ann", 2) == (Turn("b", "B"), Turn("c", "C"))
    assert memory.recall("friend", "bob", 2) == ()
    assert memory.recall("foe", "ann", 2) == ()


def test_what_an_instance_says_again_takes_the_place_of_what_it_said(store: Store) -> None:
    """A run that was killed before its step had ended says it again."""
    memory = keep(store, "one", "a", "b")
    memory.remember("friend", "ann", "say.0", Turn("again", "other"))

    assert turns_of(store, "friend", "ann") == (Turn("again", "other"), Turn("b", "B"))


def test_a_deleted_run_is_forgotten(store: Store) -> None:
    """What it said too."""
    keep(store, "one", "a")
    keep(store, "two", "b")
    store.delete("one")

    assert turns_of(store, "friend", "ann") == (Turn("b", "B"),)


def test_conversations_are_listed_and_deleted(store: Store) -> None:
    """The latest first."""
    keep(store, "one", "a", "b")
    keep(store, "two", "c", key="bob")

    assert [(one.agent, one.key, one.turns) for one in conversations(store)] == [
        ("friend", "bob", 1),
        ("friend", "ann", 2),
    ]
    assert forget(store, "friend", "ann") == 2
    assert [one.key for one in conversations(store)] == ["bob"]
