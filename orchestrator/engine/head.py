"""The trained classifier in front of a step's model: it answers when it is sure enough, and passes on otherwise."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from orchestrator.calling import Classified
from orchestrator.engine.frame import Frame
from orchestrator.engine.prompt import prompt_of
from orchestrator.engine.run import Outcome, Run
from orchestrator.engine.verbs import failed_check
from orchestrator.errors import CredentialsMissing, KnowledgeError, ProviderError, StepError, UsageError
from orchestrator.events import Decided
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.spec.model import AgentStep, Head
from orchestrator.spec.values import check_value, complete

NAME = "head"
"""What stands as the model of an answer that no model gave."""


def head_of(node: Node) -> Head | None:
    return node.agent.spec.head if node.agent is not None and isinstance(node.step, AgentStep) else None


async def by_head(
    run: Run, node: Node, frame: Frame, path: str, extra: Mapping[str, Any] | None = None
) -> Outcome | None:
    """The answer of the classifier, or None when the model has to be asked; either is written down. Raises StepError."""
    head = head_of(node)
    assert head is not None
    if run.ports.heads is None:
        raise StepError(
            "knowledge", f"there are no trained classifiers in this run, and '{node.path}' wants one"
        )
    began = time.monotonic()
    try:
        found = await run.ports.heads(Path(head.from_)).classify(prompt_of(node, frame, extra))
    except (KnowledgeError, ProviderError, CredentialsMissing) as error:
        raise StepError("knowledge", f"the head of '{node.path}': {error.message}", hint=error.hint) from None
    why = _why_not(node, frame, found, extra)
    _tell(run, node, path, found, why)
    if why:
        return None
    value = found.value if node.output is None else complete(node.output, found.value)
    return Outcome(
        value,
        {
            "model": NAME,
            "tokens": 0,
            "attempts": 0,
            "confidence": found.confidence,
            "seconds": round(time.monotonic() - began, 4),
            "error": None,
        },
    )


def _why_not(node: Node, frame: Frame, found: Classified, extra: Mapping[str, Any] | None) -> str:
    """What speaks against its answer; empty when nothing does."""
    if found.bar > 1:
        return "its cases are too few, or too hard, to say when it is right"
    if found.confidence < found.bar:
        return f"its confidence {found.confidence:.2f} is below {found.bar:.2f}"
    problems = check_value(node.output, found.value) if node.output is not None else []
    if problems:
        return f"its answer does not fit: {'; '.join(problems)}"
    failed = failed_check(node, frame, found.value, extra)
    return f"a check failed: {failed}" if failed else ""


def _tell(run: Run, node: Node, path: str, found: Classified, why: str) -> None:
    sure = f"its confidence {found.confidence:.2f} is at or above {found.bar:.2f}"
    run.emit(
        Decided(
            at=run.now(),
            path=path,
            choice="pass" if why else "head",
            rule="head",
            reason=why or sure,
            to=node.models[0] if why and node.models else "",
            signals={"confidence": found.confidence, "bar": found.bar},
        )
    )


def refuse_missing_heads(graph: Graph) -> None:
    """Raise UsageError for a file of cases that is not there, before anything is asked."""
    for node in all_nodes(graph.scope):
        head = head_of(node)
        if head is not None and not Path(head.from_).is_file():
            raise UsageError(
                f"{graph.file}:{node.mark.line}: the head of step '{node.path}' learns from {head.from_}, which is not "
                "there",
                hint="a file of cases has one JSON map with `input` and `output` per line",
            )
        if node.child is not None:
            refuse_missing_heads(node.child)


__all__ = ["NAME", "by_head", "head_of", "refuse_missing_heads"]
