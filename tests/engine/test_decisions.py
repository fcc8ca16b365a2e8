"""The order of decision end to end: privacy before budget before the step's own rule, row by row, and again from the record."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pytest

from orchestrator.engine.recover import recover
from orchestrator.events import AttemptFinished, AttemptStarted, Decided, Event, RunStarted, StepFinished
from orchestrator.providers.scripted import Reply
from tests.engine.harness import Played, play

HEAD = """
orch: 1
inputs: {note: text, open: {type: text, label: public}}
models:
  tiny: "scripted:none"
  far: {use: "scripted:none", price: {input: 1, output: 2}}
agents: {writer: {model: tiny, role: Count.}}
"""
"""`far` says it is here, and is not: only the gate in front of it can know."""
STEPS = """
steps: {n: {agent: writer, prompt: "How many in {{ inputs.%s }}?", output: int, escalate: {to: far%s}}}
"""
BUDGETS = {
    "none": "",
    "enough": "budget: {usd: 1, then: %s}\n",
    "too little": "budget: {usd: 0.000001, then: %s}\n",
    "no calls": "budget: {cloud_calls: 0, then: %s}\n",
}
RULES = {
    "before": ", before: prompt_tokens > 1",
    "when": ", when: attempts > 0",
    "failed": "",
    "neither": ", before: prompt_tokens > 999, when: attempts > 99",
}
GIVEN = {"note": "my secret garden", "open": "the park"}
LOCAL, FAR = "3", "42"


@dataclass(frozen=True)
class Row:
    private: bool
    budget: str
    rule: str
    then: str
    up: bool

    @property
    def short(self) -> bool:
        return self.budget in ("too little", "no calls")

    @property
    def expected(self) -> tuple[str, str]:
        """Choice and ground of the decision about `far`."""
        if self.rule == "neither":
            return "keep", "when"
        if self.private:
            return "refuse", "privacy"
        if self.short:
            return "stay", "budget"
        return ("climb", self.rule) if self.up else ("stay", "fault")


ROWS = [
    Row(private, budget, rule, then, up)
    for private, budget, rule, then, up in product(
        (False, True), BUDGETS, RULES, ("stay-local", "pause", "fail"), (True, False)
    )
    if budget != "none" or then == "fail"
]


def ran(row: Row, root: Path, record: list[Event] | None = None) -> Played:
    budget = BUDGETS[row.budget] % row.then if row.budget != "none" else ""
    steps = STEPS % ("note" if row.private else "open", RULES[row.rule])
    local = "no number" if row.rule == "failed" else LOCAL

    return play(
        root,
        HEAD + budget + steps,
        {"tiny": lambda _: local, "far": lambda _: FAR if row.up else _down()},
        inputs=GIVEN,
        away=("far",),
        recovered=recover(record) if record is not None else None,
    )


def _down() -> Reply:
    return Reply(fault="unreachable", message="nobody answers")


def decided(events: list[Event]) -> list[tuple[str, str, str]]:
    """What was decided about the bigger model, apart from how often a call was sent."""
    return [
        (e.choice, e.rule, e.to)
        for e in events
        if isinstance(e, Decided) and e.choice not in ("local", "again")
    ]


def name(row: Row) -> str:
    return f"{'private' if row.private else 'public'}-{row.budget}-{row.rule}-{row.then}-{'up' if row.up else 'down'}"


@pytest.mark.parametrize("row", ROWS, ids=name)
def test_each_row_end_to_end(row: Row, project: Path) -> None:
    """What is decided, what is called, what comes out, and how the run ends."""
    played = ran(row, project)

    choice, rule = row.expected
    stopped = row.short and not row.private and row.rule != "neither" and row.then != "stay-local"
    calls = len(played.models["far"].requests)
    if stopped:
        assert played.result.exit_code == {"pause": 7, "fail": 5}[row.then]
        assert calls == 0
        return
    sent = "climb" if rule == "fault" else choice  # that nobody answers is known when it was asked
    assert decided(played.events)[0][0] == sent
    assert [(c, r) for c, r, _ in decided(played.events)][-1 if rule == "fault" else 0] == (choice, rule)
    assert calls == (not row.private and not row.short and row.rule != "neither")
    has_local = row.rule != "failed"
    if choice == "climb" or has_local:
        assert played.outputs == (int(FAR) if choice == "climb" else int(LOCAL))
    else:
        assert played.result.exit_code == 1


@pytest.mark.parametrize("row", [row for row in ROWS if row.then != "pause"], ids=name)
def test_decisions_replay_from_the_record(row: Row, project: Path) -> None:
    """Cut at any event, a run that goes on decides the same and comes to the same; nothing is bought twice."""
    whole = ran(row, project)

    for cut in range(1, len(whole.events)):
        before = whole.events[:cut]
        assert isinstance(before[0], RunStarted)
        resumed = ran(row, project, before)
        assert resumed.outputs == whole.outputs, cut
        if any(isinstance(e, StepFinished) for e in before):
            assert not resumed.of(AttemptStarted), cut
        elif not open_call(before):
            assert decided(resumed.events)[-1:] == decided(whole.events)[-1:], cut


def open_call(events: list[Event]) -> bool:
    """Whether a call off the machine was under way: nobody knows what it cost, and its whole reservation is spent."""
    started = [e for e in events if isinstance(e, AttemptStarted) and e.intent]
    ended = [e for e in events if isinstance(e, AttemptFinished) and e.model == "far"]
    return len(started) > len(ended)
