"""A Jinja expression tree becomes one Python closure. What is not handled here does not exist in the language.

Nothing is generated, imported or looked up on an object: a closure reads plain data through `access` and
calls the filters, tests and functions of the tables. In a null-safe place (inside `coalesce`, before
`default`, `is defined`) a null or missing link of a chain gives null instead of an error.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from jinja2 import nodes

from orchestrator.render.access import (
    TEXT_SHIFT,
    Frame,
    capped,
    fault,
    get_field,
    get_item,
    kind_of,
    nearest,
    to_text,
    weigh,
)
from orchestrator.render.arithmetic import BINARY, negative
from orchestrator.render.describe import Description, Misuse, apply
from orchestrator.render.filters import FILTERS
from orchestrator.render.functions import FUNCTIONS
from orchestrator.render.predicates import TESTS, contains, ordered
from orchestrator.render.show import show
from orchestrator.render.syntax import TemplateSyntax

Eval: TypeAlias = Callable[[Frame], Any]


class Compiler:
    """Compiles the expressions of one text and collects the free names they read."""

    def __init__(self) -> None:
        self.free: set[str] = set()
        self.local: set[str] = set()

    def expression(self, node: nodes.Node, *, safe: bool = False) -> Eval:
        match node:
            case nodes.TemplateData():
                return _constant(node.data)
            case nodes.Const():
                return _constant(literal(node))
            case nodes.Name():
                return self._name(node, safe)
            case nodes.Getattr() | nodes.Getitem():
                return self._access(node, safe)
            case nodes.Filter():
                return self._filter(node, safe)
            case nodes.Test():
                return self._test(node)
            case nodes.Call():
                return self._call(node, safe)
            case nodes.CondExpr():
                return self._condition(node, safe)
            case nodes.And() | nodes.Or():
                return self._logic(node, safe)
            case nodes.Not():
                inner = self.expression(node.node)
                return lambda frame: not inner(frame)
            case nodes.Compare():
                return self._compare(node)
            case nodes.Concat():
                return self._concat(node)
            case nodes.BinExpr():
                return self._binary(node)
            case nodes.Neg() | nodes.Pos():
                return self._sign(node)
            case nodes.List() | nodes.Tuple():
                return self._list(node)
            case nodes.Dict():
                return self._dict(node)
            case _:
                raise refused(node, f"{type(node).__name__.lower()} is not part of the language")

    # ---------------------------------------------------------------------------------------- names, access

    def _name(self, node: nodes.Name, safe: bool) -> Eval:
        name = node.name
        if name in FUNCTIONS:
            raise refused(node, f"'{name}' is a function: write {name}(…)", width=len(name))
        if name in self.local:
            return lambda frame: (
                frame.names[name] if name in frame.names else lookup(frame.context, name, safe)
            )
        self.free.add(name)
        return lambda frame: lookup(frame.context, name, safe)

    def _access(self, node: nodes.Getattr | nodes.Getitem, safe: bool) -> Eval:
        holder, shown = self.expression(node.node, safe=safe), show(node.node)
        if isinstance(node, nodes.Getattr):
            name = node.attr
            return lambda frame: get_field(holder(frame), name, shown, safe=safe)
        if isinstance(node.arg, nodes.Slice):
            return self._slice(holder, node.arg, shown)
        if isinstance(node.arg, nodes.Const):
            constant = node.arg.value
            return lambda frame: get_item(holder(frame), constant, shown, safe=safe)
        key = self.expression(node.arg)
        return lambda frame: get_item(holder(frame), key(frame), shown, safe=safe)

    def _slice(self, holder: Eval, node: nodes.Slice, shown: str) -> Eval:
        bounds = [
            _constant(None) if n is None else self.expression(n) for n in (node.start, node.stop, node.step)
        ]

        def run(frame: Frame) -> Any:
            value, numbers = holder(frame), [bound(frame) for bound in bounds]
            if not isinstance(value, list | tuple | str):
                raise fault(f"{shown}[:]", f"{shown} is {kind_of(value)} and has no items")
            if (
                any(n is not None and (isinstance(n, bool) or not isinstance(n, int)) for n in numbers)
                or numbers[2] == 0
            ):
                raise fault(f"{shown}[:]", "the bounds of a slice are whole numbers")
            frame.burn(len(value) >> TEXT_SHIFT if isinstance(value, str) else len(value))
            part = value[slice(*numbers)]
            return list(part) if isinstance(part, tuple) else part

        return run

    # ---------------------------------------------------------------------------- filters, tests, functions

    def _arguments(
        self, node: nodes.Filter | nodes.Test | nodes.Call, safe: bool = False
    ) -> tuple[list[Eval], dict[str, Eval]]:
        if node.dyn_args is not None or node.dyn_kwargs is not None:
            raise refused(node, "* and ** arguments are not part of the language")
        positional = [self.expression(arg, safe=safe) for arg in node.args]
        named = {str(pair.key): self.expression(pair.value, safe=safe) for pair in node.kwargs}
        return positional, named

    def _filter(self, node: nodes.Filter, safe: bool) -> Eval:
        found = known(node, node.name, FILTERS, "filter")
        if node.node is None:
            raise refused(node, "a filter needs a value before it")
        inner = self.expression(node.node, safe=safe or found.null_safe)
        passes_null = safe and not found.null_safe
        return self._applied(node, found, inner, f"{show(node.node)} | {node.name}", passes_null=passes_null)

    def _test(self, node: nodes.Test) -> Eval:
        found = known(node, node.name, TESTS, "test")
        inner = self.expression(node.node, safe=found.null_safe)
        return self._applied(node, found, inner, f"{show(node.node)} is {node.name}")

    def _call(self, node: nodes.Call, safe: bool) -> Eval:
        if not isinstance(node.node, nodes.Name):
            raise _method(node)
        name = node.node.name
        found = known(node.node, name, FUNCTIONS, "function")
        return self._applied(node, found, _constant(None), show(node), safe=safe or found.null_safe)

    def _applied(
        self,
        node: nodes.Filter | nodes.Test | nodes.Call,
        found: Description,
        inner: Eval,
        shown: str,
        *,
        safe: bool = False,
        passes_null: bool = False,
    ) -> Eval:
        positional, named = self._arguments(node, safe)
        if not found.accepts(len(positional), frozenset(named)):
            wanted = ", ".join(found.arguments) or "no arguments"
            raise refused(node, f"{found.name} takes {wanted}", width=len(found.name))
        if found.name == "map" and node.args and isinstance(node.args[0], nodes.Const):
            known(node, node.args[0].value, FILTERS, "filter")

        def run(frame: Frame) -> Any:
            value = inner(frame)
            if value is None and passes_null:
                return None
            args, kwargs = [arg(frame) for arg in positional], {key: arg(frame) for key, arg in named.items()}
            try:
                return apply(frame, found, value, args, kwargs)
            except Misuse as error:
                raise fault(shown, f"{found.name} {error}") from None

        return run

    # ---------------------------------------------------------------------------------------------- operators

    def _condition(self, node: nodes.CondExpr, safe: bool) -> Eval:
        test, then = self.expression(node.test), self.expression(node.expr1, safe=safe)
        other = _constant(None) if node.expr2 is None else self.expression(node.expr2, safe=safe)
        return lambda frame: then(frame) if test(frame) else other(frame)

    def _logic(self, node: nodes.And | nodes.Or, safe: bool) -> Eval:
        left, right = self.expression(node.left, safe=safe), self.expression(node.right, safe=safe)
        if isinstance(node, nodes.And):
            return lambda frame: left(frame) and right(frame)
        return lambda frame: left(frame) or right(frame)

    def _compare(self, node: nodes.Compare) -> Eval:
        first, shown = self.expression(node.expr), show(node)
        rest = [(_COMPARE[operand.op], self.expression(operand.expr)) for operand in node.ops]

        def run(frame: Frame) -> bool:
            left = first(frame)
            for compare, other in rest:
                right = other(frame)
                frame.burn(len(right) >> TEXT_SHIFT if isinstance(right, str) else 1)
                try:
                    if not compare(left, right):
                        return False
                except Misuse as error:
                    raise fault(shown, str(error)) from None
                left = right
            return True

        return run

    def _concat(self, node: nodes.Concat) -> Eval:
        parts = [(self.expression(part), show(part)) for part in node.nodes]
        shown = show(node)
        return lambda frame: capped(
            frame.read("".join(to_text(part(frame), word) for part, word in parts)), shown
        )

    def _binary(self, node: nodes.BinExpr) -> Eval:
        left, right, run, shown = (
            self.expression(node.left),
            self.expression(node.right),
            BINARY[node.operator],
            show(node),
        )

        def compute(frame: Frame) -> Any:
            try:
                return run(frame, left(frame), right(frame))
            except Misuse as error:
                raise fault(shown, str(error)) from None
            except ArithmeticError:
                raise fault(shown, "the result is too large") from None

        return compute

    def _sign(self, node: nodes.Neg | nodes.Pos) -> Eval:
        inner, sign, shown = (
            self.expression(node.node),
            "-" if isinstance(node, nodes.Neg) else "+",
            show(node),
        )

        def run(frame: Frame) -> Any:
            try:
                return negative(inner(frame), sign)
            except Misuse as error:
                raise fault(shown, str(error)) from None

        return run

    def _list(self, node: nodes.List | nodes.Tuple) -> Eval:
        parts = [self.expression(part) for part in node.items]
        return lambda frame: weigh(frame, [part(frame) for part in parts])

    def _dict(self, node: nodes.Dict) -> Eval:
        for pair in node.items:
            if isinstance(pair.key, nodes.Const) and not isinstance(pair.key.value, str):
                raise refused(pair.key, "the keys of a map are text")
        pairs = [
            (self.expression(pair.key), self.expression(pair.value), show(pair.key)) for pair in node.items
        ]

        def run(frame: Frame) -> Any:
            found = {}
            for key, value, shown in pairs:
                name = key(frame)
                if not isinstance(name, str):
                    raise fault(shown, f"the keys of a map are text, not {kind_of(name)}")
                found[name] = value(frame)
            return weigh(frame, found)

        return run


_COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: ordered(left, right) and left < right,
    "lteq": lambda left, right: ordered(left, right) and left <= right,
    "gt": lambda left, right: ordered(left, right) and left > right,
    "gteq": lambda left, right: ordered(left, right) and left >= right,
    "in": lambda left, right: contains(right, left),
    "notin": lambda left, right: not contains(right, left),
}

_INSTEAD = {
    "items": "| items", "keys": "| list", "values": "| dictsort", "upper": "| upper", "lower": "| lower",
    "strip": "| trim", "split": "| lines", "splitlines": "| lines", "join": "| join(…)", "replace": "| replace(…)",
    "title": "| title", "capitalize": "| capitalize", "format": "| format(…)", "get": "| default(…)",
    "count": "| length", "startswith": "[:n] == …", "endswith": "[-n:] == …",
}  # fmt: skip


def literal(node: nodes.Const) -> Any:
    """The value of a literal. Raises TemplateSyntax for what no file can hold."""
    value = node.value
    if isinstance(value, float) and value - value != 0:
        raise refused(node, "the number is too large")
    if isinstance(value, str) and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise refused(node, "the text spells half a character") from None
    return value


def _constant(value: Any) -> Eval:
    return lambda _: value


def lookup(context: Mapping[str, Any], name: str, safe: bool) -> Any:
    """The value of a name; a missing one is an error, or null where `safe`."""
    try:
        return context[name]
    except KeyError:
        if safe:
            return None
        raise fault(name, f"there is no '{name}' here{nearest(name, list(context))}") from None


def refused(node: nodes.Node, message: str, *, width: int = 1, hint: str = "") -> TemplateSyntax:
    places = (inner.lineno for inner in (node, *node.iter_child_nodes()))  # a Scope has none of its own
    at = next((place for place in places if place is not None), 0)
    return TemplateSyntax(message, at, width=width, problem="unsupported", hint=hint)


def known(node: nodes.Node, name: Any, table: Mapping[str, Description], what: Any) -> Description:
    """The entry of a table, or a TemplateSyntax that names the nearest."""
    if name in table:
        return table[name]
    message = f"there is no {what} '{name}'{nearest(str(name), list(table))}"
    raise TemplateSyntax(message, node.lineno, width=len(str(name)), problem=what, name=str(name))


def _method(node: nodes.Call) -> TemplateSyntax:
    name = node.node.attr if isinstance(node.node, nodes.Getattr) else "…"
    holder = show(node.node.node) if isinstance(node.node, nodes.Getattr) else "x"
    instead = _INSTEAD.get(name)
    hint = f"write {holder} {instead}" if instead else "filters do what methods would: x | filter"
    return refused(
        node.node, f"'{name}(…)' would call a method; only {', '.join(FUNCTIONS)} can be called", hint=hint
    )
