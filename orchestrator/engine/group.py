"""How many entries a figure stands for: the lists that a step reads, and the lists that those were made of.

A list says nothing about a group when its elements were cut out of one value, so every value that a step of the file
made is followed to what came from outside. What is picked out of a list stands for one. In doubt fewer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jinja2 import nodes

from orchestrator.engine.frame import Frame
from orchestrator.graph.model import Graph, Node, all_nodes
from orchestrator.graph.texts import texts_of
from orchestrator.labels import Label, above
from orchestrator.light import light
from orchestrator.render import parse

PRIVATE: Label = "private"
"""The label of an input that states none."""
_REQUEST = ("prompt", "role", "reduce", "with")
_MADE_OF = frozenset((*_REQUEST, "value", "foreach", "each", "show", "ask", "images", "on_error", "else"))
_ONE_OF = frozenset(("first", "last", "random", "min", "max"))
_FEWER = frozenset(("select", "reject", "selectattr", "rejectattr", "unique", "present", "slice"))
_ENTRIES = _FEWER | {"sort", "list", "map", "reverse"}
"""Filters whose result has the entries of the list, or fewer: the list that comes out is counted."""


@light(frozen=True, slots=True)
class _Read:
    """A dotted name in a text, and whether only some of what it names can be in the result."""

    chain: tuple[str, ...]
    picked: bool


def smallest_group(graph: Graph, node: Node, frame: Frame, to: Label) -> tuple[int, str]:
    """Entries of the shortest list above a label that the step's request goes back to; what is no list is one entry."""
    low = _low_names(graph, to)
    found: list[tuple[int, str]] = []
    for read in dict.fromkeys(_origins(graph, _request(node), low)):
        value = _value(frame, read.chain)
        entries = min(_entries(value), default=None)
        if entries is not None:
            entries = min(entries, 1) if read.picked else entries
            found.append(
                (entries, f"{entries} {'entry' if entries == 1 else 'entries'} of {'.'.join(read.chain)}")
            )
    return min(found, default=(1, "no list that it reads"))


def _entries(value: Any) -> Iterator[int]:
    """How many entries each part of a value has: those of a list that are there, else one."""
    match value:
        case None:
            return
        case list() | tuple():
            yield sum(item is not None for item in value)
        case Mapping():
            for inner in value.values():
                yield from _entries(inner)
        case _:
            yield 1


def _low_names(graph: Graph, to: Label) -> set[str | tuple[str, ...]]:
    """Names whose values anybody may see to whom the figure goes: they stand for nobody."""
    low: dict[str, bool] = {"today": True, "index": True}
    for node in all_nodes(graph.scope):
        is_low = node.flow is not None and not above(node.flow.output.label, to)
        low[node.name] = low.get(node.name, True) and is_low
    inputs = graph.workflow.inputs.items()
    return {name for name, is_low in low.items() if is_low} | {
        ("inputs", name) for name, spec in inputs if not above(spec.label or PRIVATE, to)
    }


# ------------------------------------------------------------------------------------------------- what it read


def _origins(graph: Graph, reads: Iterable[_Read], low: set[str | tuple[str, ...]]) -> Iterator[_Read]:
    """These names, and those in all that the steps among them were made of, back to what comes from outside."""
    steps: dict[str, list[Node]] = {}
    for node in all_nodes(graph.scope):
        steps.setdefault(node.name, []).append(node)
    waiting, seen = list(reads), set[str]()
    while waiting:
        read = waiting.pop()
        if read.chain[0] in low or read.chain[:2] in low:
            continue
        yield read
        for node in steps.get(read.chain[0], ()):
            if node.path not in seen:
                seen.add(node.path)
                waiting += _made_of(node)


def _made_of(node: Node) -> Iterator[_Read]:
    """Names in everything that the value of a step is made of, those of the steps inside a group as well."""
    inside = (node, *(all_nodes(node.body) if node.body is not None else ()))
    bound = {name for step in inside for name in step.loop}
    for step in inside:
        for text in texts_of(step.step, ()):
            if text.key not in _MADE_OF:
                continue
            for _, raw in text.leaves():
                tree = parse(raw, "expression" if text.kind == "expression" else "template")
                yield from (read for read in _reads(tree, strict=True) if read.chain[0] not in bound)


def _request(node: Node) -> Iterator[_Read]:
    """Names in everything that the request of a step is made of."""
    for key in _REQUEST:
        program = node.programs.get(key)
        if program is not None:
            tree = parse(program.source, "expression" if program.kind == "expression" else "template")
            yield from _reads(tree, strict=False)


def _reads(tree: nodes.Node, *, strict: bool) -> Iterator[_Read]:
    picked, inner = _picked(tree, strict=strict), set[int]()
    for node in tree.find_all((nodes.Getattr, nodes.Name)):
        if id(node) in inner:
            continue
        fields: list[str] = []
        here: nodes.Node = node
        while isinstance(here, nodes.Getattr):
            fields.append(here.attr)
            inner.add(id(here.node))
            here = here.node
        if isinstance(here, nodes.Name):
            yield _Read((here.name, *reversed(fields)), id(node) in picked)


def _picked(tree: nodes.Node, *, strict: bool) -> set[int]:
    """What is read for one of its entries only; `strict`, also for some of them on the way to something else."""
    counted = _counted(tree) if strict else set[int]()
    found: set[int] = set()
    for node in tree.find_all((nodes.Getitem, nodes.Filter)):
        below = node.node if isinstance(node, (nodes.Getitem, nodes.Filter)) else None
        if below is not None and id(node) not in counted and _picks(node, strict=strict):
            found.update(map(id, (below, *below.find_all((nodes.Getattr, nodes.Name)))))
    return found


def _counted(tree: nodes.Node) -> set[int]:
    """What leaves entries out, and what comes out is counted itself: at the outside of an expression."""
    found: set[int] = set()
    for output in tree.find_all(nodes.Output):
        for expression in output.nodes:
            here: nodes.Node | None = expression
            while isinstance(here, (nodes.Filter, nodes.Getitem)) and _is_entries(here):
                found.add(id(here))
                here = here.node
    return found


def _is_entries(node: nodes.Filter | nodes.Getitem) -> bool:
    if isinstance(node, nodes.Filter):
        return node.name in _ENTRIES
    return isinstance(node.arg, nodes.Slice)


def _picks(node: nodes.Node, *, strict: bool) -> bool:
    match node:
        case nodes.Getitem(arg=nodes.Slice()):
            return strict
        case nodes.Getitem(arg=nodes.Const(value=str())):
            return False
        case nodes.Getitem():
            return True
        case nodes.Filter(name=name):
            return name in _ONE_OF or (strict and name in _FEWER)
        case _:
            return False


def _value(frame: Frame, chain: tuple[str, ...]) -> Any:
    try:
        value = frame.lookup(chain[0])
    except KeyError:
        return None
    for name in chain[1:]:
        if not isinstance(value, Mapping):
            return value
        value = value.get(name)
    return value


__all__ = ["PRIVATE", "smallest_group"]
