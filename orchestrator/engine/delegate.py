"""Opens what a step calls; and agents as tools: asked once with what they are handed, as private as the step that calls.

The answer of an agent has a path of its own below the call, `answer@researcher~2` for the second call, so that a
resumed run does not ask again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.calling import CallContext, Signature, ToolResult
from orchestrator.engine.frame import Frame
from orchestrator.engine.run import Failed, Run
from orchestrator.engine.search import NAME as SEARCH
from orchestrator.engine.search import Search
from orchestrator.errors import StepError, ToolError
from orchestrator.graph.delegates import PROMPT, delegate_name, gives, takes_of
from orchestrator.graph.model import Node
from orchestrator.labels import Flow, Part, rank
from orchestrator.ports import Tool
from orchestrator.spec.types import MapOf

PARTS = (
    "role",
    "format",
    "prompt",
    "images",
    "examples",
    "sources",
    "memory",
    "answer",
    "errors",
    "tool_results",
)
"""Every part that the request of an agent may have."""
FATAL = frozenset({"unknown", "budget", "privacy"})
"""Kinds of failure that are not the agent's alone: they end whatever called it as well."""


@dataclass(slots=True)
class Delegate:
    """One agent, as one instance of a step calls it. `facts` are those of its last answer."""

    run: Run
    node: Node
    frame: Frame
    path: str
    signature: Signature
    facts: Mapping[str, Any] = field(default_factory=dict)

    async def call(self, arguments: Mapping[str, Any], context: CallContext) -> ToolResult:
        """Its answer. Raises ToolError, or StepError for what ends the step as well."""
        takes = self.signature.arguments
        frame = Frame(self.frame, self.frame.prefix, {PROMPT: prompt_of(takes, arguments)})
        path = f"{self.path}@{self.node.name}~{context.call}"
        try:
            outcome = await self.run.part(self.run, self.node, frame, path, self.node.models[0])
        except Failed as failed:
            if failed.error.kind in FATAL:
                raise failed.error from None
            raise ToolError(failed.error.message, hint=failed.error.hint) from None
        self.facts = {
            name: outcome.facts[name] for name in ("model", "tokens", "usd") if outcome.facts.get(name)
        }
        return ToolResult(outcome.value)


def delegate(run: Run, node: Node, frame: Frame, path: str, name: str) -> Delegate | None:
    """The agent behind the name of a tool, for one instance of a step; None when it is another kind of tool."""
    tools = {key: declared.spec for key, declared in run.graph.tools.items()}
    agent = delegate_name(tools, name)
    known = run.graph.delegates.get(agent) if agent is not None else None
    if known is None or known.agent is None:
        return None
    signature = Signature(name, known.agent.spec.description or "", takes_of(known.agent), gives(known.agent))
    return Delegate(run, labelled(run, node, known), frame, path, signature)


async def open_tool(run: Run, node: Node, frame: Frame, path: str, name: str) -> Tool:
    """The tool that an instance of a step calls by this name, opened. Raises StepError."""
    found = delegate(run, node, frame, path, name)
    if found is not None:
        return found
    if name == SEARCH:
        return Search(run, node, path)
    if run.ports.tools is None:
        raise StepError("tool", f"there are no tools in this run, and '{node.path}' wants {name}")
    try:
        return await run.ports.tools(run.graph.file, name)
    except ToolError as error:
        message = error.message if error.message.startswith(name) else f"{name}: {error.message}"
        raise StepError("tool", message, hint=error.hint) from None


def prompt_of(takes: MapOf, arguments: Mapping[str, Any]) -> str:
    """What is handed over, as an agent reads it: the text itself when it is the only thing, else a line for each."""
    given = [(f.name, arguments[f.name]) for f in takes.fields if arguments.get(f.name) is not None]
    if len(takes.fields) == 1 and len(given) == 1:
        return _text(given[0][1])
    return "\n".join(f"{name}: {_text(value)}" for name, value in given)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def labelled(run: Run, caller: Node, known: Node) -> Node:
    """The delegate with labels: every part of its request counts as the most private that the call can hold."""
    kept, key = run.kept.of(caller), f":delegate {known.name}"
    node: Node | None = kept.get(key)
    if node is None:
        node = kept[key] = replace(known, flow=_flow(caller.flow))
    return node


def _flow(flow: Flow | None) -> Flow | None:
    if flow is None:
        return None
    every = (*flow.parts.values(), flow.scope, flow.facts)
    most = max(every, key=lambda one: rank(one.label), default=Part("public"))
    return Flow(dict.fromkeys(PARTS, most), flow.scope, most, most)


__all__ = ["Delegate", "delegate", "labelled", "open_tool", "prompt_of"]
