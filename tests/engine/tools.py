"""Tools for tests of the engine: a function behind a signature, and everything that it was called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.calling import CallContext, Effects, Signature, ToolResult
from orchestrator.errors import ToolError
from orchestrator.spec.types import Field, Int, MapOf, Str, Type

TO = MapOf((Field("to", Str(None)),))
ID = MapOf((Field("id", Int()),))
Do = Callable[[Mapping[str, Any], CallContext], Any]


@dataclass
class FakeTool:
    """Gives what `do` gives; an exception is raised, a ToolResult is passed on."""

    name: str = "send"
    do: Do = lambda arguments, context: {"id": 1}
    arguments: MapOf = TO
    result: Type = ID
    effects: Effects = "once"
    network: bool = False
    calls: list[Mapping[str, Any]] = field(default_factory=list)
    contexts: list[CallContext] = field(default_factory=list)

    @property
    def signature(self) -> Signature:
        return Signature(self.name, "", self.arguments, self.result, self.effects, self.network)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        self.calls.append(dict(arguments))
        self.contexts.append(context)
        given = self.do(arguments, context)
        if hasattr(given, "__await__"):
            given = await given
        return given if isinstance(given, ToolResult) else ToolResult(given)


def equip(*tools: FakeTool, **ports: Any) -> dict[str, Any]:
    """Ports of a run with these tools."""
    named = {tool.name: tool for tool in tools}

    async def opened(file: str, name: str) -> FakeTool:
        if name not in named:
            raise ToolError(f"there is no tool '{name}'", hint="declare it")
        return named[name]

    return {"tools": opened, "run": "run-1", **ports}


def failing(*errors: Exception, then: Any = None) -> Do:
    """Raises these one after the other, then gives `then`."""
    left = list(errors)

    def do(arguments: Mapping[str, Any], context: CallContext) -> Any:
        if left:
            raise left.pop(0)
        return then if then is not None else {"id": 1}

    return do
