"""What leaves, against what may: a flow above a clearance is an error with the path of the value and the remedies."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from orchestrator.graph.cloud import PROVIDERS, may_say_local, provider_of
from orchestrator.graph.declassify import declassify_of, not_figures
from orchestrator.graph.flow_call import path_of
from orchestrator.graph.flow_place import State, is_above
from orchestrator.graph.flow_tool import knowledge_label
from orchestrator.graph.flow_uses import Use
from orchestrator.graph.kinds import present
from orchestrator.graph.say import near
from orchestrator.graph.tags import Why, highest, label_of
from orchestrator.graph.texts import Path
from orchestrator.graph.wire import Knot
from orchestrator.labels import Exit, Label
from orchestrator.spec.model import AgentStep, AskStep, ToolStep, ValueStep
from orchestrator.spec.types import Unknown

_WORDS = {
    "model": "may send {label} data to '{sink}'",
    "escalation": "may send {label} data to '{sink}'",
    "embedder": "may send {label} data to the embedder '{sink}'",
    "mcp": "may send {label} data to the server '{sink}'",
    "tool": "may send {label} data to '{sink}'",
    "files": "may write {label} data with '{sink}'",
}


def report_flows(state: State) -> tuple[Exit, ...]:
    """Errors for what may not leave, warnings for calls that private values decide on; what is left may leave."""
    exits: list[Exit] = []
    said: set[tuple[str, str]] = set()
    for use in state.uses:
        if _is_nobody(state, use):
            continue
        place = use.step, use.sink.name
        worst = _worst(use)
        if worst is not None:
            if place not in said:
                _refuse(state, use, worst)
            said.add(place)
            continue
        if use.told and place not in said:
            _tell_secret(state, use)
            said.add(place)
        if not use.sink.away:
            continue
        if is_above(use.scope, use.sink.clearance) and place not in said:
            _warn(state, use)
            said.add(place)
        if not use.inner:
            exits.append(_exit(use))
    _documents(state)
    return tuple(exits)


def _is_nobody(state: State, use: Use) -> bool:
    """Whether no such provider exists, which is an error of the file already: nothing can go there."""
    spec = state.setting.document.workflow.models.get(use.sink.name)
    return use.sink.entry.startswith("models.") and spec is not None and provider_of(spec) not in PROVIDERS


def _worst(use: Use) -> tuple[str, Why] | None:
    """The first part with the highest label that the sink may not see."""
    found: tuple[str, Why] | None = None
    for name, why in use.parts:
        if is_above(why, label_of(found[1]) if found else use.sink.clearance):
            found = name, why
    return found


def _exit(use: Use) -> Exit:
    parts = tuple(name for name, _ in use.parts)
    label = label_of(highest(why for _, why in use.parts))
    return Exit(use.step, use.sink.name, use.sink.kind, label, use.sink.clearance, parts, use.lowered)


def _refuse(state: State, use: Use, worst: tuple[str, Why]) -> None:
    part, why = worst
    words = _WORDS[use.sink.kind].format(label=label_of(why), sink=use.sink.name)
    message = f"step '{use.name}' {words} (clearance {use.sink.clearance}): {path_of(why)}"
    hint = "; or ".join(_remedies(state, use, part, why))
    state.setting.report.at(use.marks, use.path, "ORCH700", message, hint)


def _tell_secret(state: State, use: Use) -> None:
    message = (
        f"step '{use.name}' sends the value of env.{use.told} to '{use.sink.name}', and a secret never leaves "
        "this machine by value, whatever `clearance` says"
    )
    hint = f"take env.{use.told} out of what the step reads, or use a local model"
    state.setting.report.at(use.marks, use.path, "ORCH700", message, hint)


def _warn(state: State, use: Use) -> None:
    message = (
        f"whether step '{use.name}' uses '{use.sink.name}' (clearance {use.sink.clearance}) is decided by "
        f"{label_of(use.scope)} values: {path_of(use.scope)}"
    )
    hint = "that the call happens may tell something about them; what it says is checked"
    state.setting.report.at(use.marks, use.path, "ORCH701", message, hint)


def _remedies(state: State, use: Use, part: str, why: Why) -> Iterator[str]:
    """The smallest changes that make it right, the one nearest to the value first."""
    assert why is not None
    names, label = why.path(), use.sink.clearance
    yield from _at_the_source(names[0], part, label)
    feeder = _feeder(state, names)
    figure = _figure(state, names)
    by = "aggregate" if figure else _by(state, use, feeder)
    how = f"declassify: {{from: {why.label}, to: {label}, by: {by}}}"
    if feeder is not None and declassify_of(feeder.step) is not None and f"{feeder.name}.on_error" in names:
        yield (
            f"'{feeder.name}' lowers its value, but that its `on_error` stands in for it tells of what it read: take "
            "`on_error` out there"
        )
    elif figure:
        yield f"let an agent step give the figure instead of '{figure}', with {how}"
    elif feeder is not None and _decides(feeder):
        group = f"put '{feeder.name}' and '{use.name}' into one group with the `{_decides(feeder)}`"
        yield f"{group}, and lower it there: {how}"
    elif feeder is not None:
        yield f"lower it in step '{feeder.name}': {how}"
    elif names[0].startswith("inputs."):
        yield f"let a step before it take out what is {why.label}, with {how}"
    spec = state.setting.models.get(use.sink.name) if use.sink.entry.startswith("models.") else None
    if spec is not None and may_say_local(spec):
        yield f"if its server runs the weights on this machine, say so: {use.sink.entry}.where: local"
    if use.sink.entry:
        yield f"if '{use.sink.name}' may see it: {use.sink.entry}.clearance: {why.label}"


def _feeder(state: State, names: tuple[str, ...]) -> Knot | None:
    """The last step on the way that could lower what it gives."""
    knots = {k.name: k for k, _ in state.values if isinstance(k.step, AgentStep | ToolStep)}
    owners = [name.rpartition(".")[0] if name.endswith(_OWN) else name for name in names[:-1]]
    return next((knots[name] for name in reversed(owners) if name in knots), None)


def _by(state: State, use: Use, feeder: Knot | None) -> str:
    """What makes lowering safe here: a figure is one of many, a person is asked anyway, and else detectors look."""
    if feeder is not None and feeder.verb == "agent" and _is_figure(feeder):
        return "aggregate"
    asks = {knot.name for knot, _ in state.values if isinstance(knot.step, AskStep)}
    sender = next((knot for knot, _ in state.values if knot.path == use.step), None)
    return "approve" if sender is not None and asks & set(sender.deps) else "redact"


def _figure(state: State, names: tuple[str, ...]) -> str:
    """The last step on the way when it only works figures out and cannot lower them; empty otherwise."""
    knots = {knot.name: knot for knot, _ in state.values}
    last = next((knots[name] for name in reversed(names[:-1]) if name in knots), None)
    return last.name if last is not None and isinstance(last.step, ValueStep) and _is_figure(last) else ""


def _is_figure(knot: Knot) -> bool:
    kind = knot.type if knot.output is None and knot.verb != "agent" else knot.output
    return kind is not None and not isinstance(present(kind), Unknown) and not any(not_figures(kind, ""))


_OWN = (".when", ".foreach", ".on_error")


def _decides(knot: Knot) -> str:
    """What of a step decides on its value from outside, so that lowering the value alone does not help."""
    return "foreach" if knot.step.foreach is not None else "when" if knot.step.when is not None else ""


def _at_the_source(first: str, part: str, label: Label) -> Iterator[str]:
    sort, _, rest = first.partition(".")
    name = rest.partition(".")[0].partition("[")[0]
    if sort == "inputs":
        yield f"if it is {label}, say so: inputs.{name}.label: {label}"
    elif sort == "knowledge":
        yield f"leave '{name}' out here (`knowledge: []`), or label it: knowledge.{name}.label: {label}"
    elif sort == "agents":
        yield f"if its role and examples are {label}, say so: agents.{name}.label: {label}"
    elif part == "memory":
        yield "leave `memory` out here"
    elif part == "examples":
        yield f"leave `examples` out here, or give them to an agent with `label: {label}`"


def _documents(state: State) -> None:
    """The documents of a knowledge go to its embedder when it is indexed."""
    setting = state.setting
    sinks = {use.sink.also: use.sink for use in state.uses if use.sink.kind == "embedder" and not use.inner}
    for name, sink in sinks.items():
        why = knowledge_label(setting, name)
        if not is_above(why, sink.clearance):
            continue
        own = name in setting.document.workflow.knowledge
        marks = setting.marks if own or setting.project is None else setting.project.marks
        message = (
            f"knowledge '{name}' may send {label_of(why)} documents to the embedder '{sink.name}' "
            f"(clearance {sink.clearance})"
        )
        hint = f"embed on this machine; or label it, if it is {sink.clearance}: knowledge.{name}.label: {sink.clearance}"
        setting.report.at(marks, ("knowledge", name, "embed"), "ORCH700", message, hint)


# --------------------------------------------------------------------------------------------------- egress


def check_egress(state: State) -> None:
    """`egress` names all that this file may ever use off this machine."""
    setting = state.setting
    allowed = setting.document.workflow.egress
    if allowed is None:
        return
    listed = () if allowed == "none" else tuple(allowed)
    away = [use for use in state.uses if use.sink.away]
    for use in _first_of_each(away):
        if use.sink.name not in listed and use.sink.also not in listed:
            message = f"step '{use.name}' may use '{use.sink.name}', which `egress` does not allow"
            hint = f"take it out, or list it: egress: [{', '.join((*listed, use.sink.name))}]"
            setting.report.at(use.marks, use.path, "ORCH708", message, hint)
    used = {name for use in away for name in (use.sink.name, use.sink.also) if name}
    for index, name in enumerate(listed):
        if name not in used:
            hint = near(name, used) or "take it out"
            path: Path = ("egress", index)
            message = f"nothing off this machine is called '{name}' here"
            setting.report.at(setting.marks, path, "ORCH709", message, hint)


def _first_of_each(uses: Iterable[Use]) -> list[Use]:
    found: dict[tuple[str, str], Use] = {}
    for use in uses:
        found.setdefault((use.step, use.sink.name), use)
    return list(found.values())
