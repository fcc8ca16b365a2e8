"""A plan as JSON, for scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.cli.plan_measured import memory_of
from orchestrator.cli.plan_told import knowledge_rows, open_parts

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.messages import TokenCount
    from orchestrator.plan.overview import Overview, PlannedStep


def plan_data(
    graph: Graph, plan: Overview, counted: Mapping[str, TokenCount], missing: list[str]
) -> dict[str, Any]:
    return {
        "workflow": graph.workflow.name or Path(graph.file).stem,
        "calls": _number(plan.calls),
        "missing_inputs": missing,
        "questions": list(plan.questions),
        "knowledge": [
            dict(zip(("name", "from", "label", "k", "embedder", "where"), row, strict=True))
            for row in knowledge_rows(graph)
        ],
        "steps": [_step_data(step, counted) for step in plan.steps],
        "loads": sum(not model.cloud for model in plan.models),
        "prompt_tokens": {
            "shared": _number(plan.reading.once),
            "whole": _number(plan.reading.whole),
            "open": open_parts(plan),
        },
        "models": [
            {
                "ref": model.ref,
                "names": list(model.names),
                "local": not model.cloud,
                "calls": _number(model.calls),
                "memory": memory_of(model.spec),
                "steps": list(model.steps),
            }
            for model in plan.models
        ],
    }


def _step_data(step: PlannedStep, counted: Mapping[str, TokenCount]) -> dict[str, Any]:
    size, count = step.prompt, counted.get(step.path)
    prompt = None
    if size is not None:
        prompt = {
            "tokens": count.tokens if count else size.tokens,
            "exact": bool(count and count.exact and not size.allowance and not size.open),
            "allowance_characters": size.allowance,
            "open": list(size.open),
        }
    return {
        "step": step.path,
        "verb": step.verb,
        "agent": step.agent or None,
        "models": list(step.models),
        "runs": _number(step.runs),
        "calls": _number(step.calls),
        "factors": list(step.factors),
        "prompt": prompt,
        "reused": step.reused,
    }


def _number(count: Any) -> int | str:
    """A number where it is known, else the words."""
    return str(count) if count.known is None else int(count.known)


__all__ = ["plan_data"]
