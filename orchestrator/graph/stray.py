"""Names that mean nothing where they stand: what the user may have meant, and where it can be read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.names import RESERVED
from orchestrator.graph.say import choice, near
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Text
from orchestrator.graph.wire import Knot, Layer
from orchestrator.render import FUNCTIONS

if TYPE_CHECKING:
    from orchestrator.graph.infer import Reading

_ONLY = {
    "item": "only inside a step or group with `foreach`",
    "index": "only inside a step or group with `foreach`",
    "last": "only inside a group with `repeat`",
    "output": "only in `check`",
    "items": "only in a step with `reduce`",
    "error": "only in `on_error`",
    "answer": "only in `on_error`",
    "prompt_tokens": "only in `escalate`",
}
_ESCALATION = "only in `escalate.when`"


def explain_unknown(
    setting: Setting, layer: Layer, knot: Knot | None, text: Text, reading: Reading, node: nodes.Name
) -> None:
    """Say that a name is not known here, with the best guess at what was meant."""
    name = node.name
    if name in FUNCTIONS:
        return  # a function without its arguments: the compiler says so
    if setting.broken(name):
        return
    if name in RESERVED and name != "steps":
        reading.say(
            node, "ORCH203", f"'{name}' means nothing here", f"it is known {_ONLY.get(name, _ESCALATION)}"
        )
        return
    inner = _inside(_top(layer), name)
    if inner is not None:
        where = ".".join(inner)
        reading.say(
            node, "ORCH209", f"step '{name}' is inside '{inner[0]}' and cannot be read from here",
            f"read it through the value of its group: {where}",
        )  # fmt: skip
        return
    reading.say(node, "ORCH201", f"there is no '{name}' here", _guess(setting, layer, knot, text, name))


def _guess(setting: Setting, layer: Layer, knot: Knot | None, text: Text, name: str) -> str:
    inputs = [field.name for field in setting.inputs.fields]
    if name in inputs:
        return f"inputs are read as inputs.{name}"
    if name in setting.models or name in setting.knowledge or setting.library.agent(name) is not None:
        return "models, agents and knowledge have no value; only steps have"
    level = (
        knot.body.level
        if text.sees == "inside" and knot is not None and knot.body is not None
        else layer.level
    )
    visible = [*level.visible(), *(text.extra), "inputs", "today"]
    own = [other for other in visible if knot is None or other != knot.name]
    close = near(name, own)
    if close:
        return close
    through = near(name, inputs)
    if through:
        return through.replace("'", "'inputs.", 1)
    steps = [other for other in own if other not in text.extra]
    return f"here are {choice(steps)}"


def _top(layer: Layer) -> Layer:
    while layer.outer is not None:
        layer = layer.outer
    return layer


def _inside(layer: Layer, name: str) -> list[str] | None:
    """The way from the top to a step of this name inside a group."""
    for trail in _trails(layer):
        if trail[-1] == name and len(trail) > 1:
            return trail
    return None


def _trails(layer: Layer) -> Iterator[list[str]]:
    for name, knot in layer.knots.items():
        yield [name]
        if knot.body is not None:
            for trail in _trails(knot.body):
                yield [name, *trail]
