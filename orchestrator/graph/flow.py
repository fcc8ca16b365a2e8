"""Labels through the whole graph, before the run: what each step is asked, what it gives, and what may leave.

Walks the checked knots in the order they run. `last` makes the walk circular, so it is repeated until no label
rises any more; labels only rise, and after a few rounds the parts of `last` share one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.graph.declassify import check_allowed, check_declassify, check_keep, check_label, lowered
from orchestrator.graph.flow_agent import ask_agent
from orchestrator.graph.flow_call import call_workflow, check_ceilings
from orchestrator.graph.flow_files import check_reads, check_writes
from orchestrator.graph.flow_place import Made, One, Place, State
from orchestrator.graph.flow_read import read
from orchestrator.graph.flow_rules import ALL_RULES
from orchestrator.graph.flow_sinks import check_egress, report_flows
from orchestrator.graph.flow_tool import call_tool
from orchestrator.graph.setting import Setting
from orchestrator.graph.tags import (
    PUBLIC,
    Tag,
    Why,
    element,
    higher,
    highest,
    leaf,
    listed,
    mapped,
    merged,
    named,
    part,
    position,
    raised,
    same,
)
from orchestrator.graph.texts import Text, loop_names
from orchestrator.graph.two import check_two
from orchestrator.graph.wire import Knot, Layer
from orchestrator.labels import Exit, Flow
from orchestrator.light import light
from orchestrator.spec.model import (
    AgentStep,
    AskStep,
    GroupStep,
    ToolStep,
    ValueStep,
    WorkflowStep,
)

_PRECISE, _FLAT = 4, 8
"""Rounds in which each part of `last` has its own label, and in which at least each loop has."""


@light(frozen=True, slots=True)
class Proof:
    """What came of it: every way off the machine that is open, and the labels of what the file returns."""

    exits: tuple[Exit, ...]
    returns: Tag


def analyse(
    setting: Setting, top: Layer, outputs: Mapping[str, Any], rules: frozenset[str] = ALL_RULES
) -> Proof:
    """Fill in `flow` of every knot, and report what may not go where it goes."""
    state = State(setting, rules, _lowers(top))
    rounds = 0
    while True:
        state.begin()
        place = Place(top, None)
        _scope(state, place)
        rounds += 1
        if not _rising(state, rounds):
            break
    for knot, flow in state.flows:
        knot.flow = flow
    for knot, step_tag in state.values:
        check_label(state.setting, knot, step_tag)
    for knot, raw in state.raw:
        check_declassify(state.setting, knot, raw)
    for knot, child, given in state.calls:
        check_ceilings(state.setting, knot, child, given)
        check_allowed(state.setting, knot, child)
    check_writes(state)
    check_reads(setting)
    exits = report_flows(state)
    check_egress(state)
    check_two(state)
    check_keep(setting)
    return Proof(exits, _returns(state, place, outputs))


def _lowers(layer: Layer) -> bool:
    """Whether any step of the file, or of what it calls, may lower a label."""
    for knot in layer.knots.values():
        if getattr(knot.step, "declassify", None) or getattr(knot.step, "allow_declassify", ()):
            return True
        if knot.body is not None and _lowers(knot.body):
            return True
    return False


def _rising(state: State, rounds: int) -> bool:
    """Whether the value of some loop's pass is above what was taken for `last` in this round."""
    rising = state.rising
    for path, tag in state.passes.items() if state.reads_last else ():
        before = state.lasts.get(path, PUBLIC)
        now = merged(before, tag if rounds <= _PRECISE else leaf(tag.total))
        if not same(before, now):
            state.lasts[path] = now
            rising = True
    if rounds > _FLAT and rising:
        top = highest(tag.total for tag in state.lasts.values())
        state.lasts = {path: leaf(top) for path in state.lasts}
    return rising


def _returns(state: State, place: Place, outputs: Mapping[str, Any]) -> Tag:
    """The labels of `outputs`, else of the steps that nobody reads."""
    if outputs:
        text = Text("outputs", ("outputs",), outputs, "value")
        return read(
            text,
            lambda name: place.find(state, name) or state.of_file(name),
            lambda name: place.find_facts(state, name),
        )
    readers = {dep for knot in place.layer.knots.values() for dep in knot.deps}
    leaves = {name: tag for name, tag in place.tags.items() if name not in readers}
    return next(iter(leaves.values())) if len(leaves) == 1 else mapped(leaves)


# --------------------------------------------------------------------------------------------------- steps


def _scope(state: State, place: Place) -> None:
    for name in place.layer.order:
        _step(state, place, place.layer.knots[name])


def _step(state: State, place: Place, knot: Knot) -> None:
    one = One(state, place, knot)
    decided = _decisions(one)
    made = _made(one)
    tag = lowered(one, made.tag)
    facts = highest((made.facts, decided.item, decided.list, decided.whole))
    tag = raised(_on_error(one, made, tag, facts), decided.item)
    if one.loops:
        if knot.step.on_item_error == "keep" and one.on("on-error"):
            tag = raised(tag, facts)
        tag = raised(listed(tag, decided.list), decided.list)
    tag = raised(tag, decided.whole)
    state.values.append((knot, tag))
    if knot.step.label is not None and one.on("label"):
        tag = raised(tag, one.stated(knot.step.label))
    _remember(one, made, tag, facts, decided)


def _remember(one: One, made: Made, tag: Tag, facts: Why, decided: _Decided) -> None:
    place, knot = one.place, one.knot
    place.tags[knot.name] = tag
    place.presence[knot.name] = decided.whole if one.loops else higher(decided.whole, decided.item)
    place.facts[knot.name] = (made.inside, facts)
    if one.state.lowers:
        place.lowered[knot.name] = one.lowered
    known = part(facts)
    parts = {name: known if why is facts else part(why) for name, why in made.parts.items()}
    one.state.flows.append((knot, Flow(parts, part(one.scope), part(tag.total), known)))


@dataclass(slots=True)
class _Decided:
    """What decides that there is a value: per item, per list, and for the whole step."""

    item: Why
    list: Why
    whole: Why


def _decisions(one: One) -> _Decided:
    """`foreach`, `needs`, `when` and the nulls it passes on; binds the loop variables."""
    knot, place = one.knot, one.place
    each = _foreach(one) if knot.step.foreach is not None else None
    whole = one.nulls("foreach") if one.loops else None
    if knot.needs and one.on("needs"):
        whole = higher(whole, highest(place.presence.get(name) for name in knot.needs))
    when = one.total("when") if knot.step.when is not None and one.on("when") else None
    nulls = (
        highest(one.nulls(key) for key in knot.nulls if key not in ("foreach", "until"))
        if knot.nulls
        else None
    )
    one.scope = highest((place.scope, each, whole, when, nulls))
    return _Decided(higher(when, nulls), each, whole)


def _foreach(one: One) -> Why:
    knot = one.knot
    names = loop_names(knot.step)
    one.loops = True
    tag = one.read("foreach")
    item = element(tag)
    for number, name in enumerate(names):
        one.extra[name] = item if len(names) == 1 else position(item, number)
    one.extra["index"] = leaf(named(f"{knot.name}.index", tag.total)) if one.on("index") else PUBLIC
    return named(f"{knot.name}.foreach", tag.outer) if one.on("foreach") else None


def _on_error(one: One, made: Made, tag: Tag, facts: Why) -> Tag:
    """What stands there when all was tried; that it does tells of everything the step was asked."""
    knot = one.knot
    step = knot.step
    if step.on_error is None or step.on_error == "fail":
        return tag
    if step.on_error != "continue":
        error = leaf(named(f"{knot.name}.error", higher(made.answer, facts)))
        one.extra |= {"error": error, "answer": error}
        tag = merged(tag, one.read("on_error"))
    return raised(tag, named(f"{knot.name}.on_error", facts)) if one.on("on-error") else tag


# --------------------------------------------------------------------------------------------------- verbs


def _made(one: One) -> Made:
    match one.knot.step:
        case AgentStep() as step:
            return ask_agent(one, step)
        case ToolStep() as step:
            return call_tool(one, step)
        case WorkflowStep() as step:
            return call_workflow(one, step)
        case ValueStep():
            return _value(one)
        case AskStep():
            return _ask(one)
        case GroupStep() as step:
            return _group(one, step)


def _value(one: One) -> Made:
    tag = one.read("value")
    facts = higher(tag.total, one.checks(tag))
    return Made(_called(tag, one.knot.name), {}, facts, facts)


def _called(tag: Tag, name: str) -> Tag:
    """A flat value gets the name of its step in the path; the parts of a map keep theirs."""
    return (
        leaf(named(name, tag.total)) if tag.fields is None and tag.item is None and tag.items is None else tag
    )


def _ask(one: One) -> Made:
    each = one.read("each")
    if one.has("each"):
        one.extra |= {"item": element(each), "index": leaf(each.total)}
    parts = {"prompt": one.total("ask"), "show": one.total("show"), "edit": one.total("edit")}
    seen = highest((each.outer, *parts.values()))
    chosen = leaf(named(one.knot.name, seen)) if one.on("ask") else PUBLIC
    return Made(chosen, {name: why for name, why in parts.items() if one.has(name)}, seen, seen)


def _group(one: One, step: GroupStep) -> Made:
    knot, state = one.knot, one.state
    assert knot.body is not None
    inner = Place(knot.body, one.place, one.scope, loop=dict(one.extra))
    inner.below = one.below()
    if step.repeat is not None:
        inner.last = state.lasts.get(knot.path, PUBLIC) if one.on("last") else PUBLIC
        inner.scope = higher(inner.scope, state.untils.get(knot.path))
    _scope(state, inner)
    fields = {name: tag for name, tag in one.extra.items() if name != "index"}
    tag = mapped({**fields, **inner.tags})
    about = highest(why for _, why in inner.facts.values())
    if step.repeat is not None:
        tag, about = _repeated(one, inner, tag, about)
    one.lowered = tuple(
        dict.fromkeys((*one.lowered, *(n for names in inner.lowered.values() for n in names)))
    )
    return Made(tag, {}, about, about, inner)


def _repeated(one: One, inner: Place, tag: Tag, about: Why) -> tuple[Tag, Why]:
    """The last pass, and what decided that it was the last."""
    knot, state = one.knot, one.state
    one.inside = inner
    until = one.total("until")
    state.ends(knot.path, until)
    state.passes[knot.path] = tag
    if one.on("else"):
        tag = merged(tag, one.read("else"))
    return raised(tag, until) if one.on("until") else tag, higher(about, until)
