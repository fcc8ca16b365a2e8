"""Types of comparisons and arithmetic, and what can never come out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jinja2 import nodes

from orchestrator.graph.kinds import BOOL, INT, NUMBER, TEXT, UNKNOWN, Lit, base, join, list_of, present, view
from orchestrator.graph.say import choice, near
from orchestrator.render.show import show
from orchestrator.spec.types import Enum, Int, ListOf, MapOf, Str, Type, Unknown

if TYPE_CHECKING:
    from orchestrator.graph.infer import Reading

_ORDER = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">="}
_NUMERIC = ("", "a number", "true or false")


def compare(reading: Reading, node: nodes.Compare) -> Type:
    left = node.expr
    kind = _operand(reading, left, node.ops[0].op)
    for operand in node.ops:
        other = _operand(reading, operand.expr, operand.op)
        if operand.op in ("eq", "ne"):
            _equality(reading, left, present(kind), operand.expr, present(other))
        elif operand.op in _ORDER:
            _order(reading, node, present(kind), present(other))
        else:
            _membership(reading, left, present(kind), operand.expr, present(other))
        left, kind = operand.expr, other
    return BOOL


def _operand(reading: Reading, node: nodes.Expr, sign: str) -> Type:
    if sign in _ORDER:
        return reading.solid(node, f"and {_ORDER[sign]} needs a value")
    return reading.expr(node, quiet=True)


def _equality(reading: Reading, left: nodes.Expr, kind: Type, right: nodes.Expr, other: Type) -> None:
    if isinstance(kind, Unknown) or isinstance(other, Unknown):
        return
    for one, mine, two, its in ((left, kind, right, other), (right, other, left, kind)):
        if isinstance(its, Lit) and _closed(mine):
            impossible(reading, two, its.values[0], show(one), mine)
            return
    _ranges(reading, left, kind, right, other)
    if isinstance(kind, Enum) and isinstance(other, Enum) and not set(kind.values) & set(other.values):
        reading.say(
            right, "ORCH301", f"{show(left)} and {show(right)} have no value in common",
            f"{choice(kind.values)}; {choice(other.values)}",
        )  # fmt: skip
        return
    a, b = base(kind), base(other)
    if a and b and a != b:
        reading.say(right, "ORCH302", f"{show(left)} is {a} and {show(right)} is {b}: they are never equal")


def _closed(kind: Type) -> bool:
    return isinstance(kind, Enum) and not isinstance(kind, Lit)


def _ranges(reading: Reading, left: nodes.Expr, kind: Type, right: nodes.Expr, other: Type) -> None:
    for one, mine, two, its in ((left, kind, right, other), (right, other, left, kind)):
        match mine, its:
            case Int(low, high), Int(value, same) if value is not None and value == same and low != high:
                below, above = low is not None and value < low, high is not None and value > high
                if below or above:
                    bounds = f"{'' if low is None else low}..{'' if high is None else high}"
                    reading.say(two, "ORCH301", f"{show(one)} is int({bounds}) and never {value}")


def impossible(reading: Reading, node: nodes.Node, value: str, shown: str, kind: Type) -> None:
    """Say that a choice never has this value, if it never has."""
    if isinstance(kind, Enum) and value not in kind.values:
        hint = near(value, kind.values) or f"it is one of {choice(kind.values)}"
        reading.say(node, "ORCH301", f"{shown} is never '{value}'", hint)


def _order(reading: Reading, node: nodes.Compare, kind: Type, other: Type) -> None:
    a, b = base(kind), base(other)
    for word, operand in ((a, node.expr), (b, node.ops[0].expr)):
        if word in ("a list", "a map"):
            reading.say(
                operand,
                "ORCH302",
                f"{show(operand)} is {word} and has no order",
                f"{show(operand)} | length?",
            )
            return
    if a and b and ("text" in (a, b)) and a != b:
        right = node.ops[0].expr
        hint = f"turn the text into a number: {show(node.expr if a == 'text' else right)} | int"
        reading.say(
            right, "ORCH302", f"{show(node.expr)} is {a} and {show(right)} is {b}: they have no order", hint
        )


def _membership(reading: Reading, left: nodes.Expr, kind: Type, right: nodes.Expr, other: Type) -> None:
    other = view(other)
    if isinstance(right, nodes.List | nodes.Tuple) and _closed(kind):
        for part in right.items:
            if isinstance(part, nodes.Const) and isinstance(part.value, str):
                impossible(reading, part, part.value, show(left), kind)
        return
    match other:
        case ListOf(item):
            item = present(item)
            if isinstance(kind, Lit) and _closed(item):
                impossible(reading, left, kind.values[0], f"an item of {show(right)}", item)
            elif (a := base(kind)) and (b := base(item)) and a != b:
                reading.say(left, "ORCH302", f"{show(left)} is {a} and the items of {show(right)} are {b}")
        case MapOf():
            if isinstance(kind, Lit) and other.field(kind.values[0]) is None:
                names = [f.name for f in other.fields]
                reading.say(
                    left,
                    "ORCH202",
                    f"{show(right)} has no field '{kind.values[0]}'",
                    near(kind.values[0], names),
                )
        case Str() | Enum() | Unknown():
            if isinstance(other, Str) and base(kind) not in ("", "text"):
                reading.say(left, "ORCH302", f"{show(left)} is {base(kind)} and cannot be part of a text")
        case _:
            if base(other):
                reading.say(right, "ORCH302", f"nothing can be in {show(right)}: it is {base(other)}")


def arithmetic(reading: Reading, node: nodes.BinExpr) -> Type:
    sign = node.operator
    left = reading.solid(node.left, f"and {sign} needs a value")
    right = reading.solid(node.right, f"and {sign} needs a value")
    a, b = base(left), base(right)
    if sign == "+" and (a == b == "text"):
        return TEXT
    if sign == "+" and isinstance(left, ListOf) and isinstance(right, ListOf):
        return list_of(join(left.item, right.item))
    if sign == "*" and "text" in (a, b) and (b if a == "text" else a) in _NUMERIC:
        return TEXT
    if sign == "+" and "text" in (a, b) and (a and b):
        reading.say(
            node.right, "ORCH305", f"+ cannot join {a} and {b}",
            f"~ joins anything as text: {show(node.left)} ~ {show(node.right)}",
        )  # fmt: skip
        return UNKNOWN
    for word, operand in ((a, node.left), (b, node.right)):
        if word not in _NUMERIC and not (sign == "+" and not (a and b)):
            hint = f"{show(operand)} | int?" if word == "text" else ""
            reading.say(operand, "ORCH305", f"{show(operand)} is {word}, and {sign} needs numbers", hint)
            return UNKNOWN
    if not (a and b):
        return UNKNOWN if sign in ("+", "*") else NUMBER
    whole = isinstance(left, Int) and isinstance(right, Int)
    return INT if whole and sign in ("+", "-", "*", "//", "%") else NUMBER
