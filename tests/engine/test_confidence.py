"""How sure a model was, in a run: asked for only where it is read, and replaced by what was measured."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from orchestrator.events import AttemptFinished, Decided, Warned
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Request, TokenLogprob
from orchestrator.policy.calibration import key
from orchestrator.providers.scripted import Reply
from tests.engine.harness import Played, play

HEAD = """
orch: 1
models: {tiny: "scripted:none", mid: "scripted:none"}
agents: {writer: {model: tiny, role: Judge.}}
"""
ASKS = 'n: {agent: writer, prompt: "How urgent?", output: low | high, escalate: {to: mid, when: confidence < 0.7}}'


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.found.get(key)

    def put(self, key: str, value: Any) -> None:
        self.found[key] = value


def low(_: Request) -> Reply:
    """`low`, with 0.8 against 0.2."""
    top = (("high", math.log(0.2)),)
    tokens = (TokenLogprob('"', 0.0), TokenLogprob("low", math.log(0.8), top), TokenLogprob('"', 0.0))
    return Reply('"low"', logprobs=tokens)


def played(root: Path, *steps: str, outputs: str = "{}", silent: bool = False, **more: Any) -> Played:
    """Run these steps; `silent`: the small model's server leaves log-probabilities out."""
    lines = "".join(f"  {step}\n" for step in steps)
    answers: dict[str, Any] = {"tiny": '"low"' if silent else low, "mid": '"high"'}
    return play(root, f"{HEAD}steps:\n{lines}outputs: {outputs}\n", answers, **more)


def measure(
    root: Path, model: str = "scripted:tiny", risk: str = "[[0, 0.6], [0.75, 0.4], [0.9, 0.1]]"
) -> None:
    """Put a lock file beside the workflow, for the step `n` as it stands there."""
    (root / "workflow.yaml").write_text(f"{HEAD}steps:\n  {ASKS}\n", encoding="utf-8")
    node = open_workflow(root / "workflow.yaml").scope.nodes[0]
    template, schema = key({name: p.source for name, p in node.programs.items()}, node.schema)
    entry = (
        f"{{step: n, model: '{model}', template: '{template}', schema: '{schema}', cases: 300, risk: {risk}}}"
    )
    (root / "workflow.lock.yaml").write_text(f"orch: 1\nconfidence: [{entry}]\n", encoding="utf-8")


def test_log_probabilities_are_asked_for_where_they_are_read_and_nowhere_else(project: Path) -> None:
    """They cost time on the engine."""
    run = played(
        project,
        "a: {agent: writer, prompt: One, output: low | high}",
        "b: {agent: writer, prompt: Two, output: low | high}",
        "c: {agent: writer, prompt: Three, output: low | high}",
        "inner: {steps: {d: {agent: writer, prompt: Four, output: low | high}}}",
        outputs="{b: '{{ steps.b.confidence }}', d: '{{ steps.inner.d.confidence }}'}",
    )

    assert {r.messages[-1].content.split()[0]: r.logprobs for r in run.requests} == {
        "One": False, "Two": True, "Three": False, "Four": True,
    }  # fmt: skip
    assert run.outputs == {"b": pytest.approx(0.8), "d": pytest.approx(0.8)}


def test_a_text_that_reads_what_the_server_does_not_give_stops_the_run_before_the_first_step(
    project: Path,
) -> None:
    """It is known only now that there is none."""
    run = played(
        project,
        "a: {agent: writer, prompt: One, output: low | high}",
        "b: {when: steps.a.confidence > 0.5, value: 1}",
        tells=False,
    )

    assert run.result.exit_code == 2
    assert run.result.error is not None
    assert "a text about 'a' reads confidence, but model 'tiny'" in run.result.error.message
    assert not run.requests


def test_what_was_measured_decides(project: Path) -> None:
    """Raw 0.8 stands; of answers that sure, 40 % were wrong, so the confidence is 0.6 and the step goes up."""
    raw = played(project, ASKS, outputs="{n: '{{ n }}'}")
    measure(project)
    measured = played(project, ASKS, outputs="{n: '{{ n }}'}")

    assert (raw.outputs, measured.outputs) == ({"n": "low"}, {"n": "high"})
    assert measured.of(AttemptFinished)[0].confidence == pytest.approx(0.6)
    assert measured.of(Decided)[0].signals["confidence"] == pytest.approx(0.6)
    assert not measured.of(Warned)


def test_what_was_measured_with_another_model_counts_nothing_and_is_said(project: Path) -> None:
    """Another quantisation is another model."""
    measure(project, model="sha256:other")
    run = played(project, ASKS, outputs="{n: '{{ n }}'}")

    assert run.outputs == {"n": "low"}
    assert [(w.path, "another model than 'tiny'" in w.message) for w in run.of(Warned)] == [("n", True)]


def test_an_answer_from_the_cache_is_not_as_sure_as_before_it_was_measured(project: Path) -> None:
    """What is kept under one measurement is not used under another."""
    cache = Kept()
    first = played(project, ASKS, outputs="{n: '{{ n }}'}", cache=cache)
    again = played(project, ASKS, outputs="{n: '{{ n }}'}", cache=cache)
    measure(project)
    measured = played(project, ASKS, outputs="{n: '{{ n }}'}", cache=cache)

    assert [run.outputs["n"] for run in (first, again, measured)] == ["low", "low", "high"]
    assert len(again.requests) == 0
    assert [request.logprobs for request in measured.models["tiny"].requests] == [True]


def test_a_server_that_leaves_log_probabilities_out_is_told_about_once_and_every_decision_says_so(
    project: Path,
) -> None:
    """What is not known counts as 0, and nobody takes it for a confidence of 0."""
    each = ASKS.replace("{agent", "{foreach: range(3), agent")
    run = played(project, each, outputs="{n: '{{ n }}'}", silent=True)

    told = [w.message for w in run.of(Warned)]
    climbs = run.of(Decided)
    assert run.outputs == {"n": ["high"] * 3}
    assert len(told) == 1
    assert "'tiny' gave no log-probabilities" in told[0]
    assert [(d.choice, d.signals["confidence"]) for d in climbs] == [("climb", None)] * 3
    assert all("no log-probabilities of 'tiny'" in d.reason and "counts as 0" in d.reason for d in climbs)


def test_what_does_not_read_confidence_says_nothing_of_it(project: Path) -> None:
    """Nobody asked for log-probabilities, so nobody misses them."""
    run = played(
        project, ASKS.replace("confidence < 0.7", "attempts > 0"), outputs="{n: '{{ n }}'}", silent=True
    )

    assert not run.of(Warned)
    assert "log-probabilities" not in run.of(Decided)[0].reason


def test_a_text_reads_null_where_a_server_left_them_out(project: Path) -> None:
    """It is warned of as well."""
    one = "a: {agent: writer, prompt: One, output: low | high}"
    run = played(project, one, outputs="{sure: '{{ steps.a.confidence }}'}", silent=True)

    assert run.outputs == {"sure": None}
    assert len(run.of(Warned)) == 1
