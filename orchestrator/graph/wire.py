"""Edges: which step reads which, found from the names in its expressions and from `needs`. Knows no types."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.kinds import UNKNOWN
from orchestrator.graph.names import Level
from orchestrator.graph.texts import Path, Text, loop_names
from orchestrator.light import light
from orchestrator.render import Program, parse
from orchestrator.spec.model import Step

if TYPE_CHECKING:
    from orchestrator.graph.model import Graph
    from orchestrator.graph.narrow import Chain
    from orchestrator.labels import Flow
    from orchestrator.library import Agent
    from orchestrator.policy.calibration import Calibration
    from orchestrator.spec.types import Type


@light(frozen=True, slots=True)
class Read:
    """Why one step comes after another: `reader` (a path, perhaps inside the group) reads it in `text`.

    Without a text it is a `needs`.
    """

    reader: str
    at: Path
    text: Text | None = None


@dataclass(slots=True)
class Knot:
    """A step on its way to becoming a node."""

    name: str
    step: Step
    verb: str
    at: Path
    level: Level
    texts: tuple[Text, ...] = ()
    programs: dict[str, Program] = field(default_factory=dict)
    deps: dict[str, Read] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    agent: Agent | None = None
    models: tuple[str, ...] = ()
    body: Layer | None = None
    child: Graph | None = None
    output: Type | None = None
    """Type of one answer; None is plain text."""
    edited: Type | None = None
    """Type of what a person may change; None where a question has nothing of the kind."""
    nulls: dict[str, tuple[Chain, ...]] = field(default_factory=dict)
    type: Type = UNKNOWN
    """What its name means to its readers."""
    flow: Flow | None = None
    """The labels of its request and its value."""
    calibrations: tuple[Calibration, ...] = ()
    """What its confidence was worth when somebody measured it."""
    confident: bool = False
    """A text reads `steps.<name>.confidence` of it."""
    skippable: bool = False
    never: bool = False
    """It can never run."""

    @property
    def path(self) -> str:
        return self.level.prefix + self.name


@dataclass(slots=True)
class Layer:
    """One level of steps while it is wired: its names, its knots, and the order they run in."""

    level: Level
    knots: dict[str, Knot]
    outer: Layer | None = None
    order: tuple[str, ...] = ()


def connect(layer: Layer) -> None:
    """Find the edges of this level and of the groups inside it."""
    for knot in layer.knots.values():
        if knot.body is not None:
            connect(knot.body)
        for text in knot.texts:
            for name in _names(knot, text):
                _edge(layer, knot, name, Read(knot.path, (*knot.at,), text), text)
        for name in knot.needs:
            _link(layer, knot.name, name, Read(knot.path, (*knot.at, "needs")))


def _names(knot: Knot, text: Text) -> Iterator[str]:
    program = knot.programs.get(text.key)
    names = program.names if program is not None else _free(text)
    for name in sorted(names) if len(names) > 1 else names:
        if name == "steps":
            yield from _named_facts(text)
        else:
            yield name


def _edge(layer: Layer, knot: Knot, name: str, read: Read, text: Text) -> None:
    if name in text.extra:
        return
    if text.sees != "outside" and (name == "index" or name in loop_names(knot.step)):
        return
    if text.sees == "inside" and knot.body is not None and (name in knot.body.level.steps or name == "last"):
        return
    _link(layer, knot.name, name, read)


def _link(layer: Layer, owner: str, name: str, read: Read) -> None:
    """Put the edge on the level that has the step: there the group around the reader depends on it."""
    here: Layer | None = layer
    while here is not None:
        if name in here.knots:
            here.knots[owner].deps.setdefault(name, read)
            return
        if name in here.level.loop:
            return
        owner, here = here.level.owner, here.outer


def _free(text: Text) -> frozenset[str]:
    """Names of a text that could not be compiled; as many as can be found."""
    found: set[str] = set()
    for _, leaf in text.leaves():
        found |= {node.name for node in _trees(text, leaf)}
    return frozenset(found)


def _trees(text: Text, leaf: str) -> Iterator[nodes.Name]:
    from orchestrator.render import TemplateSyntax

    try:
        tree = parse(leaf, "expression" if text.kind == "expression" else "template")
    except TemplateSyntax:
        return
    yield from (node for node in tree.find_all(nodes.Name) if node.ctx == "load")


def _named_facts(text: Text) -> Iterator[str]:
    """The steps whose facts a text reads: `steps.draft.sources` reads draft."""
    for _, leaf in text.leaves():
        if "steps" not in leaf:
            continue
        tree = parse(leaf, "expression" if text.kind == "expression" else "template")
        for attribute in tree.find_all(nodes.Getattr):
            if _is_steps(attribute.node):
                yield attribute.attr
        for item in tree.find_all(nodes.Getitem):
            if _is_steps(item.node) and isinstance(item.arg, nodes.Const) and isinstance(item.arg.value, str):
                yield item.arg.value


def _is_steps(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.name == "steps"


# --------------------------------------------------------------------------------------------------- order


def order(knots: Mapping[str, Knot]) -> tuple[tuple[str, ...], list[str]]:
    """Names so that every step stands after what it reads, else as in the file; and those that cannot be ordered."""
    number = {name: index for index, name in enumerate(knots)}
    names = list(knots)
    waiting = {name: len(knot.deps) for name, knot in knots.items()}
    readers: dict[str, list[str]] = {name: [] for name in names}
    for name, knot in knots.items():
        for dep in knot.deps:
            readers[dep].append(name)
    ready = [number[name] for name, count in waiting.items() if count == 0]
    heapq.heapify(ready)
    done: list[str] = []
    while ready:
        name = names[heapq.heappop(ready)]
        done.append(name)
        for reader in readers[name]:
            waiting[reader] -= 1
            if waiting[reader] == 0:
                heapq.heappush(ready, number[reader])
    left = [name for name in names if waiting[name] > 0]
    return tuple(done), left


def cycle_among(knots: Mapping[str, Knot], left: list[str]) -> list[str]:
    """A shortest cycle through the first of these steps that is on one: ['a', 'b', 'a']. Empty when there is none."""
    among = set(left)
    for start in left:
        found = _way_back(knots, start, among)
        if found:
            return found
    return []


def _way_back(knots: Mapping[str, Knot], start: str, among: set[str]) -> list[str]:
    came: dict[str, str] = {}
    queue = [start]
    for name in queue:
        for dep in knots[name].deps:
            if dep == start:
                return _trail(came, start, name)
            if dep in among and dep not in came:
                came[dep] = name
                queue.append(dep)
    return []


def _trail(came: Mapping[str, str], start: str, last: str) -> list[str]:
    trail = [start, last]
    while last != start:
        last = came[last]
        trail.append(last)
    return trail[::-1]
