"""Builds workflows given as text, and reads diagnostics as a person would."""

from __future__ import annotations

import textwrap
from pathlib import Path

from orchestrator.graph.build import Built
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.graph.open import check_workflow
from orchestrator.spec.diagnostics import Diagnostic

HEAD = "orch: 1\nagents: {writer: {role: You write short answers.}}\n"
OTHER = """\
orch: 1
inputs: {text: string, times: {type: int, default: 1}}
steps:
  say: {value: "{{ inputs.text * inputs.times }}"}
outputs: {said: "{{ say }}"}
"""
LOWERS = """\
orch: 1
inputs: {text: text}
agents: {redactor: {role: You leave names out.}}
steps:
  scrub:
    agent: redactor
    prompt: "{{ inputs.text }}"
    declassify: {from: private, to: public, by: redact}
outputs: {text: "{{ scrub }}"}
"""
LOCK = """\
orch: 1
confidence:
  - step: measured
    model: smollm2
    template: "sha256:6ef287c56c618ff8f29161d82ff2817179d56a02b21d5d66a5971ee44fde76bc"
    schema: "sha256:13a73be5342987072ec37704d18b4fcce6be852d652549191d725011f6d776a2"
    cases: 200
    risk: [[0, 0.5], [0.8, 0.1]]
"""
"""For the prompt `Sort it.` of an agent `You sort letters.` that answers `{kind: bill | order}`."""


def check(root: Path, text: str) -> Built:
    """Check this YAML; a text without `orch: 1` gets a head with the agent `writer`."""
    text = textwrap.dedent(text).lstrip("\n")
    if "orch: 1" not in text:
        text = HEAD + text
    (root / "orch.yaml").write_text("orch: 1\n", encoding="utf-8") if not (
        root / "orch.yaml"
    ).exists() else None
    (root / "workflow.yaml").write_text(text, encoding="utf-8")
    return check_workflow(root / "workflow.yaml", display="workflow.yaml")


def graph_of(root: Path, text: str) -> Graph:
    """The graph of a workflow that must be right."""
    built = check(root, text)
    assert built.graph is not None, [seen(d) for d in built.diagnostics]
    return built.graph


def node(graph: Graph, path: str) -> Node:
    return next(node for node in all_nodes(graph.scope) if node.path == path)


def word(diagnostic: Diagnostic) -> str:
    """What stands over the caret."""
    start = diagnostic.mark.column - 1
    return diagnostic.source[start : start + diagnostic.mark.width]


def seen(diagnostic: Diagnostic) -> tuple[str, str]:
    """Code and marked word."""
    return diagnostic.code, word(diagnostic)


def errors(built: Built) -> list[tuple[str, str]]:
    return [seen(d) for d in built.diagnostics if d.severity == "error"]
