"""A cache that others may write to: what they put there is no answer, no error, and removes nothing of ours."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text as sql

from orchestrator.store.cache import LARGEST, StoreCache
from orchestrator.store.open import open_store
from orchestrator.store.shared import DirectoryCache, SharedCache
from orchestrator.store.store import Store
from tests.engine.harness import play

KEY = f"public:{'a' * 64}"


class Poisoned(dict[str, Any]):
    """Says the same whatever it is asked for, and remembers what it was asked."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value

    def get(self, key: str, default: Any = None) -> Any:
        self[key] = True
        return self.value

    def put(self, key: str, value: Any) -> None:
        """Nothing is kept."""


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'cache.db'}")
    yield opened
    opened.close()


@pytest.mark.parametrize(
    "value",
    [
        7,
        True,
        ["low"],
        {"text": "low"},
        {"text": "low", "confidence": "high", "attempts": 1},
        {"text": "low", "confidence": 7, "attempts": 1},
        {"text": "low", "confidence": float("nan"), "attempts": 1},
        {"text": "low", "confidence": -0.1, "attempts": 1},
        {"text": "low", "confidence": 0.9, "attempts": 0},
        {"text": "low", "confidence": 0.9, "attempts": 10**30},
        {"text": ["low"], "confidence": 0.9, "attempts": 1},
        {"__class__": "low"},
        "x" * 5_000_000,
        "[" * 100_000,
        '{"a": 1}',
        '"sev\u202eere"',
        "",
    ],
    ids=lambda value: str(value)[:24],
)
def test_what_no_run_wrote_is_no_answer(tmp_path: Path, value: Any) -> None:
    """The model is asked, as if nothing were there."""
    cache = Poisoned(value)

    played = play(
        tmp_path,
        "steps: {a: {agent: writer, prompt: hi, output: low | high}}",
        lambda _: '"high"',
        cache=cache,
    )

    assert played.result.status == "done"
    assert (played.outputs, len(played.requests), len(cache)) == ("high", 1, 1)


def test_an_answer_that_a_check_refuses_is_not_taken_from_others(tmp_path: Path) -> None:
    """What somebody put there is judged as if the model had just said it."""
    steps = """
    steps: {a: {agent: writer, prompt: hi, output: {n: int}, check: {it is small: output.n < 10}}}
    """

    played = play(tmp_path, steps, lambda _: '{"n": 3}', cache=Poisoned('{"n": 99}'))

    assert (played.outputs, len(played.requests)) == ({"n": 3}, 1)


@pytest.mark.parametrize(
    "row",
    ["{", "", "NaN x", "[" * 200_000, "'" + "x" * (LARGEST + 1), b"\xff\xfe", json.dumps("x" * LARGEST)],
    ids=["open", "empty", "no number", "deep", "no text", "bytes", "huge"],
)
def test_a_row_that_cannot_be_read_is_none(store: Store, row: str | bytes) -> None:
    """Written by hand into a database that a team shares."""
    with store.writing() as connection:
        connection.execute(
            sql("INSERT INTO cache (key, value, size, used) VALUES (:key, :value, 1, 0)"),
            {"key": KEY, "value": row},
        )
    cache = StoreCache(store)

    found = cache.get(KEY)
    cache.close()

    assert found is None


@pytest.mark.parametrize(
    "key",
    [f"private:{'a' * 64}", f"secret:{'a' * 64}", f"PUBLIC:{'a' * 64}", f"public:{'a' * 63}\n", "a" * 64],
)
def test_nothing_above_the_clearance_is_taken_from_others(key: str) -> None:
    """An entry of theirs answers no private question: nobody even asks them."""
    far = Poisoned("theirs")

    assert SharedCache(Poisoned(None), far, "public").get(key) is None
    assert far == {}


def mine(root: Path) -> list[Path]:
    """Files that have nothing to do with the cache, beside and named like its own."""
    home = root / "home"
    names = (".profile", ".0123456789abcdef", "f" * 64, "letter.txt")
    home.mkdir()
    for number, name in enumerate(names):
        (home / name).write_text("mine", encoding="utf-8")
        os.utime(home / name, (number, number))
    return [home / name for name in names]


def test_a_link_in_the_shared_folder_removes_nothing_elsewhere(tmp_path: Path) -> None:
    """Room is made in folders of the cache, not where somebody's link leads."""
    shared = tmp_path / "shared"
    files = mine(tmp_path)
    (shared / "answers-1").mkdir(parents=True)
    for name in ("00", "zz", "answers"):
        (shared / "answers-1" / name).symlink_to(tmp_path / "home", target_is_directory=True)

    cache = DirectoryCache(shared, limit=10)
    cache.put(KEY, "x" * 100)
    cache.close()

    assert [file for file in files if not file.exists()] == []


def test_what_is_no_answer_is_not_counted_and_not_removed(tmp_path: Path) -> None:
    """A folder of the cache may hold a note of somebody."""
    folder = tmp_path / "answers-1" / "00"
    folder.mkdir(parents=True)
    (folder / "README").write_text("x" * 1000, encoding="utf-8")
    (folder / ".nfs0001").write_text("held", encoding="utf-8")
    (folder / ".0123456789abcdef").write_text("lost", encoding="utf-8")
    for name in (".nfs0001", ".0123456789abcdef"):
        os.utime(folder / name, (0, 0))

    cache = DirectoryCache(tmp_path, limit=10)
    cache.put(KEY, "x")
    cache.close()

    assert sorted(path.name for path in folder.iterdir()) == [".nfs0001", "README"]
