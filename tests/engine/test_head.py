"""A trained classifier in front of a step's model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.calling import Classified
from orchestrator.errors import KnowledgeError
from orchestrator.events import AttemptStarted, Decided
from tests.engine.harness import Played, play

FLOW = """
orch: 1
models: {tiny: 'scripted:none'}
agents: {sorter: {model: tiny, head: {from: cases.jsonl}}}
steps: {sort: {agent: sorter, prompt: "My card is gone.", output: {topic: card | loan}, CHECK}}
outputs: {topic: "{{ sort.topic }}", by: "{{ steps.sort.model }}"}
"""
CASES = [
    {"input": "lost card", "output": {"topic": "card"}},
    {"input": "a loan", "output": {"topic": "loan"}},
]


class Oracle:
    """Always says the same."""

    def __init__(self, found: Classified | Exception) -> None:
        self.found = found
        self.asked: list[str] = []

    async def classify(self, text: str) -> Classified:
        self.asked.append(text)
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def run(root: Path, found: Classified | Exception, check: str = "") -> Played:
    (root / "cases.jsonl").write_text("".join(json.dumps(case) + "\n" for case in CASES))
    flow = FLOW.replace(", CHECK", f", check: {check}" if check else "")
    oracle = Oracle(found)
    ports: dict[str, Any] = {"heads": lambda file: oracle if file == root / "cases.jsonl" else None}
    return play(root, flow, lambda _: '{"topic": "loan"}', equip=ports)


def test_a_sure_head_answers_without_the_model(project: Path) -> None:
    """And the decision is written down with its evidence."""
    played = run(project, Classified({"topic": "card"}, 0.97, 0.8))

    assert played.outputs == {"topic": "card", "by": "head"}
    assert not played.of(AttemptStarted)
    [decided] = played.of(Decided)
    assert (decided.choice, decided.rule, decided.signals) == (
        "head",
        "head",
        {"confidence": 0.97, "bar": 0.8},
    )


@pytest.mark.parametrize(
    ("found", "check", "why"),
    [
        (Classified({"topic": "card"}, 0.5, 0.8), "", "below 0.80"),
        (Classified({"topic": "card"}, 1.0, 2.0), "", "too few"),
        (Classified({"topic": "boat"}, 0.9, 0.8), "", "does not fit"),
        (
            Classified({"topic": "card"}, 0.9, 0.8),
            "{no cards today: output.topic != 'card'}",
            "no cards today",
        ),
    ],
)
def test_otherwise_the_model_is_asked(project: Path, found: Classified, check: str, why: str) -> None:
    """With the reason in the record."""
    played = run(project, found, check)

    assert played.outputs == {"topic": "loan", "by": "tiny"}
    [decided] = played.of(Decided)
    assert (decided.choice, decided.to) == ("pass", "tiny")
    assert why in decided.reason


def test_a_head_that_cannot_be_trained_fails_the_step_with_its_reason(project: Path) -> None:
    """It is not silently left out: somebody counts on it."""
    played = run(project, KnowledgeError("cases.jsonl:3: it has no `output`"))

    assert played.result.status == "failed"
    assert "cases.jsonl:3" in str(played.result.error)
