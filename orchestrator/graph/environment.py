"""Which variables of the environment a text reads. `env.NAME` is found where it is written, and nothing else is read.

So that a run knows before its first step which secrets it holds; `env[name]` reaches only what is written elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator

from jinja2 import nodes

_FALLBACKS = frozenset({"default", "d"})


def variables(tree: nodes.Node) -> dict[str, bool]:
    """Names of the variables in a template, and whether they must be set: not where a default stands beside them."""
    found: dict[str, bool] = {}
    optional = {id(node) for node in _optional(tree)}
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        name = variable(node)
        if name:
            found[name] = found.get(name, False) or id(node) not in optional
    return found


def _optional(tree: nodes.Node) -> Iterator[nodes.Node | None]:
    for held in tree.find_all(nodes.Filter):
        if held.name in _FALLBACKS:
            yield held.node
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "coalesce":
            yield from call.args


def variable(node: nodes.Expr) -> str:
    """NAME of `env.NAME` and `env['NAME']`; empty for anything else."""
    match node:
        case nodes.Getattr(node=nodes.Name(name="env"), attr=str() as name):
            return name
        case nodes.Getitem(node=nodes.Name(name="env"), arg=nodes.Const(value=str() as name)):
            return name
        case _:
            return ""
