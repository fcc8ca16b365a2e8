"""What has to run anew in a copy of a run: where it begins, what is not as it was, and everything that comes after.

Works on the file alone, and on paths; knows no events.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from orchestrator.engine.made_of import inputs_read
from orchestrator.engine.places import Hop, hops, inside, text_of
from orchestrator.graph.model import Graph, Node, Scope

BEGINS = "begins here"
Standing = Literal["kept", "reopened", "anew"]
"""Of an instance: it stays as it is, something in it is anew, or it is anew itself."""


@dataclass(frozen=True, slots=True)
class Part:
    """A step of which only some is anew. `item`, `turn` and `model` are None and empty where it is not one of several."""

    item: int | None = None
    turn: int | None = None
    model: str = ""
    reason: str = ""
    inner: Anew | None = None


@dataclass(slots=True)
class Anew:
    """Of one level of steps: those that are anew as a whole, with the reason, and those of which only a part is."""

    whole: dict[str, str] = field(default_factory=dict)
    parts: dict[str, Part] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.whole or self.parts)

    def stands(self, path: str) -> Standing:
        """How one instance of the record stands."""
        level, way = self, hops(path)
        for number, hop in enumerate(way):
            found = level._hop(hop, last=number == len(way) - 1)
            if isinstance(found, str):
                return found
            level = found
        return "anew"

    def _hop(self, hop: Hop, *, last: bool) -> Standing | Anew:
        """How this hop decides, or the level below it."""
        if hop.name in self.whole:
            return "anew"
        part = self.parts.get(hop.name)
        if part is None:
            return "kept"
        if part.item is not None and hop.item != part.item:
            return "reopened" if hop.item is None else "kept"
        if part.inner is None and part.turn is None:
            return _of_models(part, hop)
        if hop.turn is not None and hop.turn != (part.turn or 1):
            return "kept" if hop.turn < (part.turn or 1) else "anew"  # a pass decides about the next
        if last:
            return "reopened"
        return part.inner if part.inner is not None else "anew"

    def reasons(self, prefix: str = "") -> Iterator[tuple[str, str]]:
        """Every step that is anew, by its path, and why; of a step of which a part is, that part."""
        yield from ((prefix + name, why) for name, why in self.whole.items())
        for name, part in self.parts.items():
            here = text_of((Hop(name, part.item, part.turn, part.model),))
            if part.inner is None:
                yield prefix + here, part.reason
            else:
                yield from part.inner.reasons(f"{prefix}{here}.")


def _of_models(part: Part, hop: Hop) -> Standing:
    """An instance is anew as a whole, or only the answer of one of its models."""
    if not part.model:
        return "anew"
    if not hop.part:
        return "reopened"
    return "anew" if hop.part == part.model else "kept"


@dataclass(frozen=True, slots=True)
class Causes:
    """What makes steps anew by themselves: where it begins, inputs with other values, and steps that are not as they
    were, by path, each with the reason."""

    at: tuple[Hop, ...] = ()
    inputs: Collection[str] = ()
    changed: Mapping[str, str] = field(default_factory=dict)


def reach(graph: Graph, causes: Causes) -> Anew:
    """What is anew in this file."""
    return _scope(graph, graph.scope, "", causes.at, causes, top=True)


def _scope(
    graph: Graph, scope: Scope, prefix: str, at: tuple[Hop, ...], causes: Causes, *, top: bool
) -> Anew:
    """`top` says that the names `inputs` in these texts are those of the run."""
    found = Anew()
    for node in scope.nodes:
        here = at if at and at[0].name == node.name else ()
        why = _own_reason(graph, node, prefix, here, causes, top=top) or _after(scope, node, prefix, found)
        why = why or _elsewhere(graph, node, prefix, here, causes, top=top)
        if why:
            found.whole[node.name] = why
        elif part := _part(graph, node, prefix, here, causes, top=top):
            found.parts[node.name] = part
    return found


def _elsewhere(
    graph: Graph, node: Node, prefix: str, here: tuple[Hop, ...], causes: Causes, *, top: bool
) -> str:
    """Why more than the chosen item or pass is anew: something in the step is not as it was in any of them."""
    if not here or (here[0].item is None and here[0].turn is None):
        return ""
    part = _part(graph, node, prefix, (), causes, top=top)
    why = next(part.inner.reasons(), None) if part is not None and part.inner is not None else None
    return f"{prefix}{node.name}.{why[0]} {why[1]}" if why is not None else ""


def _own_reason(
    graph: Graph, node: Node, prefix: str, here: tuple[Hop, ...], causes: Causes, *, top: bool
) -> str:
    if here == (Hop(node.name),):
        return BEGINS
    if changed := causes.changed.get(prefix + node.name):
        return changed
    read = sorted(inputs_read(graph, node) & set(causes.inputs)) if top and causes.inputs else []
    return f"reads {', '.join('inputs.' + name for name in read)}" if read else ""


def _after(scope: Scope, node: Node, prefix: str, found: Anew) -> str:
    before = (scope.nodes[index].name for index in node.deps)
    first = next((name for name in before if name in found.whole or name in found.parts), None)
    return f"comes after {prefix}{first}" if first is not None else ""


def _part(
    graph: Graph, node: Node, prefix: str, here: tuple[Hop, ...], causes: Causes, *, top: bool
) -> Part | None:
    inner, scope = Anew(), inside(node)
    if scope is not None:
        within = node.child if node.child is not None else graph
        top = top and node.child is None
        inner = _scope(within, scope, f"{prefix}{node.name}.", here[1:], causes, top=top)
    if not here:
        return Part(inner=inner) if inner else None
    hop, several = here[0], len(node.models) > 1
    if len(here) == 1:
        return Part(hop.item, hop.turn, hop.part if several else "", BEGINS)
    return Part(hop.item, hop.turn, inner=inner)


__all__ = ["BEGINS", "Anew", "Causes", "Part", "Standing", "reach"]
