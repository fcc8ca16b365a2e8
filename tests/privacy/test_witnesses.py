"""Every label rule is needed: without it a file is accepted that tells the cloud something private, and it is seen.

The files are those that the proof's own tests refuse; here they are run, in pairs of worlds.
"""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from orchestrator.graph.flow_rules import ALL_RULES
from orchestrator.graph.model import Graph
from orchestrator.graph.open import check_workflow
from tests.graph.test_flow_rules import CASES, CHILD, HEAD
from tests.privacy.canaries import Told, leaks, tell, world
from tests.privacy.making import ROLE_CANARY

OWN: dict[str, str] = {
    "checks": """
        local:
          agent: plain
          model: tiny
          prompt: Hi.
          check: {the parity is right: (output | length + inputs.number) % 2 == 0}
          on_error: {value: "no"}
        out: {agent: plain, model: cloud, prompt: "{{ local }}"}
        """,
    "env": 'out: {agent: plain, model: cloud, prompt: "{{ env.TOKEN }}"}',
    "escalate": """
        local: {agent: plain, model: tiny, prompt: Hi., escalate: {to: small, when: inputs.flag}}
        out: {agent: plain, model: cloud, prompt: "{{ local }}"}
        """,
    "index": """
        out: {foreach: inputs.notes, when: item | length > 20, agent: plain, model: cloud, prompt: "Number {{ index }}"}
        """,
    "label": f"""
        some: {{value: {ROLE_CANARY}, label: internal}}
        out: {{agent: plain, model: cloud, prompt: "{{{{ some }}}}"}}
        """,
    "last": """
        loop:
          repeat: {until: "false", max: 3, else: keep}
          steps:
            out: {agent: plain, model: cloud, prompt: "Hi.{% if last %}{{ last.note }}{% endif %}"}
            note: {value: "{{ inputs.note }}"}
        """,
    "pick": """
        best: {agent: plain, model: tiny, prompt: Hi., samples: 3, pick: reader}
        out: {agent: plain, model: cloud, prompt: "{{ best }}"}
        """,
    "subworkflow": """
        call: {workflow: child.yaml, with: {text: "{{ inputs.note }}", open: x}}
        out: {agent: plain, model: cloud, prompt: "{{ call.hidden }}"}
        """,
    "until": """
        loop:
          repeat: {until: inputs.flag, max: 3, else: keep}
          steps: {n: {value: "{{ coalesce(last.n, 0) + 1 }}"}}
        out: {agent: plain, model: cloud, prompt: "{{ loop.n }}"}
        """,
}
"""Where the shortest file that a rule refuses tells nothing when it is run."""
TRIES = 24
"""Pairs of worlds: some bits are the same in many of them."""


def graph_of(root: Path, steps: str, rules: frozenset[str]) -> Graph | None:
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8")
    (root / "child.yaml").write_text(CHILD, encoding="utf-8")
    for cases, output in (("cases.jsonl", "Nobody."), ("own.jsonl", "a")):
        (root / cases).write_text(f'{{"input": "Who?", "output": "{output}"}}\n', encoding="utf-8")
    body = textwrap.indent(textwrap.dedent(steps).strip("\n"), "  ")
    head = HEAD.replace("inputs:\n", "inputs:\n  number: int\n").replace(
        "{cloud:", "{tiny: 'ollama:qwen3:1b', cloud:"
    )
    text = f"{head}defaults: {{model: tiny}}\nsteps:\n{body}\n"
    (root / "workflow.yaml").write_text(text, encoding="utf-8")
    return check_workflow(root / "workflow.yaml", rules=rules).graph


def found_by(graph: Graph) -> str:
    """What the cloud learnt in the first pair of worlds in which it learnt something; empty when it never did."""
    for number in range(TRIES):
        one, two = world(2 * number), world(2 * number + 1)
        told, other = tell(graph, one), tell(graph, two)
        learnt = [*leaks(told, one, other), *told.refusals, *_which(told, other)]
        if ROLE_CANARY in "".join(told.seen):
            learnt.append("it read what the file itself labels")
        if learnt:
            return learnt[0]
    return ""


def _which(one: Told, other: Told) -> list[str]:
    """Of as many requests of one step: which of its items they are for, told by what they say."""
    found = [sorted(str(r) for requests in told.asked.values() for r in requests) for told in (one, other)]
    steps = {path.partition(".")[0] for told in (one, other) for _, path in told.asked}
    if len(steps) == 1 and len(found[0]) == len(found[1]) and found[0] != found[1]:
        return ["it learnt which items it was asked about"]
    return []


def files_of(rule: str) -> list[str]:
    return [steps for steps, _ in CASES[rule]] + ([OWN[rule]] if rule in OWN else [])


@pytest.mark.parametrize("rule", sorted(ALL_RULES))
def test_without_a_rule_something_private_is_told(rule: str, tmp_path: Path) -> None:
    """By at least one of its files; with the rule none of them is run at all."""
    learnt = []
    for steps in files_of(rule):
        assert graph_of(tmp_path, steps, ALL_RULES) is None
        graph = graph_of(tmp_path, steps, ALL_RULES - {rule})
        if graph is not None:
            learnt.append(found_by(graph))

    assert any(learnt), f"{rule}: {len(learnt)} files ran, and the cloud learnt nothing"
