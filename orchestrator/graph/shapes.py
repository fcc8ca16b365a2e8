"""The form of the graph: reserved and shadowed names, `needs`, cycles, steps that never run."""

from __future__ import annotations

from itertools import pairwise

from jinja2 import nodes

from orchestrator.graph.names import TAKEN
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import loop_names
from orchestrator.graph.wire import Knot, Layer, Read, cycle_among, order
from orchestrator.render import parse, place
from orchestrator.spec.model import AskStep


def check_names(setting: Setting, layer: Layer) -> None:
    """Names that steps and loop variables may not have."""
    for knot in layer.knots.values():
        _step_name(setting, layer, knot)
        _loop_names(setting, layer, knot)
        if knot.body is not None:
            check_names(setting, knot.body)


def _step_name(setting: Setting, layer: Layer, knot: Knot) -> None:
    name = knot.name
    if name in TAKEN:
        setting.report.key(
            setting.marks,
            knot.at,
            "ORCH210",
            f"'{name}' is reserved and cannot name a step",
            "choose another name",
        )
        return
    if name in loop_names(knot.step):
        setting.report.key(
            setting.marks, knot.at, "ORCH211", f"step '{name}' has the name of its own loop variable",
            "rename the step, or the variable with `as:`",
        )  # fmt: skip
        return
    for level in list(layer.level.upwards()):
        around = name in level.loop or (level is not layer.level and name in level.steps)
        if around:
            what = "the loop variable" if name in level.loop else "the step"
            setting.report.key(
                setting.marks, knot.at, "ORCH212", f"step '{name}' hides {what} '{name}' outside its group",
                "choose another name",
            )  # fmt: skip
            return


def _loop_names(setting: Setting, layer: Layer, knot: Knot) -> None:
    step = knot.step
    names = [name for name in loop_names(step) if name != knot.name]
    at = (*knot.at, "as") if step.as_ is not None else (*knot.at, "foreach")
    if isinstance(step, AskStep) and step.each is not None and "item" not in names:
        names, at = [*names, "item"], (*knot.at, "each")
    elif isinstance(step, AskStep) and step.each is not None:
        _hidden(setting, (*knot.at, "each"), "item", "the loop variable of `foreach`")
    for name in names:
        if name in TAKEN and name != "item":
            setting.report.at(
                setting.marks,
                at,
                "ORCH210",
                f"'{name}' is reserved and cannot name a loop variable",
                "choose another name",
            )
            continue
        for level in layer.level.upwards():
            if name in level.loop:
                _hidden(setting, at, name, "the loop variable of a group around it")
                break
            if name in level.steps:
                _hidden(setting, at, name, f"the step '{name}'")
                break
    if len(set(names)) < len(names):
        setting.report.at(
            setting.marks, at, "ORCH212", "two loop variables have the same name", "choose another name"
        )


def _hidden(setting: Setting, at: tuple[str | int, ...], name: str, what: str) -> None:
    setting.report.at(
        setting.marks,
        at,
        "ORCH212",
        f"loop variable '{name}' hides {what}",
        "give it another name with `as:`",
    )


def check_needs(setting: Setting, layer: Layer) -> None:
    """`needs` names steps that can be seen."""
    for knot in layer.knots.values():
        for index, name in enumerate(knot.step.needs):
            if any(name in level.steps for level in layer.level.upwards()) or setting.broken(name):
                continue
            path = (*knot.at, "needs", index)
            names = [step for level in layer.level.upwards() for step in level.steps if step != knot.name]
            hint = near(name, names) or (f"there are {choice(names)}" if names else "")
            setting.report.at(
                setting.marks,
                path,
                "ORCH213",
                f"step '{knot.name}' needs '{name}', which does not exist",
                hint,
            )
        if knot.body is not None:
            check_needs(setting, knot.body)


# -------------------------------------------------------------------------------------------------- order


def arrange(setting: Setting, layer: Layer) -> None:
    """Put every level in order; cycles are reported and cut."""
    for knot in layer.knots.values():
        if knot.body is not None:
            arrange(setting, knot.body)
    done, left = order(layer.knots)
    while left:
        cycle = cycle_among(layer.knots, left)
        _report_cycle(setting, layer, cycle)
        del layer.knots[cycle[-2]].deps[cycle[-1]]
        done, left = order(layer.knots)
    layer.order = done


def _report_cycle(setting: Setting, layer: Layer, cycle: list[str]) -> None:
    reads = [layer.knots[a].deps[b] for a, b in pairwise(cycle)]
    first = reads[0]
    if len(cycle) == 2:
        name = cycle[0]
        inside = first.reader != layer.knots[name].path
        message = f"step '{name}' reads itself"
        if inside:
            message = f"step '{first.reader}' reads the group '{name}' it is part of"
        hint = "inside a `repeat`, the pass before is `last`" if inside or name in _repeating(layer) else ""
        _at(setting, first, name, "ORCH502", message, hint)
        return
    trail = " -> ".join(cycle)
    through = [
        f"{read.reader} reads {name}"
        for read, name in zip(reads, cycle[1:], strict=True)
        if "." in read.reader
    ]
    hint = f"inside groups: {', '.join(through)}" if through else "let one of them not read the other"
    _at(setting, first, cycle[1], "ORCH501", f"steps read each other in a circle: {trail}", hint)


def _repeating(layer: Layer) -> set[str]:
    return set(layer.level.steps) if layer.level.repeats else set()


def _at(setting: Setting, read: Read, name: str, code: str, message: str, hint: str) -> None:
    """At the word in the expression that makes the edge."""
    text = read.text
    if text is None:
        setting.report.at(setting.marks, read.at, code, message, hint)
        return
    for path, leaf in text.leaves():
        if name not in leaf:
            continue
        tree = parse(leaf, "expression" if text.kind == "expression" else "template")
        for node in tree.find_all((nodes.Name, nodes.Getattr)):
            if (isinstance(node, nodes.Name) and node.name == name) or (
                isinstance(node, nodes.Getattr)
                and node.attr == name
                and isinstance(node.node, nodes.Name)
                and node.node.name == "steps"
            ):
                offset, width = place(node, leaf)
                setting.report.inside(setting.marks, path)(offset, width, code, message, hint)
                return
    setting.report.at(setting.marks, text.path, code, message, hint)


def check_reach(setting: Setting, layer: Layer) -> None:
    """Steps that can never run: `when: false`, and what needs them."""
    for name in layer.order:
        knot = layer.knots[name]
        program = knot.programs.get("when")
        if program is not None and not program.names and _constantly_false(program.source):
            knot.never = True
            setting.report.at(
                setting.marks,
                (*knot.at, "when"),
                "ORCH510",
                f"step '{name}' never runs: its `when` is always false",
            )
        elif blocked := next(
            (need for need in knot.needs if need in layer.knots and layer.knots[need].never), None
        ):
            knot.never = True
            setting.report.at(
                setting.marks,
                (*knot.at, "needs"),
                "ORCH510",
                f"step '{name}' never runs: it needs '{blocked}', which never runs",
            )
        if knot.body is not None:
            check_reach(setting, knot.body)


def _constantly_false(source: str) -> bool:
    from orchestrator.render import sole

    found = sole(parse(source, "expression"))
    return isinstance(found, nodes.Const) and not found.value
