"""Where an instance lies in the file: `answer.3.reply~2.draft` as one hop for each step around it. Knows no record."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from orchestrator.errors import UsageError
from orchestrator.graph.model import Graph, Node, Scope

_HOP = re.compile(r"(?P<name>[A-Za-z_]\w*)(?P<numbers>(?:\.\d+)*)(?:~(?P<turn>\d+))?(?P<part>[@^#].*)?")


@dataclass(frozen=True, slots=True)
class Hop:
    """One step on the way in. `item` and `turn` are None where the path does not say which; `part` is what stands
    behind the instance: `@tiny`, `^1.0`, `#2`."""

    name: str
    item: int | None = None
    turn: int | None = None
    part: str = ""


def hops(path: str) -> tuple[Hop, ...]:
    """The way to an instance; empty for what is no path."""
    return tuple(_hops(path))


def _hops(path: str) -> Iterator[Hop]:
    at = 0
    while at < len(path):
        found = _HOP.match(path, at)
        if found is None:
            return
        numbers = found["numbers"].split(".")[1:]
        turn = found["turn"]
        yield Hop(
            found["name"],
            int(numbers[0]) if numbers else None,
            int(turn) if turn else None,
            found["part"] or "",
        )
        at = found.end() + 1  # the dot before the next step


def inside(node: Node) -> Scope | None:
    """The steps in a group or a subworkflow."""
    return node.child.scope if node.child is not None else node.body


def place(graph: Graph, path: str) -> tuple[Hop, ...]:
    """The way to the step or instance that a person names. Raises UsageError for one that the file does not have."""
    way, scope, before, found = hops(path), graph.scope, "", list[Hop]()
    if not way:
        raise UsageError(f"'{path}' is no step", hint=_steps(graph.scope, ""))
    for number, hop in enumerate(way):
        nodes = {node.name: node for node in scope.nodes}
        node = nodes.get(hop.name)
        if node is None:
            raise UsageError(
                f"{graph.file} has no step '{before}{hop.name}'", hint=_near(hop.name, scope, before)
            )
        found.append(_fitting(node, hop, path))
        inner, last = inside(node), number == len(way) - 1
        if not last and inner is None:
            raise UsageError(
                f"there are no steps in '{before}{hop.name}'", hint=f"the step is '{before}{hop.name}'"
            )
        scope, before = inner or scope, f"{before}{hop.name}."
    return tuple(found)


def _fitting(node: Node, hop: Hop, path: str) -> Hop:
    if hop.turn is not None and "until" not in node.programs:
        raise UsageError(f"'{path}': '{node.path}' is no loop, so it has no pass {hop.turn}")
    if hop.item is not None and "foreach" not in node.programs:
        if "each" not in node.programs:
            raise UsageError(f"'{path}': '{node.path}' has no items", hint="say the step without a number")
        return replace(hop, item=None)  # a question of several: they are asked together
    return hop


def _near(name: str, scope: Scope, before: str) -> str:
    names = [node.name for node in scope.nodes]
    near = difflib.get_close_matches(name, names, 1)
    return f"did you mean '{before}{near[0]}'?" if near else _steps(scope, before)


def _steps(scope: Scope, before: str) -> str:
    return f"its steps: {', '.join(before + node.name for node in scope.nodes[:12])}"


def text_of(way: tuple[Hop, ...]) -> str:
    """The path again."""
    return ".".join(
        f"{hop.name}{'' if hop.item is None else f'.{hop.item}'}{'' if hop.turn is None else f'~{hop.turn}'}{hop.part}"
        for hop in way
    )


__all__ = ["Hop", "hops", "inside", "place", "text_of"]
