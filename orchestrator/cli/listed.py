"""Tools of MCP servers as the lock file lists them: described, and never called. Asks no server."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.errors import ToolError, UsageError

if TYPE_CHECKING:
    from orchestrator.graph.model import Declared, Graph


@dataclass(frozen=True, slots=True)
class ListedTool:
    """What a server said of one of its tools when the lock was written."""

    signature: Signature

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:  # noqa: ARG002 - the shape of Tool
        """Nobody is asked. Raises ToolError."""
        raise ToolError(f"{self.signature.name} is only described here")


def listed_tool(opened: Graph, graph: Graph, declared: Declared, name: str) -> ListedTool | None:
    """The tool that a workflow calls by this name, by its own lock or by that of the workflow that is opened.

    None where neither says what the tool is for.
    """
    from orchestrator.graph.foreign import pick
    from orchestrator.tools.mcp_types import described

    for file in dict.fromkeys((graph.file, opened.file)):
        tools = _tools(Path(file).resolve(), declared)
        try:
            entry = tools[pick(name, list(tools), alone=name in graph.tools)] if tools else {}
        except ToolError:
            continue
        if isinstance(entry, Mapping) and isinstance(entry.get("description"), str):
            effects = declared.spec.effects or "once"
            parts = entry.get("input"), entry.get("output")
            return ListedTool(described(name, entry["description"], *parts, effects=effects))
    return None


def _tools(workflow: Path, declared: Declared) -> Mapping[str, Any]:
    """What the lock beside a workflow lists of a server; nothing where it cannot be read."""
    from orchestrator.lock.file import key_of, path_of, read_lock

    assert declared.spec.mcp is not None
    try:
        lock = read_lock(path_of(workflow))
    except UsageError:
        return {}
    entry = (
        lock.servers().get(key_of(declared.spec.mcp, declared.base.resolve(), workflow.parent))
        if lock
        else None
    )
    tools = entry.get("tools") if isinstance(entry, Mapping) else None
    return tools if isinstance(tools, Mapping) else {}


__all__ = ["ListedTool", "listed_tool"]
