"""What an agent step is asked: every part of its request with its label, its answer, and which models may see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestrator.graph.flow_place import Made, One
from orchestrator.graph.flow_tool import (
    agent_label,
    brought,
    embedders,
    knowledge_label,
    model_sinks,
    reach_of,
    steps_examples_label,
)
from orchestrator.graph.flow_uses import Sink, Use
from orchestrator.graph.tags import (
    PUBLIC,
    Tag,
    Why,
    element,
    higher,
    highest,
    label_of,
    leaf,
    listed,
    named,
    origin,
    raised,
)
from orchestrator.graph.texts import Path
from orchestrator.graph.told import told_secret
from orchestrator.labels import LEVELS
from orchestrator.spec.model import AgentSpec, AgentStep

_REPAIR = 1
"""How often an invalid answer goes back when nobody says."""


@dataclass(slots=True)
class _Asked:
    """One request and what comes of it. `query` looks up knowledge, `decided` is what chose the model.

    `errors` labels what a repair sends, `local` the answer that an escalation may carry along.
    """

    parts: Mapping[str, Why]
    query: Why
    request: Why
    results: Why
    errors: Why
    decided: Why
    local: Why
    answer: Why


def ask_agent(one: One, step: AgentStep) -> Made:
    knot = one.knot
    spec = knot.agent.spec if knot.agent is not None else AgentSpec()
    asked = _reduced(one, step, spec) if one.has("reduce") else _asked(one, step, spec, None)
    _record(one, step, spec, asked)
    answer = asked.local if step.escalate is not None and step.escalate.carry else asked.errors
    parts = {**asked.parts, "answer": answer, "errors": asked.errors, "tool_results": asked.results}
    if spec.knowledge and one.has("search"):
        parts["search"] = asked.query
    return Made(leaf(named(knot.name, asked.answer)), parts, asked.answer, asked.answer)


def _reduced(one: One, step: AgentStep, spec: AgentSpec) -> _Asked:
    """The items are those of the list and the answers so far; an answer may raise what is asked next."""
    given = one.read("reduce")
    items = listed(element(given), given.outer)
    asked = _asked(one, step, spec, items)
    for _ in LEVELS if one.on("items") else ():
        items = raised(items, asked.answer)
        again = _asked(one, step, spec, items)
        if label_of(again.answer) == label_of(asked.answer):
            return again
        asked = again
    return asked


def _asked(one: One, step: AgentStep, spec: AgentSpec, items: Tag | None) -> _Asked:
    knot = one.knot
    if items is not None:
        one.extra["items"] = items if one.on("items") else PUBLIC
    prompt = one.total("prompt")
    query = one.total("search") if one.has("search") else prompt
    parts = dict(_parts(one, step, spec, prompt, query))
    if items is not None:
        parts["items"] = named(f"{knot.name}.items", one.extra["items"].total)
    request = highest(parts.values())
    results = _results(one, spec, request)
    first = higher(request, results)
    errors = higher(first, one.checks(leaf(named(knot.name, first)))) if step.check else first
    decided = _decided(one, request, errors)
    local = highest((errors, _choice(one, step), _head(one, step, spec)))
    answer = higher(local, decided) if one.on("escalate") else local
    return _Asked(parts, query, request, results, errors, decided, local, answer)


def _parts(one: One, step: AgentStep, spec: AgentSpec, prompt: Why, query: Why) -> Iterator[tuple[str, Why]]:
    knot = one.knot
    if one.has("role"):
        yield "role", _role(one, step)
    yield "format", _format(one, step, spec)
    yield "prompt", prompt
    if one.has("images"):
        yield "images", one.total("images")
    if spec.knowledge and one.on("knowledge"):
        known = highest(knowledge_label(one.state.setting, name) for name in spec.knowledge)
        yield "sources", named(f"{knot.name}.sources", higher(known, query))
    if spec.examples is not None and knot.agent is not None and one.on("examples"):
        label = steps_examples_label(one, step, knot.agent)
        yield "examples", named(f"{knot.name}.examples", higher(label, prompt))
    if spec.memory is not None and one.on("memory"):
        kept = origin(f"{knot.name}.turns", "private")
        yield "memory", named(f"{knot.name}.memory", highest((kept, one.total("memory"), prompt)))


def _role(one: One, step: AgentStep) -> Why:
    knot = one.knot
    if not one.on("role"):
        return None
    own = one.read("role").total
    agent = one.state.setting.library.agent(step.agent) if step.role is None else None
    return named(f"{knot.name}.role", higher(own, agent_label(agent) if agent is not None else None))


def _format(one: One, step: AgentStep, spec: AgentSpec) -> Why:
    """Of the type of the answer: an agent's is as private as its role, also when it stands in a schema file."""
    knot = one.knot
    if step.output is not None or spec.output is None or not one.on("role"):
        return None
    agent = one.state.setting.library.agent(step.agent)
    return named(f"{knot.name}.format", agent_label(agent)) if agent is not None else None


def _head(one: One, step: AgentStep, spec: AgentSpec) -> Why:
    knot = one.knot
    if spec.head is None or knot.agent is None or not one.on("head"):
        return None
    return steps_examples_label(one, step, knot.agent, "head")


def _results(one: One, spec: AgentSpec, request: Why) -> Why:
    """Of what its tools return: their arguments come from the request and from earlier results."""
    if not spec.tools or not one.on("tool-results"):
        return None
    knot = one.knot
    reads = highest(reach_of(one, tool).reads for tool in spec.tools)
    return named(f"{knot.name}.tool_results", higher(reads, request))


def _decided(one: One, request: Why, errors: Why) -> Why:
    """Of what decides which model answers."""
    if not one.has("before") and not one.has("escalate"):
        return None
    one.extra["prompt_tokens"] = leaf(request)
    one.extra |= dict.fromkeys(("invalid", "failed", "confidence", "attempts"), leaf(errors))
    return higher(one.total("before"), one.total("escalate"))


def _choice(one: One, step: AgentStep) -> Why:
    """Of the judge among several answers."""
    if step.pick is None or not one.on("pick"):
        return None
    judge = one.state.setting.library.agent(step.pick)
    return brought(one, judge) if judge is not None else None


# ---------------------------------------------------------------------------------------------------- sinks


def _record(one: One, step: AgentStep, spec: AgentSpec, asked: _Asked) -> None:
    _models(one, step, spec, asked)
    turns = higher(asked.request, asked.results)
    for index, tool in enumerate(spec.tools or ()):
        for sink, extra in reach_of(one, tool).sinks:
            where: Path = ("tools", index) if step.tools is not None else ("agent",)
            _use(one, sink, where, {**asked.parts, "tool_results": higher(turns, extra)}, one.scope)
    for sink in embedders(one, spec.knowledge or ()):
        where = ("knowledge",) if step.knowledge is not None else ("agent",)
        _use(one, sink, where, {"search" if one.has("search") else "prompt": asked.query}, one.scope)
    if step.pick is not None:
        _judge(one, step.pick, asked)


def _models(one: One, step: AgentStep, spec: AgentSpec, asked: _Asked) -> None:
    """Every model it may ask; one that may see everything asks for no proof."""
    knot, setting = one.knot, one.state.setting
    if step.escalate is None and all(one.state.sees_all(name) for name in knot.models):
        return
    sent = dict(asked.parts)
    if spec.tools:
        sent["tool_results"] = asked.results
    repair = next((n for n in (step.repair, setting.defaults.repair) if n is not None), _REPAIR)
    again: dict[str, Why] = {"errors": asked.errors} if one.on("repair") else {}
    for index, name in enumerate(knot.models):
        where: Path = ("model",) if step.model is not None else ("agent",)
        if step.models is not None:
            where = ("models", index)
        for sink in model_sinks(setting, name, "model"):
            _use(one, sink, where, {**sent, **again} if repair else sent, one.scope)
    if step.escalate is None:
        return
    carried: dict[str, Why] = {}
    if one.on("carry") and step.escalate.carry:
        whose = higher(asked.local, one.total("before"))  # it decides whether there is an answer, and whose
        carried = {name: whose for name in step.escalate.carry if name != "tool_results"}
    ladder = (step.escalate.to,) if isinstance(step.escalate.to, str) else step.escalate.to
    for index, name in enumerate(ladder):
        where = ("escalate", "to") if isinstance(step.escalate.to, str) else ("escalate", "to", index)
        for sink in model_sinks(setting, name, "escalation"):
            _use(one, sink, where, {**sent, **again, **carried}, higher(one.scope, asked.decided))


def _judge(one: One, name: str, asked: _Asked) -> None:
    judge, setting = one.state.setting.library.agent(name), one.state.setting
    if judge is None:
        return
    own = brought(one, judge)
    parts = {"answer": higher(asked.answer, own)}
    model = judge.spec.model or setting.defaults.model
    sinks = model_sinks(setting, model, "model") if model is not None else []
    for sink in (*sinks, *embedders(one, judge.spec.knowledge or ())):
        _use(one, sink, ("pick",), parts, one.scope)
    for tool in judge.spec.tools or ():
        for sink, extra in reach_of(one, tool).sinks:
            _use(one, sink, ("pick",), {"answer": higher(parts["answer"], extra)}, one.scope)


def _use(one: One, sink: Sink, where: Path, parts: Mapping[str, Why], scope: Why) -> None:
    """Only what may not see everything matters."""
    if sink.clearance == LEVELS[-1] and not sink.away:
        return
    knot = one.knot
    one.use(
        Use(
            knot.path, knot.name, sink, tuple(parts.items()), scope, one.marks, (*knot.at, *where), one.lowered,
            told=told_secret(one) if sink.away and sink.clearance == LEVELS[-1] else "",
        )
    )  # fmt: skip
