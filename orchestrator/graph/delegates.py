"""Agents that are called as tools, wired like steps of their own: what they are handed is their prompt.

A delegate sees what is handed over, the inputs of the file, `env` and `today`; no step and no loop variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from orchestrator.graph.agents import effective, models_of
from orchestrator.graph.cases import checked_examples, placed
from orchestrator.graph.compiled import compile_knot
from orchestrator.graph.kinds import TEXT, UNKNOWN
from orchestrator.graph.names import Level
from orchestrator.graph.reader import read_text
from orchestrator.graph.schemas import loaded
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path, Text
from orchestrator.graph.wire import Knot, Layer
from orchestrator.library import Agent, Written
from orchestrator.spec.model import AgentStep, ToolSpec, ToolStep
from orchestrator.spec.types import Field, MapOf, Type

PROMPT = "prompt"
"""The one argument of an agent that does not say what it takes; and the name of what a delegate is asked."""
_PROMPT_TEXT = "{{ prompt }}"


def takes_of(agent: Agent) -> MapOf:
    """What a caller hands over."""
    takes = agent.spec.takes
    return takes if isinstance(takes, MapOf) else MapOf((Field(PROMPT, TEXT),))


def gives(agent: Agent) -> Type:
    """What a caller gets."""
    return agent.spec.output if agent.spec.output is not None else TEXT


def delegate_name(tools: Mapping[str, ToolSpec], name: str) -> str | None:
    """The agent behind the name of a tool; None when there is none."""
    if name.startswith("agent:"):
        return name.removeprefix("agent:")
    declared = tools.get(name)
    return declared.agent if declared is not None else None


def delegates(setting: Setting, top: Layer) -> dict[str, Knot]:
    """Every agent that a step or another delegate calls as a tool, by name. Circles are reported."""
    found: dict[str, Knot] = {}
    for knot in _all(top):
        for name in _called(setting, _tools_of(knot)):
            _add(setting, name, knot, found, ())
        if isinstance(knot.step, AgentStep) and knot.step.pick is not None:
            _add(setting, knot.step.pick, knot, found, ())
    return found


def _all(layer: Layer) -> Iterator[Knot]:
    for knot in layer.knots.values():
        yield knot
        if knot.body is not None:
            yield from _all(knot.body)


def _tools_of(knot: Knot) -> tuple[str, ...]:
    if isinstance(knot.step, ToolStep):
        return (knot.step.tool,)
    return (knot.agent.spec.tools or ()) if knot.agent is not None else ()


def _called(setting: Setting, tools: Iterable[str]) -> Iterator[str]:
    yield from (agent for name in tools if (agent := delegate_name(setting.tools, name)) is not None)


def _add(setting: Setting, name: str, caller: Knot, found: dict[str, Knot], chain: tuple[str, ...]) -> None:
    if name in chain:
        trail = " -> ".join((*chain[chain.index(name) :], name))
        message, hint = f"agents call each other in a circle: {trail}", "take one of these tools out"
        setting.report.at(setting.marks, caller.at, "ORCH504", message, hint)
        return
    if name not in found and setting.library.agent(name) is not None:
        found[name] = _knot(setting, name, caller.at)
    knot = found.get(name)
    if knot is not None:
        for inner in _called(setting, _tools_of(knot)):
            _add(setting, inner, caller, found, (*chain, name))


def _knot(setting: Setting, name: str, at: Path) -> Knot:
    step = AgentStep(agent=name, prompt=_PROMPT_TEXT)
    knot = Knot(name, step, "agent", at, Level({}, at))
    knot.agent = agent = effective(setting, step, at)
    assert agent is not None, "whoever asks has found it"
    knot.models = models_of(setting, step, agent, at)
    for model in knot.models:
        setting.use("called", model)
    setting.included.update({str(file): file.read_bytes() for file in agent.files})
    written = agent.written.get("output") or Written(setting.marks, at)
    knot.output = loaded(setting, agent.spec.output, written, agent.base)
    knot.agent = checked_examples(setting, step, placed(setting, step, agent), at, knot.output)
    texts = [Text("prompt", at, _PROMPT_TEXT, "template", extra=(PROMPT,))]
    if agent.spec.role is not None:
        texts.append(Text("role", at, agent.spec.role, "template"))
    if agent.spec.memory is not None:
        texts.append(Text("memory", at, agent.spec.memory.key, "template"))
    knot.texts = tuple(texts)
    compile_knot(knot, setting.marks, setting.report)
    layer = Layer(knot.level, {name: knot})
    for text in knot.texts:
        read_text(setting, layer, knot, text, {PROMPT: UNKNOWN} if text.key == "prompt" else None)
    return knot


__all__ = ["PROMPT", "delegate_name", "delegates", "gives", "takes_of"]
