"""Types and nulls through a whole template: if, for, set and with, in the order they are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.kinds import BOOL, COUNT, TEXT, UNKNOWN, Row, base, join, present, view
from orchestrator.graph.narrow import narrow
from orchestrator.render import sole
from orchestrator.render.show import show
from orchestrator.spec.types import Field, ListOf, MapOf, Type

if TYPE_CHECKING:
    from orchestrator.graph.infer import Reading

_LOOP = MapOf(
    tuple(
        Field(name, BOOL if name in ("first", "last") else COUNT)
        for name in ("index", "index0", "revindex", "revindex0", "first", "last", "length")
    )
)


def template_type(reading: Reading, tree: nodes.Template, *, prints: bool) -> Type:
    """The type of a template: that of its one expression, else text. `prints`: it ends as text in any case."""
    alone = sole(tree)
    if alone is not None:
        if prints:
            reading.printed(alone)
        return reading.expr(alone) if not prints else TEXT
    body(reading, tree.body)
    return TEXT


def body(reading: Reading, statements: Sequence[nodes.Node]) -> None:
    for node in statements:
        match node:
            case nodes.Output():
                for part in node.nodes:
                    if not isinstance(part, nodes.TemplateData):
                        reading.printed(part)
            case nodes.If():
                _if(reading, node)
            case nodes.For():
                _for(reading, node)
            case nodes.Assign():
                _bind(reading, node.target, reading.expr(node.node, quiet=True))
            case nodes.AssignBlock():
                _inner(reading, node.body)
                _bind(reading, node.target, TEXT)
            case nodes.With():
                _with(reading, node)
            case nodes.FilterBlock():
                _inner(reading, node.body)
            case _:
                pass  # the compiler refuses it


def _inner(reading: Reading, statements: Sequence[nodes.Node]) -> None:
    before = dict(reading.local)
    body(reading, statements)
    reading.local = before


def _if(reading: Reading, node: nodes.If) -> None:
    before = dict(reading.local)
    known = reading.known
    ends: list[dict[str, Type]] = []
    for branch in (node, *node.elif_):
        reading.expr(branch.test, quiet=True)
        true, false = narrow(branch.test)
        with reading.knowing(true):
            body(reading, branch.body)
        ends.append(reading.local)
        reading.local = dict(before)
        reading.known = reading.known | false
    body(reading, node.else_)
    ends.append(reading.local)
    reading.known = known
    reading.local = _merged(ends)


def _merged(ends: list[dict[str, Type]]) -> dict[str, Type]:
    """Names set in the branches, with a type that holds whichever was taken."""
    merged: dict[str, Type] = {}
    for end in ends:
        for name, kind in end.items():
            merged[name] = join(merged[name], kind) if name in merged else kind
    return merged


def _for(reading: Reading, node: nodes.For) -> None:
    kind = view(reading.solid(node.iter, "and {% for %} needs a list"))
    item: Type = UNKNOWN
    if isinstance(kind, ListOf):
        item = kind.item
    elif isinstance(kind, MapOf):
        item = TEXT
    elif base(kind):
        reading.say(node.iter, "ORCH306", f"{show(node.iter)} is {base(kind)}, and {{% for %}} needs a list")
    before = dict(reading.local)
    reading.local["loop"] = _LOOP
    _bind(reading, node.target, item)
    if node.test is not None:
        reading.expr(node.test, quiet=True)
    true = narrow(node.test)[0] if node.test is not None else frozenset()
    with reading.knowing(true):
        body(reading, node.body)
    reading.local = before
    body(reading, node.else_)


def _bind(reading: Reading, target: nodes.Node, kind: Type) -> None:
    if isinstance(target, nodes.Name):
        reading.local[target.name] = kind
        reading.known = frozenset(chain for chain in reading.known if chain[0] != target.name)
        return
    names = [item.name for item in getattr(target, "items", ()) if isinstance(item, nodes.Name)]
    parts = present(kind)
    if isinstance(parts, Row) and len(parts.items) != len(names):
        reading.say(target, "ORCH308", f"{len(names)} names cannot be filled from {len(parts.items)} values")
    for index, name in enumerate(names):
        if isinstance(parts, Row) and index < len(parts.items):
            reading.local[name] = parts.items[index]
        else:
            reading.local[name] = parts.item if isinstance(parts, ListOf) else UNKNOWN


def _with(reading: Reading, node: nodes.With) -> None:
    before = dict(reading.local)
    kinds = [reading.expr(value, quiet=True) for value in node.values]
    for target, kind in zip(node.targets, kinds, strict=True):
        _bind(reading, target, kind)
    body(reading, node.body)
    reading.local = before
