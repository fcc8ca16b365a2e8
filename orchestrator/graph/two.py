"""The rule of two: a text from outside, private data and an effect outside do not meet in a step that no person looks at.

Whoever wrote the text could have a model send the data away. A warning: what is really written there, nobody can know.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from orchestrator.graph.builtin import effects_of
from orchestrator.graph.flow_place import State, is_above
from orchestrator.graph.flow_uses import Use
from orchestrator.graph.servers import server_of
from orchestrator.graph.tags import highest, label_of
from orchestrator.graph.wire import Knot
from orchestrator.spec.model import AgentStep, AskStep, ToolStep

_READS = frozenset({"search", "files.read", "sql.query"})
"""Built-in tools whose results somebody else may have written."""
_FROM_FILES = ("file", "files", "image")

Knots = Mapping[str, Knot]


def check_two(state: State) -> None:
    """Warn once per step in which all three meet."""
    knots = {knot.path: knot for knot, _ in state.values}
    said: set[str] = set()
    for use in state.uses:
        knot = knots.get(use.step)
        if knot is None or use.step in said or not _acts(state, use, knot):
            continue
        before = list(_before(knots, knot))
        if any(map(_asks, before)):
            continue
        near = (knot, *_around(knots, knot), *before)
        found = next((why for one in near for why in _outside(state, one, knot)), "")
        if found:
            said.add(use.step)
            _warn(state, use, found)


def _warn(state: State, use: Use, found: str) -> None:
    label = label_of(highest(why for _, why in use.parts))
    message = (
        f"step '{use.name}' acts outside with '{use.sink.name}' on {label} data and on {found}: whoever wrote that may "
        "decide what happens"
    )
    hint = "let a person look before it (an `ask` step that it reads, like `when: ok == 'yes'`), or take one of the three away"
    state.setting.report.at(use.marks, use.path, "ORCH715", message, hint)


def _acts(state: State, use: Use, knot: Knot) -> bool:
    """Whether it sends private data to a tool off this machine that has an effect."""
    if use.inner or not use.sink.away or use.sink.kind not in ("mcp", "tool"):
        return False
    if any(is_above(why, use.sink.clearance) for _, why in use.parts):
        return False  # it is refused anyway
    alone = _only_tool(state, knot, use.sink.name)
    held = (why for name, why in use.parts if name != "tool_results" or not alone)
    private = any(is_above(why, "internal") for why in held)
    return private and effects_of(state.setting.tools, use.sink.name) != "none"


def _only_tool(state: State, knot: Knot, server: str) -> bool:
    """Whether an agent has its results from this server alone: what it gives may go back there."""
    tools = (knot.agent.spec.tools if knot.agent is not None else None) or ()
    found = (server_of(state.setting, tool) for tool in tools)
    return all(
        (entry[0] if entry is not None else tool) == server for tool, entry in zip(tools, found, strict=True)
    )


# ------------------------------------------------------------------------------------------------ sources


def _outside(state: State, knot: Knot, last: Knot) -> Iterator[str]:
    """What a step takes in that others may have written, in words."""
    step, spec = knot.step, knot.agent.spec if knot.agent is not None else None
    if spec is not None and spec.knowledge:
        yield f"the documents of '{spec.knowledge[0]}' (step '{knot.name}')"
    tools: tuple[str, ...] = (step.tool,) if isinstance(step, ToolStep) and knot is not last else ()
    if isinstance(step, AgentStep) and spec is not None:
        tools = spec.tools or ()
    for tool in tools:
        if tool in _READS or server_of(state.setting, tool) is not None:
            yield f"what '{tool}' gives (step '{knot.name}')"
    for name, spec_of in state.setting.document.workflow.inputs.items():
        if spec_of.type in _FROM_FILES and any(map(re.compile(rf"\binputs\.{name}\b").search, _leaves(knot))):
            yield f"the file of 'inputs.{name}' (step '{knot.name}')"


def _leaves(knot: Knot) -> Iterator[str]:
    for text in knot.texts:
        yield from (leaf for _, leaf in text.leaves())


def _asks(knot: Knot) -> bool:
    """Whether a person looks."""
    lowered = getattr(knot.step, "declassify", None)
    return isinstance(knot.step, AskStep) or (lowered is not None and lowered.by == "approve")


# -------------------------------------------------------------------------------------------------- before


def _before(knots: Knots, knot: Knot) -> Iterator[Knot]:
    """Every step whose value may have come into this one, also by what decides about the groups around it."""
    todo, seen = [knot.path], {knot.path}
    while todo:
        for path in _fed_by(knots, todo.pop()):
            if path in knots and path not in seen:
                seen.add(path)
                todo.append(path)
                yield knots[path]


def _around(knots: Knots, knot: Knot) -> Iterator[Knot]:
    """The groups that it stands in, from the inside out."""
    path = knot.path.rpartition(".")[0]
    while path:
        if path in knots:
            yield knots[path]
        path = path.rpartition(".")[0]


def _fed_by(knots: Knots, path: str) -> Iterator[str]:
    here = path
    while here:
        around = here.rpartition(".")[0]
        for name in knots[here].deps if here in knots else ():
            yield f"{around}.{name}" if around else name
        here = around
    body = knots[path].body
    yield from (inner.path for inner in body.knots.values()) if body is not None else ()


__all__ = ["check_two"]
