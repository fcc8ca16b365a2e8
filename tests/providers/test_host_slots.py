"""Who gets which slot of a host."""

from __future__ import annotations

from orchestrator.providers.slots import Slots


def always(_slot: int) -> bool:
    return True


def test_an_agent_comes_back_to_its_slot() -> None:
    """Also after others have been served in between."""
    slots = Slots(4, always)

    first = slots.take("writer")
    slots.free(first)
    other = slots.take("judge")
    slots.free(other)

    assert slots.take("writer") == first
    assert other != first


def test_calls_at_once_of_one_agent_spread_over_the_slots() -> None:
    """A foreach of one agent uses the whole host; a call too many is left to the engine."""
    slots = Slots(3, always)

    assert {slots.take("writer") for _ in range(3)} == {0, 1, 2}
    assert slots.take("writer") is None


def test_the_longest_unused_slot_gives_way() -> None:
    """More agents than slots: the one that was away longest reads its prefix again."""
    slots = Slots(2, always)
    for agent in ("a", "b", "a"):
        slots.free(slots.take(agent))

    taken = slots.take("c")
    slots.free(taken)

    assert taken == 1
    assert slots.take("a") == 0


def test_slots_of_other_clients_are_left_alone() -> None:
    """Two runs on one host never pin the same slot; each is asked for once."""
    asked: list[int] = []

    def claim(slot: int) -> bool:
        asked.append(slot)
        return slot == 2

    slots = Slots(4, claim)
    first = slots.take("a")

    assert first == 2
    assert slots.take("b") is None
    assert slots.take("c") is None
    assert asked == [0, 1, 2, 3]
