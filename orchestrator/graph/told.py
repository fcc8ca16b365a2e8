"""What a run would refuse for certain although every label allows it: secrets told by value, limits without a price.

Only what is plain from the file counts. A secret that a text works with (its length, a test of it) is not told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.cloud import is_cloud
from orchestrator.graph.environment import variable
from orchestrator.graph.model import Graph, all_nodes
from orchestrator.graph.setting import Setting
from orchestrator.graph.texts import Path, Text
from orchestrator.graph.wire import Knot, Layer
from orchestrator.render import TemplateSyntax, parse
from orchestrator.spec.model import AgentStep, ModelSpec, ValueStep

if TYPE_CHECKING:
    from orchestrator.graph.flow_place import One

_SENT = frozenset({"prompt", "role", "search"})
"""Keys of an agent step whose text goes to its model."""


# ---------------------------------------------------------------------------------------- secrets by value


def told_secret(one: One) -> str:
    """The variable of the environment whose value stands in the request of this step; empty when none does."""
    texts = [text for text in one.knot.texts if text.key in _SENT]
    return next(_secrets(one.place.layer, texts, frozenset()), "")


def _secrets(layer: Layer, texts: Iterable[Text], seen: frozenset[str]) -> Iterator[str]:
    for printed in _printed(texts):
        name = variable(printed)
        if name:
            yield name
        elif isinstance(printed, nodes.Name) and printed.name not in seen:
            knot = layer.knots.get(printed.name)
            if knot is not None and isinstance(knot.step, ValueStep):
                yield from _secrets(layer, knot.texts, seen | {printed.name})


def _printed(texts: Iterable[Text]) -> Iterator[nodes.Expr]:
    """What stands alone in `{{ }}` in one of these texts."""
    for text in texts:
        for _, leaf in text.leaves():
            if "{{" not in leaf:
                continue
            try:
                tree = parse(leaf, "template")
            except TemplateSyntax:
                continue  # said already
            for output in tree.find_all(nodes.Output):
                yield from output.nodes


# ------------------------------------------------------------------------------------ limits without price


def check_prices(setting: Setting, top: Layer) -> None:
    """A limit in dollars binds only who has a price. The price list is read where there is such a limit."""
    budget = setting.document.workflow.budget
    bound = budget is not None and budget.usd is not None
    said: set[tuple[str, str]] = set()
    for knot in _all(top):
        for limit, at, name, spec in _limited(setting, knot, bound=bound):
            if (limit, name) not in said and _unpriced(spec):
                said.add((limit, name))
                message = f"{limit} limits what step '{knot.path}' may spend, and nobody knows what '{name}' ({spec.use}) costs"
                hint = "say it (USD per million tokens): price: {input: …, output: …}"
                setting.report.at(setting.marks, at, "ORCH712", message, hint)


def _all(layer: Layer) -> Iterator[Knot]:
    for knot in layer.knots.values():
        yield knot
        if knot.body is not None:
            yield from _all(knot.body)


def _limited(setting: Setting, knot: Knot, *, bound: bool) -> Iterator[tuple[str, Path, str, ModelSpec]]:
    """Every model that a limit in dollars binds in this step, and where the limit stands."""
    step = knot.step
    escalate = step.escalate if isinstance(step, AgentStep) else None
    ladder = () if escalate is None else (escalate.to,) if isinstance(escalate.to, str) else escalate.to
    if bound:
        for name in (*knot.models, *ladder):
            if name in setting.models:
                yield "budget.usd", ("budget", "usd"), name, setting.models[name]
        if knot.child is not None:
            yield from (("budget.usd", ("budget", "usd"), name, spec) for name, spec in _called(knot.child))
    elif escalate is not None and escalate.usd is not None:
        for name in ladder:
            if name in setting.models:
                yield "escalate.usd", (*knot.at, "escalate", "usd"), name, setting.models[name]


def _called(graph: Graph) -> Iterator[tuple[str, ModelSpec]]:
    for node in all_nodes(graph.scope):
        for name in (*node.models, *node.ladder):
            yield name, graph.models[name]
        if node.child is not None:
            yield from _called(node.child)


def _unpriced(spec: ModelSpec) -> bool:
    if spec.price is not None or not is_cloud(spec):
        return False
    from orchestrator.pricelist import price_of

    return price_of(spec, local=False) is None
