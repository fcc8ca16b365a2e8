"""How many items an expression gives, before anything ran: counted from the inputs where they are known,
else bounded by types and by the lists that other steps make, else an unknown with the expression's name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from jinja2 import nodes

from orchestrator.errors import StepError
from orchestrator.plan.count import Count, of, unknown
from orchestrator.render import Program, parse, sole
from orchestrator.spec.types import ListOf, MapOf, Nullable, Type

NOT_LONGER = frozenset({"present", "list", "sort", "unique", "reverse", "select", "reject", "selectattr", "rejectattr", "map"})  # fmt: skip


ROWS = 100_000
"""Most combinations of loop variables that are looked at one by one."""


@dataclass(slots=True)
class Known:
    """What is known of names: values of inputs, lengths of the lists that steps make, types of the rest.

    `rows` holds the loop variables, one map per item that a surrounding `foreach` will go through.
    """

    values: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, Count] = field(default_factory=dict)
    types: dict[str, Type] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=lambda: [{}])

    def inner(self) -> Known:
        """The same, for a scope inside: what is learnt there is not known outside."""
        return Known(dict(self.values), dict(self.lengths), dict(self.types), self.rows)

    def covers(self, program: Program) -> bool:
        """Whether the inputs alone decide the program's value, item by item."""
        looped = self.rows[0] if self.rows else {}
        return all(name in self.values or name in looped for name in program.names)


def length_of(program: Program, known: Known) -> Count:
    """At most how many items the program gives."""
    values = evaluate(program, known)
    if values and all(isinstance(value, list | tuple) for value in values):
        return of(max(map(len, values)))
    tree = parse(program.source, "expression")
    expression = sole(tree)
    found = None if expression is None else _length(expression, known)
    return found if found is not None else unknown(f"len({_short(program.source)})")


def evaluate(program: Program, known: Known) -> list[Any] | None:
    """The program's values, one per row, when the inputs alone decide them. Expressions are pure."""
    if not known.covers(program):
        return None
    looped = known.rows[0] if known.rows else {}
    own = [name for name in program.names if name in looped]
    fixed = {name: known.values[name] for name in program.names if name not in own}
    rows = known.rows if own else [{}]
    try:
        return [program.evaluate(fixed | {name: row[name] for name in own}) for row in rows]
    except StepError:
        return None


def learn_value(name: str, program: Program, known: Known) -> None:
    """Keep the value of a step that the inputs alone decide: for all, or item by item."""
    values = evaluate(program, known)
    if not values:
        return
    if program.names <= known.values.keys():
        known.values[name] = values[0]
    else:
        known.rows = [{**row, name: value} for row, value in zip(known.rows, values, strict=True)]


def loop_rows(program: Program, names: tuple[str, ...], known: Known) -> list[dict[str, Any]]:
    """The loop variables of a `foreach`, for every item; empty when they are not known or too many."""
    values = evaluate(program, known)
    if not known.rows or values is None or not all(isinstance(value, list | tuple) for value in values):
        return []
    if len(values) < len(known.rows):
        values = values * len(known.rows)
    if sum(map(len, values)) > ROWS:
        return []
    return [
        {**row, **_bind(names, item), "index": index}
        for row, items in zip(known.rows, values, strict=True)
        for index, item in enumerate(items)
    ]


def _bind(names: tuple[str, ...], item: Any) -> dict[str, Any]:
    if len(names) == 1:
        return {names[0]: item}
    return dict(zip(names, item, strict=False)) if isinstance(item, list | tuple) else {}


def _length(node: nodes.Expr, known: Known) -> Count | None:
    match node:
        case nodes.Name():
            return known.lengths.get(node.name) or _bound(known.types.get(node.name))
        case nodes.Getattr():
            return _bound(_type(node, known))
        case nodes.List() | nodes.Tuple():
            return of(len(node.items))
        case nodes.Filter() if node.node is not None and node.name in NOT_LONGER:
            return _length(node.node, known)
        case nodes.Filter() if node.node is not None and node.name == "default":
            return _length(node.node, known)
        case nodes.Call() if isinstance(node.node, nodes.Name):
            return _call(node.node.name, node.args, known)
        case _:
            return None


def _call(name: str, args: list[nodes.Expr], known: Known) -> Count | None:
    if name not in ("zip", "coalesce"):
        return None
    found = [length for arg in args if (length := _length(arg, known)) is not None]
    numbers = [length.known for length in found if length.known is not None]
    if name == "coalesce":
        return of(max(numbers)) if len(numbers) == len(args) > 0 else None
    # zip refuses unequal lengths, so that the smallest bound holds for all
    return of(min(numbers)) if numbers else next(iter(found), None)


def _type(node: nodes.Expr, known: Known) -> Type | None:
    match node:
        case nodes.Name():
            return known.types.get(node.name)
        case nodes.Getattr():
            owner = _plain(_type(node.node, known))
            found = owner.field(node.attr) if isinstance(owner, MapOf) else None
            return found.type if found else None
        case _:
            return None


def _bound(kind: Type | None) -> Count | None:
    plain = _plain(kind)
    return of(plain.high) if isinstance(plain, ListOf) and plain.high is not None else None


def _plain(kind: Type | None) -> Type | None:
    while isinstance(kind, Nullable):
        kind = kind.type
    return kind


def _short(source: str) -> str:
    line = " ".join(source.split())
    return line if len(line) <= 40 else line[:39] + "…"


def of_value(raw: Any, known: Known) -> Count | None:
    """The length of the list that a `value:` step makes; None when it is no list or nobody knows."""
    if isinstance(raw, list):
        return of(len(raw))
    if not isinstance(raw, str):
        return None
    expression = sole(parse(raw, "template"))
    return None if expression is None else _length(expression, known)


__all__ = ["Known", "evaluate", "learn_value", "length_of", "loop_rows", "of_value"]
