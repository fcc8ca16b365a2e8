"""What a drawing of a graph shows: boxes with a few words, arrows, groups inside groups. Chooses no format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.safe import fit, safe
from orchestrator.spec.model import AgentStep, AskStep, GroupStep, Step, ToolStep, ValueStep, WorkflowStep

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph, Node, Scope

LIMIT = 44


@dataclass(frozen=True, slots=True)
class Arrow:
    """From one box of a picture to another, by index. `order_only` when no data goes along it (`needs`)."""

    source: int
    target: int
    order_only: bool = False


@dataclass(frozen=True, slots=True)
class Box:
    """One step. `lines` say who does it and under which conditions; `inside` is the picture of a group."""

    title: str
    kind: str
    lines: tuple[str, ...] = ()
    inside: Picture | None = None


@dataclass(frozen=True, slots=True)
class Picture:
    """Boxes in topological order and the arrows between them."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]


def picture(graph: Graph) -> Picture:
    """The steps of the graph, groups and subworkflows opened."""
    return _scope(graph.scope)


def _scope(scope: Scope) -> Picture:
    arrows = [Arrow(dep, node.index, dep in node.needs) for node in scope.nodes for dep in node.deps]
    return Picture(tuple(_box(node) for node in scope.nodes), tuple(arrows))


def _box(node: Node) -> Box:
    inside = node.body or (node.child.scope if node.child else None)
    lines = (_who(node), *_conditions(node.step))
    return Box(
        safe(node.name),
        node.verb,
        tuple(brief(line) for line in lines if line),
        _scope(inside) if inside else None,
    )


def _who(node: Node) -> str:
    match node.step:
        case AgentStep():
            return " · ".join((node.step.agent, ", ".join(node.models))).rstrip(" ·")
        case ToolStep():
            return node.step.tool
        case ValueStep():
            return _source(node.step.value)
        case AskStep():
            return f"{node.step.ask} [{' / '.join(node.step.choices)}]"
        case WorkflowStep():
            return node.step.workflow
        case _:
            return ""


def _conditions(step: Step) -> list[str]:
    lines = []
    if step.foreach is not None:
        over = step.foreach if isinstance(step.foreach, str) else f"{len(step.foreach)} items"
        lines.append(f"for each: {over}")
    if step.when is not None:
        lines.append(f"when: {step.when}")
    if isinstance(step, GroupStep) and step.repeat is not None:
        lines.append(f"repeat: at most {step.repeat.max}, until {step.repeat.until}")
    if isinstance(step, AgentStep) and step.reduce is not None:
        lines.append(f"reduce: {step.reduce}")
    return lines


def _source(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(map(str, value)) + "}"
    return f"{len(value)} values" if isinstance(value, list | tuple) else str(value)


def brief(text: str, limit: int = LIMIT) -> str:
    """One safe line, cut with `…`."""
    return fit(" ".join(safe(text).split()), limit)
