"""A tool as an agent has it: what the file decides about its arguments is not the model's to choose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from typing import Any

from orchestrator.calling import Signature
from orchestrator.engine.asking import Asking
from orchestrator.engine.delegate import open_tool
from orchestrator.labels import Label, above
from orchestrator.light import light
from orchestrator.ports import Tool
from orchestrator.spec.model import InputSpec
from orchestrator.spec.types import Enum, Field, MapOf

TABULAR = frozenset({"csv", "jsonl", "json"})
MOST_PRIVATE: Label = "private"
"""Inputs above it are not handed to a tool because an agent has it; a step can still do so by name."""
ONLY_CODE = ("code",)


@light(frozen=True, slots=True)
class Bound:
    """`signature` is what the model sees; `fixed` are the arguments it does not choose."""

    tool: Tool
    signature: Signature
    fixed: Mapping[str, Any] = field(default_factory=dict)

    def whole(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        return {**arguments, **self.fixed}


async def bound(at: Asking, name: str) -> Bound:
    """The tool of this name for the agent of a step. Raises StepError."""
    tool = await open_tool(at.run, at.node, at.frame, at.path, name)
    found = Bound(tool, tool.signature)
    if name == "search":
        found = _searching(at, tool)
    elif name.startswith("sql."):
        found = _without(tool, {"tables": _tables(at)}, "database")
    elif name == "python":
        found = _only(tool, ONLY_CODE)
    return replace(found, signature=replace(found.signature, name=name))


def _searching(at: Asking, tool: Tool) -> Bound:
    """In the knowledge of the agent, else in all that the file has."""
    assert at.node.agent is not None
    names = at.node.agent.spec.knowledge or tuple(at.run.graph.knowledge)
    if len(names) == 1:
        return _without(tool, {"knowledge": names[0]})
    fields = tuple(
        replace(one, type=Enum(names)) if one.name == "knowledge" else one
        for one in tool.signature.arguments.fields
    )
    return Bound(tool, replace(tool.signature, arguments=MapOf(fields)))


def _tables(at: Asking) -> dict[str, Any]:
    """The inputs that are tables, by name: these are the files of the step."""
    given: Mapping[str, Any] = at.frame.lookup("inputs")
    specs = at.run.graph.workflow.inputs
    return {
        name: given[name] for name, spec in specs.items() if _is_table(spec) and given.get(name) is not None
    }


def _is_table(spec: InputSpec) -> bool:
    return (
        spec.type == "file" and spec.format in TABULAR and not above(spec.label or MOST_PRIVATE, MOST_PRIVATE)
    )


def _without(tool: Tool, fixed: Mapping[str, Any], *hidden: str) -> Bound:
    left = tuple(f for f in tool.signature.arguments.fields if f.name not in fixed and f.name not in hidden)
    return Bound(tool, replace(tool.signature, arguments=MapOf(left)), fixed)


def _only(tool: Tool, names: tuple[str, ...]) -> Bound:
    """The model has to give these, and no others."""
    left = tuple(Field(f.name, f.type) for f in tool.signature.arguments.fields if f.name in names)
    return Bound(tool, replace(tool.signature, arguments=MapOf(left)))


__all__ = ["Bound", "bound"]
