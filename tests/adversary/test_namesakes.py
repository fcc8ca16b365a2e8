"""Hundreds of requests of namesakes at once: each is whose its path says it is, in whatever order they are answered."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from orchestrator.events import AttemptStarted
from tests.adversary.team import AT, KINDS, MODEL_OF, NAMES, Memories, answer_of, slowly, whose, write
from tests.engine.harness import Played, again, play_file

INPUTS = {"who": "ann", "names": list(NAMES)}


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("team"))


def played(file: Path, answer: Any = answer_of, **more: Any) -> Played:
    return play_file(file, answer, inputs=INPUTS, equip={"conversations": Memories()}, **more)


@pytest.fixture(scope="module")
def alone(team: Path) -> Played:
    """One request at a time, each answered at once."""
    return played(team, slots=1)


def said(attempt: AttemptStarted) -> str:
    return "\n".join(str(message["content"]) for message in attempt.messages)


def test_every_request_is_whose_its_path_says(alone: Played) -> None:
    """Its role, its model, its place, its conversation, and nothing of a namesake."""
    attempts = alone.of(AttemptStarted)

    assert alone.result.status == "done"
    assert len(attempts) > 250
    for attempt in attempts:
        owner = whose(attempt.path)
        assert f"ROLE {owner.file} {owner.agent}" in attempt.messages[0]["content"], attempt.path
        assert {place[:2] for place in AT.findall(said(attempt))} == {(owner.file, owner.step)}, attempt.path
        if owner.agent == "friend":
            name = AT.findall(said(attempt))[0][2]
            assert [m["content"] for m in attempt.messages[1:3]] == [
                f"friend <{name}>",
                f"friend to <{name}>",
            ]


def test_every_model_is_asked_with_its_own_parameters(alone: Played) -> None:
    """Six of them have the same reference, and two names."""
    for name, model in alone.models.items():
        for request in model.requests:
            first = request.messages[0].content.split("\n")[0].split()
            _, file, agent = first
            step = AT.findall("\n".join(message.content for message in request.messages))[0][1]
            assert request.params["top_k"] == KINDS[file] + name.endswith("two")
            assert step == "both" or name.endswith("two") == MODEL_OF[agent]


def by_path(run: Played) -> dict[tuple[str, int], tuple[str, Sequence[Mapping[str, Any]]]]:
    return {(one.path, one.attempt): (one.model, one.messages) for one in run.of(AttemptStarted)}


@pytest.mark.parametrize(("seed", "slots"), [(1, 1), (2, 2), (3, 5), (4, 16), (5, 64), (6, 3)])
def test_the_order_changes_nothing(team: Path, alone: Played, seed: int, slots: int) -> None:
    """Neither a request nor a result, however many are asked at once and whoever answers first."""
    other = played(team, slowly(seed), slots=slots, prefixes=seed % 2 == 0)

    assert other.outputs == alone.outputs
    assert by_path(other) == by_path(alone)


def test_a_cache_changes_no_result(team: Path, alone: Played) -> None:
    """What one is answered out of it is what he would have been told; the second run asks nobody at all."""
    cache: Any = Shelf()

    first = played(team, slowly(7), slots=4, cache=cache)
    second = played(team, slowly(8), slots=4, cache=cache)

    assert first.outputs == second.outputs == alone.outputs
    assert second.requests == []


def test_a_run_that_goes_on_asks_for_the_same(team: Path, alone: Played) -> None:
    """Cut anywhere: what it knows of one path is not taken for another's."""
    chance = random.Random(9)
    for _ in range(4):
        cut = chance.randrange(1, len(alone.events) - 1)
        before = Played(alone.result, list(alone.events[:cut]))

        after = played(team, slowly(cut), slots=4, recovered=again(before))

        assert after.outputs == alone.outputs
        known = by_path(alone)
        assert all(known[key] == value for key, value in by_path(after).items())


class Shelf(dict[str, Any]):
    """A cache in memory."""

    def put(self, key: str, value: Any) -> None:
        self[key] = value


def test_namesakes_do_not_wait_in_one_line(alone: Played) -> None:
    """What a model keeps warm is the beginning of a prompt, and theirs are not the same."""
    begins: dict[str, set[str]] = {}
    for request in alone.requests:
        role = request.messages[0].content.split("\n")[0]
        begins.setdefault(request.affinity, set()).add(role)

    assert {len(roles) for roles in begins.values()} == {1}
    assert len(begins) == len(KINDS) * len(MODEL_OF)
