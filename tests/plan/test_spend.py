"""What a run may cost at most, and what it will cost if it goes as before."""

from __future__ import annotations

from pathlib import Path

from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.open import open_workflow
from orchestrator.messages import Message, Request
from orchestrator.money import Price
from orchestrator.plan.overview import Overview, overview
from orchestrator.plan.spend import COMPLAINT, TOKEN_BYTES, Past, expected, worst
from orchestrator.policy.budget import worst_of_cloud

PRICE = Price(1.0, 10.0)
FLOW = """orch: 1
inputs: {texts: {type: "[string(40)]", label: public}, more: {type: string, label: public, default: ""}}
models: {cloud: {use: openai:gpt-5-mini}}
steps:
  sort:
    foreach: inputs.texts
    agent: support
    prompt: "Sort: {{ item }}"
    output: {kind: x | y}
    escalate: {to: cloud}
"""


def planned(folder: Path, text: str = FLOW, **inputs: object) -> Overview:
    file = folder / "flow.yaml"
    file.write_text(text, encoding="utf-8")
    return overview(open_workflow(file), inputs or None, is_cloud, lambda _: PRICE)


def test_the_worst_case_is_the_engines_own_reservation(tmp_path: Path) -> None:
    """The longest known request at the model's price: what the ledger would set aside for it."""
    (way,) = planned(tmp_path, texts=["a", "ü" * 40], more="").leaves
    longest = next(s for s in planned(tmp_path, texts=["ü" * 40], more="").steps).prompt

    assert longest is not None
    node = open_workflow(tmp_path / "flow.yaml").scope.nodes[0]
    assert node.agent is not None
    assert node.agent.spec.params is not None
    limit = node.agent.spec.params.max_tokens or 0
    answer = Message("user", "x" * (limit * TOKEN_BYTES + COMPLAINT))  # a repair sends the answer along
    request = Request((*longest.messages, answer), limit, node.schema)
    assert way.each == worst_of_cloud(request, PRICE).usd
    assert way.bytes == sum(len(m.content.encode()) for m in request.messages)
    assert way.whole == (way.each or 0) * 4  # two items, an answer and its repair each


def test_an_unknown_number_of_items_has_no_bound(tmp_path: Path) -> None:
    """None, not zero."""
    (way,) = planned(tmp_path).leaves

    assert way.whole is None
    assert way.calls.unknowns == ("len(inputs.texts)",)
    assert worst([way]) is None


def test_an_unbounded_text_is_named(tmp_path: Path) -> None:
    """What can be of any length is what keeps the cost open; a cap per call bounds it again."""
    text = FLOW.replace("{{ item }}", "{{ item }} {{ inputs.more }}")

    (open_,) = planned(tmp_path, text).leaves
    (capped,) = planned(tmp_path, text.replace("{to: cloud}", "{to: cloud, usd: 0.01}")).leaves

    assert (open_.each, open_.open) == (None, ("item", "inputs.more"))
    assert (capped.each, capped.caps) == (10_000_000, "escalate.usd")


def test_a_step_that_never_leaves_has_no_row(tmp_path: Path) -> None:
    """Nothing that stays on this machine is in the list."""
    assert planned(tmp_path, FLOW.replace("    escalate: {to: cloud}\n", ""), texts=["a"]).leaves == ()


def test_the_expected_case_follows_earlier_runs(tmp_path: Path) -> None:
    """The planned items at the rates of before; nothing is promised without history."""
    plan = planned(tmp_path, texts=["a", "b", "c", "d"], more="")
    bound = [step.bound for step in plan.steps]
    past = {"sort": Past(answers=10, away=5, cost=1000)}

    found = expected(bound, past, 3)

    assert found is not None
    assert (found.cost, found.answers, found.away, found.runs) == (400, 4, 2, 3)
    assert expected(bound, past, 0) is None
    assert expected([step.bound for step in planned(tmp_path).steps], past, 3) is None
