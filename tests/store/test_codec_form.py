"""The form of the rows: letters and positions that stay for ever, and rows of older stores beside them."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import StoreError
from orchestrator.events import AttemptFinished, AttemptStarted, Event, StepFinished, StepStarted, Warned
from orchestrator.store.codec import pack, unpack
from orchestrator.store.journal import StoreJournal
from orchestrator.store.lease import Lease
from orchestrator.store.open import open_store
from orchestrator.store.shapes import LETTERS, by_class
from orchestrator.store.store import Store
from tests.store.samples import AT, a_store, finished, started
from tests.store.test_migrate import a_store_of_version_1, call

POSITIONS = {
    "R": "run workflow file root revision source version inputs options steps labels",
    "U": "owner budget",
    "W": "asks reason unknown",
    "I": "by cancelled",
    "X": "path? error_kind message hint exit_code",
    "Z": "outputs",
    "m": "model ref local context slots digest endpoint seconds price",
    "s": "verb items",
    "f": "value facts cached handled",
    "k": "reason",
    "x": "error_kind message hint kept facts",
    "a": "attempt model messages tokens exact parts intent reserved",
    "e": "attempt model outcome decision reason text thinking prompt_tokens completion_tokens cached_tokens "
    "seconds first_token rate retries cost confidence",
    "d": "choice rule reason to policy signals label clearance reserved left",
    "c": "call tool arguments effects",
    "g": "call tool outcome value seconds message artifacts",
    "l": "source names query found seconds",
    "q": "question show choices deadline then edit",
    "y": "choice by edit",
    "w": "message",
}
"""What stands where in a payload. Append only: whoever moves a field here can read no record any more."""


@pytest.mark.parametrize("letter", POSITIONS)
def test_a_field_never_moves(letter: str) -> None:
    """New fields come behind the ones that records hold already."""
    (shape,) = (shape for shape in by_class().values() if shape.letter == letter)
    known = POSITIONS[letter].replace("path? ", "").split()

    assert list(shape.names[: len(known)]) == known


def test_every_kind_has_its_own_letter() -> None:
    """And no letter is listed here that is not in use."""
    assert len(set(LETTERS.values())) == len(LETTERS) == len(by_class())
    assert set(LETTERS.values()) == set(POSITIONS)


def nothing(_sha: str) -> str:
    raise AssertionError("no large value here")


def messages(*said: tuple[Any, Any]) -> AttemptStarted:
    told = tuple({"role": role, "content": content} for role, content in said)
    return AttemptStarted(AT, "a", 1, "m", told, 1, True, {})


@pytest.mark.parametrize(
    "event",
    [
        StepFinished(AT, "a", 1, {"model": "m", "tokens": 1, "attempts": 1, "seconds": 0.1, "error": None}),
        StepFinished(AT, "a", 1, {"model": "m", "tokens": 1, "attempts": 1, "seconds": 0.1, "error": "x"}),
        StepFinished(AT, "a", None, {"error": None, "model": None}),
        StepFinished(AT, "a", None, {}),
        messages(),
        messages(("system", "one"), ("user", "two")),
        messages(("user", ["parts"]), ("tool", {"a": None})),
        AttemptStarted(AT, "a", 1, "m", ({"role": "user", "content": "x", "name": "y"},), 1, True, {}),
        AttemptStarted(AT, "a", 1, "m", ({"content": "x", "role": "user"},), 1, True, {}),
        StepStarted(AT, "a", "agent", 0),
        Warned(AT, "slow", "a"),
    ],
)
def test_what_is_left_out_comes_back(event: Event) -> None:
    """Usual facts, plain messages and endings that hold their default are stored without names or not at all."""
    packed = pack(event)

    assert unpack(packed.at, packed.kind, packed.path, packed.payload, nothing) == event


def test_a_row_that_knows_less_fields_holds_their_defaults() -> None:
    """A record outlives the classes it was written with."""
    event = unpack(AT, "e", "a", '[1,"m","ok","keep","","text","",1,1,0,0.5]', nothing)

    assert event == AttemptFinished(AT, "a", 1, "m", "ok", "keep", "", "text", "", 1, 1, 0, 0.5, None, None)


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("e", '[1,"m","oj","keep","","text","",1,1,0,0.5]'),
        ("s", "[7]"),
        ("s", "[]"),
        ("s", '["agent",null,3]'),
        ("f", '[1,["m",1]]'),
        ("a", '[1,"m",["user"],1,true,{}]'),
        ("a", '[1,"m",[7],1,true,{"role":"many"}]'),
        ("?", "[]"),
        ("s", '"agent"'),
        ("s", ""),
    ],
)
def test_a_row_that_holds_something_else_is_no_event(kind: str, payload: str) -> None:
    """A wrong word, type or number of values is damage, never an event that breaks whoever reads it."""
    with pytest.raises((ValueError, TypeError)):
        unpack(AT, kind, "a", payload, nothing)


@pytest.mark.parametrize("value", [{"a": None, "b": math.nan}, [None, math.inf]])
def test_what_is_no_number_is_not_taken_for_null(value: Any) -> None:
    """Null beside it does not hide it."""
    with pytest.raises(StoreError, match="cannot be recorded"):
        pack(finished(7, value))


@pytest.fixture
def resumed(tmp_path: Path) -> Iterator[Store]:
    """A run of an old store that goes on today: rows of both forms in one chain."""
    store = open_store(a_store_of_version_1(tmp_path, r=[finished(1), *call("m", away=False)]))
    with Lease.acquire(store, "r"):
        journal = StoreJournal(store, "r")
        for event in (finished(2), *call("m", away=False)):
            journal.append(event)
        journal.close()
    yield store
    store.close()


def test_a_run_of_an_older_store_goes_on_in_todays_form(resumed: Store) -> None:
    """Read, verified and asked for by kind as one record."""
    kinds = [event.kind for _, event in resumed.events("r")]

    assert kinds == ["run.started", *["step.finished", "attempt.started", "attempt.finished"] * 2]
    assert resumed.verify("r") == []
    assert [seq for seq, _ in resumed.of_kinds("r", ("step.finished",))] == [1, 4]
    assert [getattr(event, "path", "") for _, event in resumed.inside("r", "triage", 0, 9, 9)] == [
        "triage.1",
        "triage.2",
    ]


def verified_after(store: Store, seq: int, changes: Iterable[tuple[str, object]]) -> list[list[str]]:
    """What verifying says after each change of a column of this event alone."""
    told = []
    with closing(sqlite3.connect(store.where, isolation_level=None)) as direct:
        direct.execute("PRAGMA synchronous=OFF")
        for column, value in changes:
            (good,) = direct.execute(f"SELECT {column} FROM events WHERE seq = ?", (seq,)).fetchone()
            for one in (value, good):
                direct.execute(f"UPDATE events SET {column} = ? WHERE seq = ?", (one, seq))
                told += [store.verify("r")] if one is value else []
    return told


@pytest.mark.parametrize("seq", [0, 1, 3, 4, 6])
def test_a_change_to_either_form_is_named(resumed: Store, seq: int) -> None:
    """Whatever column it is in, and just that event."""
    changes = [
        ("at", 7.5),
        ("kind", "w"),
        ("path", "other"),
        ("payload", "[1]"),
        ("payload", "{}"),
        ("hash", b"x"),
    ]

    told = verified_after(resumed, seq, changes)

    assert all(problems[0].startswith(f"event {seq} (") for problems in told), told
    assert len(told) == len(changes)
    assert resumed.verify("r") == []


def test_every_bit_of_a_row_counts(tmp_path: Path) -> None:
    """Each bit of payload and link, one after the other."""
    store = a_store(tmp_path)
    store.create("r", started("r"))
    journal = StoreJournal(store, "r")
    journal.append(StepFinished(AT, "a", 1, {}))
    journal.append(finished(2))
    journal.close()
    with closing(sqlite3.connect(store.where)) as direct:
        payload, link = direct.execute("SELECT payload, hash FROM events WHERE seq = 1").fetchone()
    changes: list[tuple[str, object]] = [("hash", other) for other in flipped(link)]
    changes += [("payload", other.decode()) for other in flipped(payload.encode()) if other.isascii()]

    told = verified_after(store, 1, changes)

    assert len(told) == len(link) * 8 + len(payload) * 7
    assert all(problems[0].startswith("event 1 (") for problems in told)
    assert store.verify("r") == []
    store.close()


def flipped(data: bytes) -> Iterator[bytes]:
    for bit in range(len(data) * 8):
        other = bytearray(data)
        other[bit // 8] ^= 1 << bit % 8
        yield bytes(other)
