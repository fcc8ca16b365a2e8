"""Values that are light behave as frozen dataclasses do, but for what happens when one is changed."""

from __future__ import annotations

import copy
import pickle
from dataclasses import dataclass, field, replace

import pytest

from orchestrator.light import light


@light(frozen=True, slots=True)
class Place:
    """Where something stands."""

    file: str
    line: int = 1
    seen: bool = field(default=False, compare=False)


@dataclass(frozen=True, slots=True)
class Usual:
    file: str
    line: int = 1
    seen: bool = field(default=False, compare=False)


@light(frozen=True, slots=True)
class One:
    file: str


@light(frozen=True, slots=True)
class Nothing:
    """Has no fields."""


@light(frozen=True, slots=True)
class Below(Place):
    name: str = ""


@light(frozen=True, slots=True)
class Own:
    file: str

    def __repr__(self) -> str:
        return "own"


def test_equal_is_what_has_equal_fields_and_the_same_class() -> None:
    """Fields that are not compared do not count."""
    assert Place("a", 2) == Place("a", 2, seen=True)
    assert Place("a", 2) != Place("a", 3)
    assert One("a") == One("a")
    other: object = Own("a")
    assert One("a") != other
    assert Place("a") != Below("a")
    assert Below("a", name="x") != Below("a", name="y")
    assert Nothing() == Nothing()


@pytest.mark.parametrize("value", [Place("a", 2), One("a"), Nothing(), Below("a", 1, name="x")])
def test_equal_values_are_one_key(value: object) -> None:
    """They stand in sets and as keys of caches."""
    assert len({value, copy.copy(value)}) == 1


def test_it_shows_itself_as_a_dataclass_does() -> None:
    """What a class says of itself stays."""
    assert repr(Place("a", 2)) == repr(Usual("a", 2)).replace("Usual", "Place")
    assert repr(One("a")) == "One(file='a')"
    assert repr(Own("a")) == "own"


def test_it_is_copied_changed_and_sent_to_another_process() -> None:
    """The functions of dataclasses and pickle know it."""
    assert replace(Place("a", 2), line=3) == Place("a", 3)
    assert pickle.loads(pickle.dumps(Below("a", name="x"))) == Below("a", name="x")


def test_it_has_no_room_for_what_is_no_field() -> None:
    """A field that is spelled wrong is not made."""
    with pytest.raises(AttributeError):
        Place("a").lime = 3  # type: ignore[attr-defined]


def test_it_matches_by_position() -> None:
    """A case may name its fields in order."""
    match Place("a", 2):
        case Place(file, line):
            assert (file, line) == ("a", 2)
